metadata description = 'The identity that the function app has. Deployed first: the app registration trusts it, and the app names the registration.'

import { appNameOf, environmentNameType, nameOf } from 'names.bicep'

param environmentName environmentNameType
param location string = resourceGroup().location
param tags object = {}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: nameOf('id', environmentName)
  location: location
  tags: tags
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId

@description('What the function app is going to be called.')
output appName string = appNameOf(environmentName, resourceGroup().id)
