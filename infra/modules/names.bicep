// The names by convention, in one place: what is deployed in several steps must agree on them.

@export()
@description('What an environment is called: it is part of every name and tag.')
@minLength(2)
@maxLength(10)
type environmentNameType = string

@export()
@description('When an event is on, in UTC, such as 2026-06-01T06:00Z.')
@sealed()
type periodType = {
  begin: string
  end: string
}

@export()
@description('How many instances always run, for a group: `http`, or `function:` and the name of a queue or timer function.')
@sealed()
type alwaysReadyType = {
  name: string
  instanceCount: int
}

// Five letters that keep names apart that have to be unique in the world.
func mark(scope string) string => take(uniqueString(scope), 5)

@export()
@description('The name of most resources; the prefix is the usual abbreviation of its kind.')
func nameOf(kind string, environmentName string) string => '${kind}-inevent-d365-${environmentName}'

@export()
@description('The name of the function app, which is part of its address.')
func appNameOf(environmentName string, scope string) string => 'func-inevent-d365-${environmentName}-${mark(scope)}'

@export()
@description('The name of a storage account or a vault: up to 24 letters and digits, unique in the world.')
func shortNameOf(kind string, environmentName string, scope string) string =>
  '${kind}inevent${environmentName}${mark(scope)}'
