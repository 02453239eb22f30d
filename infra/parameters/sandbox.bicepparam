using '../main.bicep'

param environmentName = 'sandbox'

param dataverseUrl = 'https://contoso-sandbox.crm4.dynamics.com'
param dataverseSignIn = 'managed-identity'
param inEventApiUrl = 'https://api.inevent.com'
param inEventCompanyId = '0'

param parkedDays = 30
param logRetentionDays = 30
