#!/usr/bin/env bash
# A full rotation by the Azure CLI, unmodified.
#
#   rotation.sh KEYRELAY SERVED
#
# KEYRELAY is the program; the file SERVED holds the object that `keyrelay sandbox serve --json` prints. `az` is taken from PATH.
set -euo pipefail
keyrelay=$1 served=$2

of() { python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("/"): v=v[int(k)] if isinstance(v, list) else v[k]
print(v)' "$served" "$1"; }
fail() { echo "az: $*" >&2; exit 1; }
# what failed, and what the sandbox was asked last: the words of az alone do not tell
trap 'echo "az: line $LINENO failed: $BASH_COMMAND" >&2; "$keyrelay" sandbox log --port "$port" 2>&1 | tail -n 8 >&2' ERR
same() { [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"; }
# tries again for 30 seconds: changes are not seen everywhere at once
until_it_is() { for _ in $(seq 30); do "$@" >/dev/null 2>&1 && return; sleep 1; done; fail "never: $*"; }
says() { local expected=$1; shift; [ "$("$@" -o tsv)" = "$expected" ]; }
refused() { local text=$1; shift; local said; if said=$("$@" 2>&1); then fail "not refused: $*"; fi; grep -q -- "$text" <<<"$said" || fail "$* said: $said"; }

graph=$(of graph) port=$(of authority); port=${port##*:}
app=$(of applications/0/client_id) object=$(of applications/0/object_id) name=$(of applications/0/vault_secret)
eval "$("$keyrelay" sandbox az --port "$port")"
trap 'rm -rf "$AZURE_CONFIG_DIR"' EXIT

# the cloud can be registered by its metadata alone, too
az cloud register --name by-metadata --endpoint-resource-manager "$graph"
same "$(az cloud show --name by-metadata --query suffixes.keyvaultDns -o tsv)" ".0.0.1:$port" "the vaults' suffix"

# the directory
same "$(az ad app list --all --query 'length(@)' -o tsv)" 8 "applications and operators"
same "$(az ad app list --display-name sandbox-app --query 'length(@)' -o tsv)" 3 "by the start of the name"
same "$(az ad app show --id "$app" --query id -o tsv)" "$object" "by appId"
same "$(az ad app show --id "$object" --query appId -o tsv)" "$app" "by object id"
same "$(az ad sp show --id "$app" --query appId -o tsv)" "$app" "the service principal"
same "$(az ad app owner list --id "$app" --query 'length(@)' -o tsv)" 1 "owners"
refused "does not exist" az ad app show --id 00000000-0000-0000-0000-000000000001

# add, set, read back
old_key=$(az ad app credential list --id "$app" --query '[0].keyId' -o tsv)
value=$(az ad app credential reset --id "$app" --append --display-name "by az" --years 1 --query password -o tsv)
until_it_is says 2 az ad app credential list --id "$app" --query 'length(@)'
old_version=$(az keyvault secret show --vault-name 127 --name "$name" --query id -o tsv); old_version=${old_version##*/}
set_id=$(az keyvault secret set --vault-name 127 --name "$name" --value="$value" --tags rotated=yes --query id -o tsv)
same "$(az keyvault secret show --vault-name 127 --name "$name" --query value -o tsv)" "$value" "read back"
same "$(az keyvault secret show --id "$set_id" --query tags.rotated -o tsv)" yes "by id"
for n in 1 2 3; do az keyvault secret set --vault-name 127 --name many --value="value $n" -o none; done
same "$(az keyvault secret list-versions --vault-name 127 --name many --maxresults 2 --query 'length(@)' -o tsv)" 2 "a short list of versions"
same "$(az keyvault secret list-versions --vault-name 127 --name many --query 'length(@)' -o tsv)" 3 "all versions"
same "$(az keyvault secret list --vault-name 127 --query 'length(@)' -o tsv)" 4 "secrets"

# it signs in: a folder of its own, else the Azure CLI answers from its cache
signs_in() {
  local folder; folder=$(mktemp -d)
  cp "$AZURE_CONFIG_DIR/clouds.config" "$AZURE_CONFIG_DIR/config" "$folder"
  local done=0
  AZURE_CONFIG_DIR=$folder az login --service-principal --username "$app" --password="$1" --tenant "$(of tenant_id)" \
    --allow-no-subscriptions -o none || done=$?
  rm -rf "$folder"
  return "$done"
}
until_it_is signs_in "$value"
refused AADSTS7000215 signs_in wrong

# remove the old, disable its version
az ad app credential delete --id "$app" --key-id "$old_key"
until_it_is says "by az" az ad app credential list --id "$app" --query '[].displayName'
az keyvault secret set-attributes --vault-name 127 --name "$name" --version "$old_version" --enabled false -o none
refused Forbidden az keyvault secret show --vault-name 127 --name "$name" --version "$old_version"
refused SecretNotFound az keyvault secret show --vault-name 127 --name no-such-secret

# without --append every other credential goes
az ad app credential reset --id "$app" --display-name alone -o none
until_it_is says alone az ad app credential list --id "$app" --query '[].displayName'

# an application of one's own, from beginning to end
made=$(az ad app create --display-name "made by az" --sign-in-audience AzureADMyOrg --query appId -o tsv)
until_it_is az ad sp create --id "$made"
until_it_is says "made by az" az ad sp show --id "$made" --query displayName
until_it_is says "$made" az ad app show --id "$made" --query appId
az ad app delete --id "$made"
refused "does not exist" az ad app show --id "$made"

# delete, recover, purge
az keyvault secret delete --vault-name 127 --name many -o none
until_it_is az keyvault secret recover --vault-name 127 --name many
until_it_is az keyvault secret show --vault-name 127 --name many
az keyvault secret delete --vault-name 127 --name many -o none
until_it_is az keyvault secret show-deleted --vault-name 127 --name many
az keyvault secret purge --vault-name 127 --name many
refused SecretNotFound az keyvault secret show-deleted --vault-name 127 --name many
echo "az: a full rotation ($graph)"
