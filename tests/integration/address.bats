#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # start_coordinator takes options, or none
# A host whose address changes: in a network namespace of its own, where the test owns the routes.

bats_require_minimum_version 1.5.0

setup() {
  load helpers
  unshare -rn true 2>/dev/null || skip "no network namespace can be made here"
}

teardown() { end_test; }

# Runs in the namespace: one interface that holds the default route, coordinator on the loopback, agent without --host-ip.
in_namespace() {
  set -euo pipefail
  # shellcheck source=tests/integration/helpers.bash
  source "$ECE_ROOT/tests/integration/helpers.bash"
  ip link set lo up
  ip link add host0 type veth peer name other0
  ip link set host0 up
  ip link set other0 up
  ip address add 192.0.2.79/24 dev host0
  ip route add default via 192.0.2.1 dev host0

  new_site "$BATS_TEST_TMPDIR/site"
  start_coordinator
  jq -r .allocator_only_token "$SITE/coordinator/bootstrap-secrets.json" >"$SITE/token"
  "$AGENT" run --config "$EMPTY" --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator \
    --state-dir "$SITE/state" --runtime-dir "$SITE/run" >"$SITE/agent.log" 2>&1 </dev/null &
  local pid=$!
  remember "$pid"
  shows() {
    curl -fsS --max-time 2 -K "$SITE/admin.curl" --cacert "$SITE/coordinator/ca.pem" \
      "https://127.0.0.1:$PORT/api/v1/platform/infrastructure/allocators/192.0.2.79" |
      jq -e --arg ip "$1" '.host_ip == $ip and .status.connected'
  }
  wait_until 10 shows 192.0.2.79

  ip address add 192.0.2.80/24 dev host0
  ip address del 192.0.2.79/24 dev host0
  ip address show dev host0 | grep -q 192.0.2.80/24 || ip address add 192.0.2.80/24 dev host0
  ip route replace default via 192.0.2.1 dev host0
  wait_until 10 shows 192.0.2.80
  kill -0 "$pid"
  end_all "$BATS_TEST_TMPDIR"
}

# [HB-6]: the runner keeps its id and its process; the address is data.
@test "a new address of the host shows with the next heartbeat, under the same identity" {
  export -f in_namespace
  run unshare -rn bash -c in_namespace
  [[ $status == 0 ]] || fail "$output"
}
