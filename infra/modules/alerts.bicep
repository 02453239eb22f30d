metadata description = 'What somebody has to look at, and who is told.'

import { environmentNameType, nameOf, periodType } from 'names.bicep'

param environmentName environmentNameType
param location string
param tags object
param workspaceId string

@description('Who is told. With nobody, alerts still fire and stand in the portal.')
param emails string[]

@description('More events than this that wait for half an hour without an end are a backlog.')
param backlogMessages int

@description('Hours without any event, while one is on, after which somebody is told.')
@minValue(1)
@maxValue(6)
param silenceHours int

@description('When events are on. Outside of these times silence is nothing to look at.')
param eventPeriods periodType[]

// A line that the connector writes to standard output arrives as the message of a trace.
var lines = 'AppTraces | where Message startswith "{" | extend line = parse_json(Message)'

var periods = join(map(eventPeriods, period => 'datetime(${period.begin}), datetime(${period.end})'), ', ')

var rules = [
  {
    name: 'parked'
    severity: 2
    frequency: 'PT15M'
    window: 'PT15M'
    enabled: true
    title: 'Events were parked'
    description: 'Dynamics refused rows, or a message could not be read. `parked list` shows them with reason and remedy.'
    query: '${lines} | where tostring(line.message) in ("event parked", "message parked") or tostring(line.message) startswith "a poisoned message"'
  }
  {
    name: 'held'
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
    enabled: true
    title: 'Events are held'
    description: 'Something would meet every row: a privilege, a column, a setting. Nothing is lost, events wait. GET /api/health says what to mend.'
    query: '${lines} | where isnotempty(tostring(line.hold)) and tostring(line.hold) !in ("credentials", "application-user")'
  }
  {
    name: 'sign-in'
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
    enabled: true
    title: 'The connector cannot sign in to Dataverse'
    description: 'A secret or certificate has expired, or the application user is missing or disabled. Nothing is lost, events wait.'
    query: '${lines} | where tostring(line.hold) in ("credentials", "application-user")'
  }
  {
    name: 'backlog'
    severity: 2
    frequency: 'PT15M'
    window: 'PT30M'
    enabled: true
    title: 'Events wait for half an hour'
    description: 'More events come than are written, or none is written at all: Dataverse throttles, is away, or the functions do not run.'
    query: format(
      '''
let waiting = AppMetrics | where Name == "inevent_d365.backlog"
  | summarize waiting = max(Max) by bin(TimeGenerated, 5m)
  | summarize least = min(waiting), counts = count() | where counts >= 5 and least > {1} | project reason = "backlog";
let stuck = {0} | where tostring(line.target) == "outcome" and tostring(line.message) == "batch written"
  | summarize tried = sum(tolong(line.events)), postponed = sum(tolong(line.postponed)), span = max(TimeGenerated) - min(TimeGenerated)
  | where postponed > 0 and postponed == tried and span > 20m | project reason = "nothing written";
union waiting, stuck''',
      lines,
      backlogMessages
    )
  }
  {
    name: 'silence'
    severity: 2
    frequency: 'PT15M'
    window: 'PT${silenceHours}H'
    enabled: !empty(eventPeriods)
    title: 'No event arrived for ${silenceHours} h while one is on'
    description: 'Look whether InEvent still calls the webhook, and whether its key is still right.'
    query: format(
      '''
let on = toscalar(datatable(begin: datetime, end: datetime) [{0}] | where now() between (begin + {1}h .. end) | count);
AppRequests | where OperationName in ("IngestEvents", "InEventWebhook") and Success
  | summarize arrived = count() | where arrived == 0 and on > 0''',
      periods,
      silenceHours
    )
  }
  {
    name: 'host'
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
    enabled: true
    title: 'The connector crashes'
    description: 'The process ended by itself, or the host gave up starting it. What was under way is delivered again.'
    query: 'AppTraces | where Message has "Exceeded http worker restart retry count" or (SeverityLevel >= 3 and Message has "panicked at")'
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: nameOf('ag', environmentName)
  location: 'global'
  tags: tags
  properties: {
    groupShortName: take('ie-${environmentName}', 12)
    enabled: true
    emailReceivers: [
      for (address, index) in emails: {
        name: 'mail-${index}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${nameOf('alert', environmentName)}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${rule.title} (${environmentName})'
      description: rule.description
      severity: rule.severity
      enabled: rule.enabled
      evaluationFrequency: rule.frequency
      windowSize: rule.window
      scopes: [workspaceId]
      autoMitigate: true
      // A new workspace learns its tables from the first records.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: { actionGroups: [group.id] }
    }
  }
]
