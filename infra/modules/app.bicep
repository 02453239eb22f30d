metadata description = 'The function app on a Flex Consumption plan of its own, and what it is told.'

import { alwaysReadyType, appNameOf, environmentNameType, nameOf } from 'names.bicep'

param environmentName environmentNameType
param location string
param tags object
param identityId string
param identityClientId string
param packageUri string
param workspaceId string

@description('The subnet that the app runs in; empty for none.')
param subnetId string

@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int

@minValue(40)
@maxValue(1000)
param maximumInstanceCount int

param alwaysReady alwaysReadyType[]

@description('What the host and the connector read. The names are theirs.')
param settings object

@description('The application by which administrators sign in; empty for no sign-in.')
param adminSignInClientId string

@description('Where tokens come from, with a slash at the end.')
param authorityHost string

var adminSignIn = !empty(adminSignInClientId)

// The sign-in of administrators has no secret: the platform signs with the app's identity, which the application trusts. The
// connector believes what the platform says of a caller only where it is told, here, that the platform signs in.
var signInSettings = adminSignIn
  ? {
      OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
      INEVENT_D365_ADMIN_SIGN_IN: adminSignInClientId
    }
  : {}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: nameOf('plan', environmentName)
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appNameOf(environmentName, resourceGroup().id)
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'custom', version: '1.0' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(settings, signInSettings)
  }

  // Deployments sign in to Entra; the passwords of old are shut.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  // It guards /api/manage. The other routes have keys of their own, and their callers cannot sign in to Entra.
  resource signIn 'config' = if (adminSignIn) {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: true, runtimeVersion: '~1' }
      httpSettings: { requireHttps: true }
      globalValidation: {
        requireAuthentication: true
        unauthenticatedClientAction: 'RedirectToLoginPage'
        redirectToProvider: 'azureactivedirectory'
        excludedPaths: [
          '/api/events'
          '/api/health'
          '/api/inevent/webhook/*'
        ]
      }
      identityProviders: {
        azureActiveDirectory: {
          enabled: true
          registration: {
            openIdIssuer: '${authorityHost}${tenant().tenantId}/v2.0'
            clientId: adminSignInClientId
            clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          }
          validation: {
            allowedAudiences: [adminSignInClientId]
            defaultAuthorizationPolicy: {
              allowedApplications: [
                adminSignInClientId
                '04b07795-8ddb-461a-bbee-02f9e1bf7b46' // Azure CLI
              ]
            }
          }
        }
      }
      login: { tokenStore: { enabled: false } }
    }
    dependsOn: [appSettings]
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    // What the connector logs is in Application Insights; these are the platform's own.
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
