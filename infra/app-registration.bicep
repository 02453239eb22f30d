metadata description = 'The application in Entra: who deploys it needs rights in the directory, not in the subscription. No secret is made.'

extension microsoftGraphV1

import { environmentNameType } from 'modules/names.bicep'

param environmentName environmentNameType

@description('The principal (object) id of the connector\'s managed identity, which signs in as this application.')
param identityPrincipalId string

@description('The function app\'s host name, for the sign-in of administrators.')
param appHostName string

@description('Where tokens come from, with a slash at the end.')
param authorityHost string = environment().authentication.loginEndpoint

// Dataverse and its delegated permission `user_impersonation`.
var dataverse = '00000007-0000-0000-c000-000000000000'
var userImpersonation = '78ce3f0f-a1ce-49c2-8cde-64b5c0896db4'

var azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'

var uniqueName = 'inevent-d365-${environmentName}'
// This id and those of the roles are unique within the application only; deploy.sh registers with the same.
var manageScope = 'c4307c8c-81a3-45ed-9480-b5880425b7cb'

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: 'InEvent – Dynamics 365 Connector (${environmentName})'
  description: 'Writes what happens at InEvent events to Dynamics 365. Administrators of the connector sign in by it, too.'
  signInAudience: 'AzureADMyOrg'
  requiredResourceAccess: [
    {
      resourceAppId: dataverse
      resourceAccess: [{ id: userImpersonation, type: 'Scope' }]
    }
  ]
  web: {
    redirectUris: ['https://${appHostName}/.auth/login/aad/callback']
    implicitGrantSettings: { enableIdTokenIssuance: true, enableAccessTokenIssuance: false }
  }
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: manageScope
        value: 'manage'
        type: 'Admin'
        isEnabled: true
        adminConsentDisplayName: 'Manage the connector'
        adminConsentDescription: 'Lets the command line manage the connector as the person who is signed in.'
      }
    ]
    preAuthorizedApplications: [{ appId: azureCli, delegatedPermissionIds: [manageScope] }]
  }
  appRoles: [
    {
      id: '58537de4-e04e-4201-82a5-204df11e1749'
      value: 'Connector.Admin'
      displayName: 'Administrator of the connector'
      description: 'Changes settings, replays and drops what is parked, forgets people.'
      allowedMemberTypes: ['User']
      isEnabled: true
    }
    {
      id: '4a87a631-be1f-41cf-9de7-918c97beeff3'
      value: 'Connector.Reader'
      displayName: 'Reader of the connector'
      description: 'Sees settings, health and what is parked.'
      allowedMemberTypes: ['User']
      isEnabled: true
    }
  ]

  // The managed identity's token stands for a secret that nobody has to keep.
  resource managedIdentity 'federatedIdentityCredentials@v1.0' = {
    name: '${application.uniqueName}/managed-identity'
    description: 'The managed identity of the function app.'
    audiences: ['api://AzureADTokenExchange']
    issuer: '${authorityHost}${tenant().tenantId}/v2.0'
    subject: identityPrincipalId
  }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
  // Nobody signs in to the admin routes whom nobody gave a role.
  appRoleAssignmentRequired: true
}

@description('The client id: it becomes the application user in Dataverse.')
output clientId string = application.appId
output servicePrincipalId string = servicePrincipal.id
