#!/usr/bin/env bash
# Deploys one environment of the connector with the Azure CLI. Run it again whenever something has changed: what is
# there already stays. It makes no secret and prints none.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: infra/deploy.sh --environment NAME --resource-group NAME --location REGION [options]

Deploys what infra/parameters/NAME.bicepparam describes into a resource group, which is made if it is missing.

  --environment NAME      the parameters' file and the part of every name: production, sandbox, or one of yours
  --resource-group NAME   a group for this environment alone
  --location REGION       an Azure region that has Flex Consumption, such as westeurope
  --package FILE          also deploy this package (cargo xtask package --zip FILE)
  --client-id ID          use this application; somebody else deploys app-registration.bicep
  --no-registration       no application: a managed identity signs in, and nobody to /api/manage
  --allow-address IP      let this public address reach a private storage account and vault; run it again without
                          this to shut it. May be given more than once
  --subscription ID       the subscription; without it the one that az has chosen
  --what-if               say what would change, and change nothing
  --help                  this text

It wants the Azure CLI 2.60 or later, signed in (az login); Azure Cloud Shell has it. Rights: infra/README.md.
USAGE
}

say() { printf '== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() {
    printf 'deploy.sh: %s\n' "$*" >&2
    exit 1
}

environment='' group='' location='' package='' client_id='' subscription=''
registration=yes what_if=no addresses=''
while [ $# -gt 0 ]; do
    option=$1
    case $option in
        --help | -h) usage; exit 0 ;;
        --no-registration) registration=no; shift; continue ;;
        --what-if) what_if=yes; shift; continue ;;
    esac
    [ $# -ge 2 ] || { usage >&2; die "$option: unknown, or its value is missing"; }
    case $option in
        --environment) environment=$2 ;;
        --resource-group) group=$2 ;;
        --location) location=$2 ;;
        --package) package=$2 ;;
        --client-id) client_id=$2 ;;
        --allow-address) addresses=${addresses:+$addresses,}$2 ;;
        --subscription) subscription=$2 ;;
        *) usage >&2; die "$option: unknown" ;;
    esac
    shift 2
done
[ -n "$environment" ] || die 'say which environment: --environment'
[ -n "$group" ] || die 'say which resource group: --resource-group'
[ -n "$location" ] || die 'say where: --location'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
parameters=$here/parameters/$environment.bicepparam
[ -f "$parameters" ] || die "there is no $parameters"
grep -Eq "^param environmentName = '$environment'" "$parameters" ||
    die "$parameters is not about '$environment': its environmentName must be that"
[ -z "$package" ] || [ -f "$package" ] || die "there is no $package"
command -v az >/dev/null || die 'the Azure CLI is missing: https://learn.microsoft.com/cli/azure/install-azure-cli'

in_subscription=()
[ -z "$subscription" ] || in_subscription=(--subscription "$subscription")

account=$(az account show "${in_subscription[@]}" --query '[id, name, tenantId]' --output tsv) ||
    die 'az is not signed in: az login'
mapfile -t account <<<"$account"
subscription=${account[0]}
tenant=${account[2]:-}
in_subscription=(--subscription "$subscription")
in_group=("${in_subscription[@]}" --resource-group "$group")

# What differs from cloud to cloud and az does not say.
cloud=$(az cloud show --query name --output tsv)
authority=$(az cloud show --query endpoints.activeDirectory --output tsv)
authority=${authority%/}/
case $cloud in
    AzureCloud) app_suffix=azurewebsites.net exchange=api://AzureADTokenExchange graph='' ;;
    AzureUSGovernment) app_suffix=azurewebsites.us exchange=api://AzureADTokenExchangeUSGov graph=https://graph.microsoft.us ;;
    AzureChinaCloud) app_suffix=chinacloudsites.cn exchange=api://AzureADTokenExchangeChina graph=https://microsoftgraph.chinacloudapi.cn ;;
    *) die "the cloud $cloud is not known" ;;
esac

say "environment '$environment' in $cloud"
note "subscription    ${account[1]:-} ($subscription)"
note "resource group  $group, $location"
note "parameters      ${parameters#"$here"/}"
note "1. the resource group, and the resource providers that are not registered yet"
note "2. the managed identity"
if [ -n "$client_id" ]; then
    note "3. no registration: the application is $client_id"
elif [ "$registration" = no ]; then
    note "3. no registration: --no-registration"
elif [ "$cloud" = AzureCloud ]; then
    note "3. the application in Entra, by app-registration.bicep"
else
    note "3. the application in Entra, by az CLI: the Bicep extension knows the public cloud only"
fi
note "4. all the rest, by main.bicep${addresses:+, open to $addresses}"
note "5. ${package:+the package $package}${package:-no package: give --package}"
[ "$what_if" = no ] || note "--what-if: nothing of this is done"

# A command that changes something.
change() {
    if [ "$what_if" = yes ]; then
        note "would run: az $1 $2 ${3:-} …"
    else
        az "$@"
    fi
}

# deploy NAME WHAT… : a deployment into the group.
deploy() {
    local name=$1
    shift
    if [ "$what_if" = yes ]; then
        az deployment group what-if "${in_group[@]}" --name "$name" "$@"
    else
        az deployment group create "${in_group[@]}" --name "$name" "$@" --output none
    fi
}

# result DEPLOYMENT OUTPUT: what a deployment that was made has put out; nothing if there is none.
result() {
    az deployment group show "${in_group[@]}" --name "$1" --query "properties.outputs.$2.value" --output tsv 2>/dev/null || true
}

say '1. resource group and providers'
for provider in Microsoft.App Microsoft.Insights Microsoft.KeyVault Microsoft.ManagedIdentity Microsoft.Network \
    Microsoft.OperationalInsights Microsoft.Storage Microsoft.Web; do
    state=$(az provider show "${in_subscription[@]}" --namespace "$provider" --query registrationState --output tsv)
    [ "$state" = Registered ] || change provider register "${in_subscription[@]}" --namespace "$provider" --wait
done
if [ "$(az group exists "${in_subscription[@]}" --name "$group")" = true ]; then
    note 'there already'
else
    change group create "${in_subscription[@]}" --name "$group" --location "$location" \
        --tags application=inevent-d365 "environment=$environment" --output none
    if [ "$what_if" = yes ]; then
        note 'the group is missing, so that Azure cannot predict the rest'
        exit 0
    fi
fi

say '2. managed identity'
# Once is enough: from then on main.bicep keeps it, with the tags of the parameters.
principal=$(result inevent-d365-identity principalId)
if [ -z "$principal" ]; then
    deploy inevent-d365-identity --template-file "$here/modules/identity.bicep" \
        --parameters "environmentName=$environment" "location=$location"
    principal=$(result inevent-d365-identity principalId)
else
    note 'there already'
fi
app=$(result inevent-d365-identity appName)
host=$app.$app_suffix

register_by_bicep() {
    deploy inevent-d365-registration --template-file "$here/app-registration.bicep" \
        --parameters "environmentName=$environment" "identityPrincipalId=$principal" "appHostName=$host"
    client_id=$(result inevent-d365-registration clientId)
}

# The same application as app-registration.bicep makes; a test compares the two.
register_by_cli() {
    local name="InEvent – Dynamics 365 Connector ($environment)" credential access roles api
    access='[{"resourceAppId": "00000007-0000-0000-c000-000000000000", "resourceAccess":
        [{"id": "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4", "type": "Scope"}]}]'
    roles='[{"id": "58537de4-e04e-4201-82a5-204df11e1749", "value": "Connector.Admin", "isEnabled": true,
        "allowedMemberTypes": ["User"], "displayName": "Administrator of the connector",
        "description": "Changes settings, replays and drops what is parked, forgets people."},
        {"id": "4a87a631-be1f-41cf-9de7-918c97beeff3", "value": "Connector.Reader", "isEnabled": true,
        "allowedMemberTypes": ["User"], "displayName": "Reader of the connector",
        "description": "Sees settings, health and what is parked."}]'
    api='{"api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [
        {"id": "c4307c8c-81a3-45ed-9480-b5880425b7cb", "value": "manage", "type": "Admin", "isEnabled": true,
        "adminConsentDisplayName": "Manage the connector", "adminConsentDescription":
        "Lets the command line manage the connector as the person who is signed in."}],
        "preAuthorizedApplications": [{"appId": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "delegatedPermissionIds": ["c4307c8c-81a3-45ed-9480-b5880425b7cb"]}]}}'
    credential='{"name": "managed-identity", "description": "The managed identity of the function app.",
        "issuer": "'$authority$tenant'/v2.0", "subject": "'$principal'", "audiences": ["'$exchange'"]}'

    client_id=$(az ad app list --filter "displayName eq '$name'" --query '[0].appId' --output tsv)
    local settings=(--web-redirect-uris "https://$host/.auth/login/aad/callback" --enable-id-token-issuance true
        --required-resource-accesses "$access" --app-roles "$roles")
    if [ -n "$client_id" ]; then
        change ad app update --id "$client_id" "${settings[@]}"
    elif [ "$what_if" = yes ]; then
        note 'would run: az ad app create …'
        return
    else
        client_id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg "${settings[@]}" \
            --query appId --output tsv)
    fi
    change rest --method patch --url "$graph/v1.0/applications(appId='$client_id')" \
        --headers Content-Type=application/json --body "$api"
    if [ -z "$(az ad sp list --filter "appId eq '$client_id'" --query '[0].id' --output tsv)" ]; then
        change ad sp create --id "$client_id" --output none
    fi
    change ad sp update --id "$client_id" --set appRoleAssignmentRequired=true
    local known
    known=$(az ad app federated-credential list --id "$client_id" --query "[?name=='managed-identity'].id" --output tsv)
    if [ -z "$known" ]; then
        change ad app federated-credential create --id "$client_id" --parameters "$credential" --output none
    else
        change ad app federated-credential update --id "$client_id" --federated-credential-id "$known" \
            --parameters "$credential" --output none
    fi
}

say '3. application in Entra'
if [ -n "$client_id" ] || [ "$registration" = no ]; then
    note 'left alone'
elif [ -z "$principal" ]; then
    note 'not predicted: the identity that it trusts is not there yet'
elif [ "$cloud" = AzureCloud ]; then
    register_by_bicep
else
    register_by_cli
fi

say '4. everything else'
# The parameters' files read these. Where nothing is known, the application of an environment that is there stays.
if [ -z "$client_id" ] && [ "$registration" = yes ]; then
    client_id=$(result inevent-d365-registration clientId)
fi
if [ "$registration" = yes ] || [ -n "$client_id" ]; then
    export CONNECTOR_CLIENT_ID=${client_id:-00000000-0000-0000-0000-000000000000}
else
    export CONNECTOR_CLIENT_ID=''
fi
export CONNECTOR_ADMIN_ADDRESSES=$addresses
deploy inevent-d365 --parameters "$parameters" --parameters "location=$location"

say '5. package'
if [ -z "$package" ]; then
    note 'none given'
elif [ -z "$app" ]; then
    note 'not predicted: the app is not there yet'
else
    change functionapp deployment source config-zip "${in_group[@]}" --name "$app" --src "$package" --output none
fi
[ "$what_if" = no ] || exit 0

vault=$(result inevent-d365 keyVaultName)
say 'deployed. What is left to do by hand'
if [ -n "$client_id" ]; then
    note "consent, by an administrator of the directory: az ad app permission admin-consent --id $client_id"
    note "application user in Dataverse, with the connector's role: client id $client_id"
else
    note "application user in Dataverse, with the connector's role: client id $(result inevent-d365 identityClientId)"
fi
note "secrets, each like this (the value is neither shown nor kept; it wants the role Key Vault Secrets Officer):"
note "  (read -rsp 'value: ' value; printf %s \"\$value\") | az keyvault secret set --vault-name $vault \\"
note "    --name inevent-token --file /dev/stdin --output none"
if present=$(az keyvault secret list "${in_subscription[@]}" --vault-name "$vault" --query '[].name' --output tsv 2>/dev/null); then
    for secret in inevent-token inevent-webhook-keys; do
        if grep -qx "$secret" <<<"$present"; then note "  $secret is there"; else note "  $secret is missing"; fi
    done
else
    note "  whether inevent-token and inevent-webhook-keys are there cannot be seen from here"
fi
note "health: https://$host/api/health with a function key (az functionapp keys list shows the keys)"
