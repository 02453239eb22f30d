metadata description = 'What the connector keeps: queues, tables, blobs, and the package. Nobody has a key to it.'

import { environmentNameType, nameOf, shortNameOf } from 'names.bicep'

param environmentName environmentNameType
param location string
param tags object
param principalId string
param workspaceId string

@description('How the account copies its data. ZRS survives the loss of a datacentre, where the region has several.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param sku string

@description('Whether it can be reached from the virtual network only.')
param private bool

@description('Public addresses or ranges that may reach a private account all the same.')
param adminAddresses string[]

// In batched mode events wait in `inevent-activities`, which no trigger reads: it has no poison queue.
var queues = [
  'inevent-events'
  'inevent-events-poison'
  'inevent-activities'
  'inevent-hydrate'
  'inevent-hydrate-poison'
]

// `inevent` and the kind of record. One that is missing here, the connector makes when it needs it.
var tables = [
  'ineventbackfill'
  'ineventcheck'
  'ineventclaim'
  'ineventclosing'
  'ineventclosingwaiting'
  'ineventforgotten'
  'ineventheld'
  'ineventinvitation'
  'ineventinvitationpass'
  'ineventleases'
  'ineventlistmember'
  'ineventlistnote'
  'ineventlisttrouble'
  'ineventparked'
  'ineventputback'
  'ineventreconcile'
  'ineventretention'
  'ineventsettledbody'
  'ineventsynclog'
  'ineventsynclogday'
  'ineventturns'
  'ineventwriter'
]

var bodies = 'inevent-bodies'
var package = 'inevent-package'
var containers = [
  bodies
  'inevent-settings'
  package
]

var roles = [
  {
    id: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
    why: 'Storage Blob Data Owner: the host leases blobs for its timers and keeps its keys; package, settings and large bodies.'
  }
  {
    id: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
    why: 'Storage Queue Data Contributor: events are put, taken and moved to poison queues.'
  }
  {
    id: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
    why: 'Storage Table Data Contributor: parked events and the connector\'s own records.'
  }
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: shortNameOf('st', environmentName, resourceGroup().id)
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private && empty(adminAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in adminAddresses: { value: address, action: 'Allow' }]
    }
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      // Without it, queues and tables have keys that no customer's key could ever replace.
      services: {
        blob: { enabled: true, keyType: 'Account' }
        file: { enabled: true, keyType: 'Account' }
        queue: { enabled: true, keyType: 'Account' }
        table: { enabled: true, keyType: 'Account' }
      }
    }
  }

  resource blobService 'blobServices' = {
    name: 'default'
    properties: {
      // What `forget` and the end of a retention erase has to be gone.
      deleteRetentionPolicy: { enabled: false }
      containerDeleteRetentionPolicy: { enabled: false }
    }

    resource container 'containers' = [
      for name in containers: {
        name: name
        properties: { publicAccess: 'None' }
      }
    ]
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource queue 'queues' = [for name in queues: { name: name }]
  }

  resource tableService 'tableServices' = {
    name: 'default'

    resource table 'tables' = [for name in tables: { name: name }]
  }

  // A body is removed when its event is settled. What a process left behind that died in between goes here: no queue
  // keeps a message that names it for so long.
  resource lifecycle 'managementPolicies' = {
    name: 'default'
    properties: {
      policy: {
        rules: [
          {
            name: 'forgotten-bodies'
            type: 'Lifecycle'
            enabled: true
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: ['${bodies}/'] }
              actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 200 } } }
            }
          }
        ]
      }
    }
    dependsOn: [blobService]
  }
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    scope: account
    name: guid(account.id, nameOf('id', environmentName), role.id)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.id)
      description: role.why
    }
  }
]

// Reads are left out: the host looks into its queues every two seconds.
resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::blobService
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::queueService
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::tableService
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output id string = account.id
output name string = account.name
output blobUri string = account.properties.primaryEndpoints.blob
output queueUri string = account.properties.primaryEndpoints.queue
output tableUri string = account.properties.primaryEndpoints.table
output packageUri string = '${account.properties.primaryEndpoints.blob}${package}'
