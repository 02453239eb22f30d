metadata description = 'One environment of the connector between InEvent and Dynamics 365: deployed into a resource group of its own.'

import { alwaysReadyType, environmentNameType, periodType } from 'modules/names.bicep'

param environmentName environmentNameType
param location string = resourceGroup().location

@description('Put on every resource, beside the environment\'s name.')
param tags object = {}

// Dataverse

@description('The environment, such as https://contoso.crm4.dynamics.com')
param dataverseUrl string

@description('What the names of its tables and columns begin with that the connector uses: what setup dataverse was run with.')
@minLength(2)
@maxLength(8)
param dataversePrefix string = 'new'

@description('How the connector signs in to Dataverse. The first two need no secret anywhere.')
@allowed([
  'managed-identity'
  'federated'
  'certificate'
  'client-secret'
])
param dataverseSignIn string = 'federated'

@description('The application of app-registration.bicep; not used where a managed identity signs in itself.')
param dataverseClientId string = ''

@description('The directory of the Dataverse environment.')
param dataverseTenantId string = tenant().tenantId

@description('Where tokens come from, with a slash at the end; another one only for an authority of your own.')
param authorityHost string = environment().authentication.loginEndpoint

@description('The name of the certificate in the vault, where one signs in.')
param dataverseCertificateName string = 'dataverse-certificate'

@description('The name of the client secret in the vault, where one signs in.')
param dataverseClientSecretName string = 'dataverse-client-secret'

// InEvent

@description('The API of your region: https://api.inevent.com or https://api.inevent.uk')
param inEventApiUrl string = 'https://api.inevent.com'

@description('The company in InEvent whose events are synchronised.')
param inEventCompanyId string

@description('Keeps the ids of several InEvent tenants in one CRM apart. Never change it once there are rows.')
param inEventTenant string = 'inevent'

@description('The name of InEvent\'s API token in the vault.')
param inEventTokenSecretName string = 'inevent-token'

@description('A user of InEvent to sign in with, where there is no API token; empty for the token.')
param inEventUserName string = ''

@description('The name of that user\'s password in the vault.')
param inEventPasswordSecretName string = 'inevent-password'

@description('The name of the keys that webhooks carry, in the vault.')
param inEventWebhookKeysSecretName string = 'inevent-webhook-keys'

// How it runs

@description('How long parked events are kept at least.')
@minValue(1)
@maxValue(36500)
param parkedDays int = 180

@description('How long the sync log is kept; with 0 there is none.')
@minValue(0)
@maxValue(3650)
param syncLogDays int = 30

@description('What is logged, in the form of RUST_LOG.')
param logFilter string = 'info'

@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 512

@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that always run and are paid for by the hour. None: the first call after a pause waits for a start.')
param alwaysReady alwaysReadyType[] = []

@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageSku string = 'Standard_LRS'

// Network

@description('Storage and vault are reached from a virtual network only.')
param privateNetwork bool = false

@description('The network\'s range; it needs to be apart from others only if you join it to them.')
param networkPrefix string = '10.61.0.0/24'

@description('Public addresses or ranges from which administrators reach the private storage and vault.')
param adminAddresses string[] = []

@description('What the host names of storage end with in this cloud.')
param storageSuffix string = environment().suffixes.storage

@description('What the host names of vaults end with in this cloud, with or without a dot before it.')
param vaultSuffix string = environment().suffixes.keyvaultDns

// Watching

@description('Whom alerts are sent to.')
param alertEmails string[] = []

@minValue(1)
param backlogMessages int = 1000

@minValue(1)
@maxValue(6)
param silenceHours int = 2

@description('When your events are on; silence is an alarm then, and only then.')
param eventPeriods periodType[] = []

@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Gigabytes a day after which no more telemetry is taken; -1 for no limit.')
param logDailyQuotaGb int = 1

// Administrators

@description('The application by which administrators sign in to /api/manage; empty for no sign-in there.')
param adminSignInClientId string = ''

var allTags = union(tags, { application: 'inevent-d365', environment: environmentName })

module identity 'modules/identity.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    sku: storageSku
    private: privateNetwork
    adminAddresses: adminAddresses
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    certificates: dataverseSignIn == 'certificate'
    private: privateNetwork
    adminAddresses: adminAddresses
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    addressPrefix: networkPrefix
  }
}

var storageZones = toObject(['blob', 'queue', 'table'], service => service, service => '${service}.${storageSuffix}')
var vaultZone = {
  vault: replace(startsWith(vaultSuffix, '.') ? substring(vaultSuffix, 1) : vaultSuffix, 'vault.', 'vaultcore.')
}
var zones = union(storageZones, vaultZone)

var privateServices = privateNetwork ? ['blob', 'queue', 'table', 'vault'] : []

module endpoints 'modules/private-endpoint.bicep' = [
  for service in privateServices: {
    params: {
      environmentName: environmentName
      location: location
      tags: allTags
      networkId: network!.outputs.id
      subnetId: network!.outputs.endpointSubnetId
      targetId: service == 'vault' ? vault.outputs.id : storage.outputs.id
      service: service
      zoneName: 'privatelink.${zones[service]}'
    }
  }
]

var hostSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AzureWebJobsStorage__blobServiceUri: storage.outputs.blobUri
  AzureWebJobsStorage__queueServiceUri: storage.outputs.queueUri
  AzureWebJobsStorage__tableServiceUri: storage.outputs.tableUri
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
}

var isIdentity = dataverseSignIn == 'managed-identity'
var clientId = !isIdentity && empty(dataverseClientId) ? fail('dataverseClientId is missing') : dataverseClientId

var signInSettings = {
  'managed-identity': {}
  federated: { DATAVERSE_CLIENT_ID: clientId }
  certificate: {
    DATAVERSE_CLIENT_ID: clientId
    DATAVERSE_CERTIFICATE_NAME: dataverseCertificateName
  }
  'client-secret': {
    DATAVERSE_CLIENT_ID: clientId
    DATAVERSE_CLIENT_SECRET_NAME: dataverseClientSecretName
  }
}

var tokenSettings = { INEVENT_TOKEN_SECRET_NAME: inEventTokenSecretName }
var userSettings = {
  INEVENT_USERNAME: inEventUserName
  INEVENT_PASSWORD_SECRET_NAME: inEventPasswordSecretName
}
var inEventSettings = empty(inEventUserName) ? tokenSettings : userSettings

var connectorSettings = {
  AZURE_CLIENT_ID: identity.outputs.clientId
  DATAVERSE_URL: dataverseUrl
  DATAVERSE_PREFIX: dataversePrefix
  DATAVERSE_SIGN_IN: dataverseSignIn
  DATAVERSE_TENANT_ID: dataverseTenantId
  DATAVERSE_TOKEN_URL: '${authorityHost}${dataverseTenantId}/oauth2/v2.0/token'
  KEY_VAULT_URL: vault.outputs.uri
  INEVENT_API_URL: inEventApiUrl
  INEVENT_COMPANY_ID: inEventCompanyId
  INEVENT_TENANT: inEventTenant
  INEVENT_WEBHOOK_KEYS_SECRET_NAME: inEventWebhookKeysSecretName
  INEVENT_D365_PARKED_DAYS: string(parkedDays)
  INEVENT_D365_SYNC_LOG_DAYS: string(syncLogDays)
  INEVENT_D365_LOG: logFilter
}

module app 'modules/app.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    packageUri: storage.outputs.packageUri
    workspaceId: monitoring.outputs.workspaceId
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: alwaysReady
    settings: union(hostSettings, connectorSettings, inEventSettings, signInSettings[dataverseSignIn])
    adminSignInClientId: adminSignInClientId
    authorityHost: authorityHost
  }
  // Without its way to the package, the app does not start.
  dependsOn: [endpoints]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    emails: alertEmails
    backlogMessages: backlogMessages
    silenceHours: silenceHours
    eventPeriods: eventPeriods
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
  }
}

output appName string = app.outputs.name
output appHostName string = app.outputs.hostName
output storageAccountName string = storage.outputs.name
output keyVaultName string = vault.outputs.name

@description('What becomes the application user where a managed identity signs in.')
output identityClientId string = identity.outputs.clientId
