#!/bin/sh
# A service that is a shell script: it registers itself with the node of its machine over HTTP, says now and then that it
# lives, and deregisters when it ends. It needs curl. Start a node, then the service, and stop it with Ctrl-C:
#
#     cargo run --release -p qcluster-cli -- run examples/member_a.json
#     examples/self_register.sh
#     cargo run --release -p qcluster-cli -- services clock
#
# It asks the node at $QCLUSTER, and shows $QCLUSTER_TOKEN if that is set; on the node's own machine no token is needed.
# Killed without a chance to deregister, it is critical for everybody after $TTL_MS, and gone after ten times as long.
set -eu

node=${QCLUSTER:-http://localhost:7001}
name=${SERVICE:-clock}
id=$name-$$
port=${PORT:-9000}
ttl_ms=${TTL_MS:-10000}
host=${HOST_NAME:-}

# ask METHOD PATH [BODY]: prints what the node says, and fails where it refuses.
ask() {
    if [ $# -gt 2 ]; then set -- "$1" "$2" --data "$3"; fi
    method=$1 path=$2
    shift 2
    if [ -n "${QCLUSTER_TOKEN:-}" ]; then set -- "$@" --header "Authorization: Bearer $QCLUSTER_TOKEN"; fi
    curl --silent --show-error --fail-with-body --max-time 5 --header 'Content-Type: application/json' \
        --request "$method" "$@" "$node$path"
}

register() {
    body="{\"name\": \"$name\", \"port\": $port, \"tags\": [\"shell\"], \"ttl_ms\": $ttl_ms"
    if [ -n "$host" ]; then body="$body, \"host\": \"$host\""; fi
    ask PUT "/v1/services/$id" "$body}"
    echo
}

# Whatever ends the script, the service ends first; a signal ends the sleep too.
trap 'ask DELETE "/v1/services/$id" && echo' EXIT
trap 'exit 0' INT TERM

register
while :; do
    # Three heartbeats may get lost before it counts as silent.
    sleep "$(awk "BEGIN { print $ttl_ms / 4000 }")" &
    wait $!
    # A node that was restarted has forgotten its services: then it is told again.
    ask PUT "/v1/services/$id/heartbeat" >/dev/null 2>&1 || register || true
done
