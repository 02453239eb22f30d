#!/usr/bin/env bash
# Stands in for the Azure CLI: notes every call in $FAKE_AZ/calls, remembers what was made, and answers as az would as
# far as deploy.sh listens. It knows nothing else of Azure.
set -euo pipefail

printf '%s\n' "$*" | tr '\n' ' ' >>"$FAKE_AZ/calls"
printf '\n' >>"$FAKE_AZ/calls"

# The value of an option of this call.
option() {
    local wanted=$1
    shift
    while [ $# -gt 1 ]; do
        [ "$1" != "$wanted" ] || { printf '%s' "$2"; return; }
        shift
    done
}
made() { [ -e "$FAKE_AZ/$1" ]; }
make() { : >"$FAKE_AZ/$1"; }

words=''
for word in "$@"; do
    case $word in -*) break ;; esac
    words="$words $word"
done

case ${words# } in
    'account show') printf 'a-subscription\nThe subscription\na-tenant\n' ;;
    'cloud show')
        case "$(option --query "$@")" in
            name) echo "${FAKE_CLOUD:-AzureCloud}" ;;
            *) echo "${FAKE_AUTHORITY:-https://login.microsoftonline.com}" ;;
        esac ;;
    'provider show') made "provider-$(option --namespace "$@")" && echo Registered || echo NotRegistered ;;
    'provider register') make "provider-$(option --namespace "$@")" ;;
    'group exists') made group && echo true || echo false ;;
    'group create') make group ;;
    'deployment group what-if') echo 'Resource changes: 1 to create.' ;;
    'deployment group create')
        printf '%s CONNECTOR_CLIENT_ID=%s CONNECTOR_ADMIN_ADDRESSES=%s\n' "$(option --name "$@")" \
            "${CONNECTOR_CLIENT_ID-unset}" "${CONNECTOR_ADMIN_ADDRESSES-unset}" >>"$FAKE_AZ/environment"
        make "deployment-$(option --name "$@")" ;;
    'deployment group show')
        made "deployment-$(option --name "$@")" || { echo 'not found' >&2; exit 3; }
        output=$(option --query "$@") output=${output#properties.outputs.}
        echo "the-${output%.value}" ;;
    'ad app list') made application && echo the-application || true ;;
    'ad app create') make application; echo the-application ;;
    'ad sp list') made principal && echo the-principal || true ;;
    'ad sp create') make principal ;;
    'ad app federated-credential list') made credential && echo the-credential || true ;;
    'ad app federated-credential create') make credential ;;
    'ad app update' | 'ad sp update' | 'ad app federated-credential update' | rest) ;;
    'functionapp deployment source config-zip') ;;
    'keyvault secret list') echo inevent-token ;;
    'keyvault secret show' | 'functionapp keys list') echo "$FAKE_SECRET" ;;
    *) echo "fake az: $*" >&2; exit 2 ;;
esac
