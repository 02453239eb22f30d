using '../main.bicep'

param environmentName = 'production'

param dataverseUrl = 'https://contoso.crm4.dynamics.com'
param dataverseSignIn = 'federated'
param inEventApiUrl = 'https://api.inevent.com'
param inEventCompanyId = '0'

// Both are the application that app-registration.bicep makes; deploy.sh fills them in.
param dataverseClientId = readEnvironmentVariable('CONNECTOR_CLIENT_ID', '00000000-0000-0000-0000-000000000000')
param adminSignInClientId = readEnvironmentVariable('CONNECTOR_CLIENT_ID', '00000000-0000-0000-0000-000000000000')

// Addresses that deploy.sh is told by --allow-address; none for good.
param adminAddresses = filter(
  split(readEnvironmentVariable('CONNECTOR_ADMIN_ADDRESSES', ''), ','),
  address => !empty(address)
)

param storageSku = 'Standard_ZRS'
param privateNetwork = true

// The first event after a pause does not wait for a start.
param alwaysReady = [{ name: 'http', instanceCount: 1 }]

param alertEmails = ['crm-operations@contoso.com']

// One line for each event: { begin: '2026-06-01T06:00Z', end: '2026-06-01T18:00Z' }
param eventPeriods = []
