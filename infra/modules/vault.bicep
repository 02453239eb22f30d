metadata description = 'The secrets. They are put in by hand, so that their values are in no template, parameter or record of a deployment.'

import { environmentNameType, nameOf, shortNameOf } from 'names.bicep'

param environmentName environmentNameType
param location string
param tags object
param principalId string
param workspaceId string

@description('Whether the connector reads a certificate, too.')
param certificates bool

@description('Whether it can be reached from the virtual network only.')
param private bool

@description('Public addresses or ranges that may reach a private vault all the same.')
param adminAddresses string[]

// Key Vault Secrets User; and for a certificate Key Vault Certificate User and Key Vault Crypto User: its key signs in the vault.
var roles = concat(
  ['4633458b-17de-408a-b874-0445c86b69e6'],
  certificates ? ['db79e9a7-68ee-4b58-9aeb-b90e7c24fcba', '12338af0-0e69-4776-bea7-57ae8d297424'] : []
)

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: shortNameOf('kv', environmentName, resourceGroup().id)
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: private && empty(adminAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in adminAddresses: { value: address }]
    }
  }
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    scope: vault
    name: guid(vault.id, nameOf('id', environmentName), role)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      description: 'The connector reads its secrets.'
    }
  }
]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
