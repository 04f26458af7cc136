#!/usr/bin/env bash
# Makes requests of the server's own OpenAPI document, sensible and senseless ones, and fails where one of them is
# answered by a 5xx. Wants the binary (make build) and the environment (tests/setup/install schemathesis).
#
#   tests/clients/schemathesis.sh              # 20 examples of each operation
#   EXAMPLES=200 tests/clients/schemathesis.sh # more of them
#   ONLY='^/pki/' tests/clients/schemathesis.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${BINARY:-target/release/innkeeper}
examples=${EXAMPLES:-20}
only=${ONLY:-.}
# What takes the server away from the requests that follow: sealing, restoring, and quotas that refuse everything; and
# what waits for a provider that is not there.
never='^/sys/(seal$|storage/|quotas/|rotate|rekey|generate-root|managed-keys/.*/(generate|health|test)|namespaces/api-lock)'
never="$never|^/auth/token/revoke"

folder=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

timeout 3600 "$binary" server -dev -dev-no-store-token -dev-root-token-id=root -dev-listen-address=127.0.0.1:0 \
    -log-level=error >"$folder/said" 2>"$folder/log" &
server=$!
for _ in $(seq 100); do
    grep -q "==> Ready" "$folder/said" && break
    sleep 0.1
done
address=$(sed -n "s/.*VAULT_ADDR='\(.*\)'.*/\1/p" "$folder/said" | head -n 1)
[ -n "$address" ] || { cat "$folder/log" >&2; exit 1; }

ask() { curl -sSf -H 'X-Vault-Token: root' "$@"; }
for engine in kv pki echo; do
    ask -X POST -d "{\"type\":\"$engine\"}" "$address/v1/sys/mounts/$engine"
done
ask "$address/v1/sys/internal/specs/openapi" >"$folder/openapi.json"

status=0
.venv-schemathesis/bin/st run "$folder/openapi.json" --url "$address/v1" -H 'X-Vault-Token: root' \
    --checks not_a_server_error --phases coverage,fuzzing --max-examples "$examples" --continue-on-failure \
    --request-timeout 60 --include-path-regex "$only" --exclude-path-regex "$never" --warnings off --no-color \
    --suppress-health-check all || status=$?
if ! kill -0 "$server" 2>/dev/null || [ -s "$folder/log" ]; then
    echo "the server said or ended:" >&2
    tail -n 50 "$folder/log" >&2
fi
exit "$status"
