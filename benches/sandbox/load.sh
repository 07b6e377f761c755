#!/usr/bin/env bash
# The sandbox under load, held against its bounds. Needs wrk and a release build:
#
#   cargo build --release && benches/sandbox/load.sh [SECONDS]
#
# Starts it with 10,000 applications; signs in over 64 connections for SECONDS (10 if not said); then on until a million sign-ins
# have been answered, and looks whether memory has grown. Prints one line a bound, and fails if one is missed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
keyrelay=${KEYRELAY:-$root/target/release/keyrelay}
seconds=${1:-10}
home=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$home"' EXIT
failed=0

now() { date +%s%N; }
memory() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$server/status"; }
# NAME VALUE UNIT `at most`|`at least` BOUND
bound() {
  local verdict=ok
  if [ "$4" = "at most" ]; then [ "$2" -le "$5" ] || verdict=MISSED; else [ "$2" -ge "$5" ] || verdict=MISSED; fi
  [ "$verdict" = ok ] || failed=1
  printf '%-44s %9s %-6s %s %s: %s\n' "$1" "$2" "$3" "$4" "$5" "$verdict"
}
field() { python3 -c 'import json,sys
v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("/"): v=v[k]
print(v)' "$home/served.json" "$1"; }
# runs wrk for so many seconds: prints how many were answered, a second
sign_in() {
  local said; said=$(wrk -t2 -c64 -d"$1s" -s "$root/benches/sandbox/token.lua" "$(field authority)")
  if grep -qE "Non-2xx|Socket errors" <<<"$said"; then echo "$said" >&2; exit 1; fi
  awk '/^Requests\/sec/ { print int($2) }' <<<"$said"
}

# serves, and says in `took` how many milliseconds it was until it said where it is
serve() {
  : >"$home/served.json"
  local began; began=$(now)
  KEYRELAY_STATE_DIR=$home/state "$keyrelay" sandbox serve --json --profile instant "$@" >"$home/served.json" &
  server=$!
  until [ -s "$home/served.json" ]; do sleep 0.002; done
  took=$((($(now) - began) / 1000000))
}

serve
bound "start" "$took" ms "at most" 200
kill "$server" && wait "$server"
serve --apps 10000
bound "start with 10,000 applications" "$took" ms "at most" 2000
bound "memory after it" "$(memory)" MiB "at most" 300

export TOKEN_PATH="/$(field tenant_id)/oauth2/v2.0/token"
export FORM="grant_type=client_credentials&client_id=$(field operator/client_id)&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_secret=$(sed 's/~/%7E/g' "$(field operator/client_secret_file)")"
rate=$(sign_in "$seconds")
bound "sign-ins over 64 connections, wrk included" "$rate" /s "at least" 5000
before=$(memory) answered=$((rate * seconds))
while [ "$answered" -lt 1000000 ]; do
  rate=$(sign_in 20) answered=$((answered + rate * 20))
done
bound "growth of memory over a million sign-ins" $(($(memory) - before)) MiB "at most" 8
exit "$failed"
