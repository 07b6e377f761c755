#!/usr/bin/env bash
# Tries a rotation script on a sandbox, with curl and jq.
#
#   PATH=$PWD/target/debug:$PATH examples/sandbox.sh
#
# What a script must survive is what the profile does: a new secret is not known everywhere at once. `--profile hostile` takes minutes.
set -euo pipefail
umask 077

work=$(mktemp -d)
keyrelay sandbox serve --json --profile realistic >"$work/served.json" &
server=$!
trap 'kill "$server"; wait "$server"; rm -rf "$work"' EXIT
until [ -s "$work/served.json" ]; do kill -0 "$server"; sleep 0.05; done

served() { jq -r "$1" "$work/served.json"; }
call() { curl --silent --show-error --fail-with-body --cacert "$(served .ca_file)" "$@"; }
# of a client ID, with the secret of a file, for a resource
token() {
  call "$(served .authority)/$(served .tenant_id)/oauth2/v2.0/token" --data-urlencode "client_id=$1" \
    --data-urlencode "client_secret@$2" --data-urlencode "scope=$3/.default" -d grant_type=client_credentials | jq -r .access_token
}
operator() { token "$(served .operator.client_id)" "$(served .operator.client_secret_file)" "$1"; }

graph=$(served .graph)/v1.0/applications/$(served '.applications[0].object_id')
vault=$(served .vault)/secrets/$(served '.applications[0].vault_secret')
client_id=$(served '.applications[0].client_id')
json=(--header "content-type: application/json")
# headers in files, too: on a command line everybody on the machine can read them
echo "authorization: Bearer $(operator "$(served .graph)")" >"$work/on-graph"
echo "authorization: Bearer $(operator https://vault.azure.net)" >"$work/on-vault"

old_key=$(call -H "@$work/on-graph" "$graph" | jq -r '.passwordCredentials[0].keyId')
call -H "@$work/on-graph" "${json[@]}" -d '{"passwordCredential":{"displayName":"by a script"}}' "$graph/addPassword" |
  jq -j .secretText >"$work/new"
# one sign-in shows that one replica knows it; a row of them without a break, that they all do
row=0
while [ "$row" -lt 6 ]; do
  if token "$client_id" "$work/new" "$(served .graph)" >/dev/null 2>&1; then row=$((row + 1)); else row=0; fi
  sleep 0.5
done
echo "the new secret signs in"

jq -n --rawfile value "$work/new" '{value: $value}' >"$work/body"
call -H "@$work/on-vault" "${json[@]}" -X PUT -d "@$work/body" "$vault?api-version=7.4" >/dev/null
call -H "@$work/on-vault" "$vault?api-version=7.4" | jq -j .value | cmp - "$work/new"
echo "the vault serves it"

call -H "@$work/on-graph" "${json[@]}" -d "{\"keyId\":\"$old_key\"}" "$graph/removePassword"
echo "the old secret is removed"
