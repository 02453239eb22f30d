metadata description = 'A page in the portal that shows how the connector fares.'

import { environmentNameType } from 'names.bicep'

param environmentName environmentNameType
param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'workbook', environmentName)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'InEvent for Dynamics 365 (${environmentName})'
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: replace(loadTextContent('../workbook.json'), '{workspace}', workspaceId)
  }
}
