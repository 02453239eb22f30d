metadata description = 'Where logs and metrics go: one workspace, and the Application Insights that writes into it. Both take no keys.'

import { environmentNameType, nameOf } from 'names.bicep'

param environmentName environmentNameType
param location string
param tags object
param principalId string

@minValue(30)
@maxValue(730)
param retentionDays int

@description('Gigabytes a day after which no more is taken until midnight; -1 for no limit.')
param dailyQuotaGb int

// Monitoring Metrics Publisher
var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: nameOf('log', environmentName)
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyQuotaGb }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: nameOf('appi', environmentName)
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
    DisableIpMasking: false
  }
}

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, nameOf('id', environmentName), metricsPublisher)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', metricsPublisher)
    description: 'The connector and its host send telemetry.'
  }
}

output workspaceId string = workspace.id

@description('It names where telemetry goes; with local authentication off it opens nothing.')
output connectionString string = insights.properties.ConnectionString
