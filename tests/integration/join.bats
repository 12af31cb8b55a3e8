#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# The documented way: an operator makes a roles token, a host joins with it, and everybody can see it.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR AGENTS=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  # The call of the documentation, word for word but for the host and the way the password comes.
  curl -sS --config "$SITE/admin.curl" --cacert "$SITE/coordinator/ca.pem" -H 'Content-Type: application/json' \
    "https://localhost:$PORT/api/v1/platform/configuration/security/enrollment-tokens" \
    -d '{ "persistent": true, "roles": [ "allocator"] }' >"$SITE/created.json"
  (umask 077 && jq -r .token "$SITE/created.json" >"$SITE/token")
  start_agent host-1 --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator \
    --public-hostname host-1.example --availability-zone zone-b --allocator-tags rack:7,disk:nvme --capacity 12398
  wait_until 10 agent_is_connected host-1
}
teardown_file() { end_file; }
teardown() { end_test; }

# schema DEFINITION: the last reply has every field that the official definition requires.
schema() {
  python3 "$SUPPORT/schema_check.py" "$SLICE" "$1" <<<"$reply_body"
}
need_slice() {
  SLICE=${ECE_API_SLICE:-$ECE_ROOT/../shared/reference/ece-api-slice.json}
  [[ -f $SLICE ]] || skip "the official API definition is not here"
}

@test "the documented curl call makes a persistent token and its id" {
  run jq -e '(.token | split(".") | length == 3) and (.token_id | test("^[0-9a-f-]{36}$"))' "$SITE/created.json"
  [[ $status == 0 ]]
  # The claims that the token carries, and the pin of the installation's CA. [TK-1] [TR-2]
  claims=$(jq -r '.token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d' "$SITE/created.json")
  equal "$(jq -r .sub <<<"$claims")" "$(jq -r .token_id "$SITE/created.json")"
  equal "$(jq -c .roles <<<"$claims")" '["allocator"]'
  equal "$(jq -r .persistent <<<"$claims")" true
  ca=$(openssl x509 -in "$SITE/coordinator/ca.pem" -outform DER | sha256sum | cut -d' ' -f1)
  equal "$(jq -r .ca_sha256 <<<"$claims")" "$ca"
}

@test "the allocator shows every documented field" {
  api GET infrastructure/allocators
  replies 200
  equal "$(json '.zones | length')" 1
  equal "$(json '.zones[0].zone_id')" zone-b
  equal "$(json '.zones[0].allocators | length')" 1
  a='.zones[0].allocators[0]'
  equal "$(json "$a.allocator_id")" host-1
  equal "$(json "$a.zone_id")" zone-b
  equal "$(json "$a.host_ip")" 127.0.0.1
  equal "$(json "$a.public_hostname")" host-1.example
  equal "$(json "$a.status.connected")" true
  equal "$(json "$a.status.healthy")" true
  equal "$(json "$a.status.maintenance_mode")" false
  equal "$(json "$a.capacity.memory.total")" 12398
  # What is assigned to instances, and an empty allocator has none.
  equal "$(json "$a.capacity.memory.used")" 0
  equal "$(json "$a.instances | length")" 0
  equal "$(json "$a.settings | type")" object
  equal "$(json "$a.metadata | sort_by(.key) | map(\"\(.key)=\(.value)\") | join(\",\")")" disk=nvme,rack=7
  grep -qi '^content-type: application/json' <<<"$reply_headers"
  grep -qi '^date: ' <<<"$reply_headers" # [TP-3]
}

@test "both forms of the path give the same answer" {
  for path in infrastructure/allocators infrastructure/allocators/host-1 infrastructure/runners "$TOKENS_PATH"; do
    api GET "$path"
    replies 200
    short=$reply_body
    request GET "/api/v1/regions/ece-region/platform/$path" --config "$SITE/admin.curl"
    replies 200
    equal "$reply_body" "$short" "$path"
  done
}

@test "one allocator, one runner and the platform can be asked for" {
  api GET infrastructure/allocators/host-1
  replies 200
  equal "$(json .allocator_id)" host-1
  api GET infrastructure/allocators/nobody
  replies 404 allocators.allocator_not_found
  api GET infrastructure/runners/host-1
  replies 200
  equal "$(json '.connected, .healthy, .zone' | paste -sd,)" true,true,zone-b
  contains "$(json '[.roles[].role_name] | join(",")')" allocator
  api GET infrastructure/runners/nobody
  replies 404 runners.runner_not_found
  api GET infrastructure/runners
  replies 200
  equal "$(json '.runners | map(.runner_id) | join(",")')" host-1
  api GET ""
  replies 200
  equal "$(json '.regions[0].allocators.zone_summaries[0] | [.zone_id, .total_allocators, .connected_allocators, .connected_capacity] | join(",")')" \
    zone-b,1,1,12398
}

@test "replies have all that the official API definition requires" {
  need_slice
  api GET infrastructure/allocators
  schema AllocatorOverview
  api GET infrastructure/allocators/host-1
  schema AllocatorInfo
  api GET infrastructure/runners
  schema RunnerOverview
  api GET infrastructure/runners/host-1
  schema RunnerInfo
  api GET ""
  schema PlatformInfo
  api GET "$TOKENS_PATH"
  schema ListEnrollmentTokenReply
  api GET infrastructure/runners/nobody
  schema BasicFailedReply
}

@test "readonly reads everything and changes nothing" {
  as_readonly=(--config "$SITE/readonly.curl" -H 'Content-Type: application/json')
  for path in "" /infrastructure/allocators /infrastructure/runners "/$TOKENS_PATH"; do
    request GET "/api/v1/platform$path" "${as_readonly[@]}"
    replies 200
  done
  request GET "/api/v1/platform/$TOKENS_PATH" "${as_readonly[@]}"
  before=$reply_body
  request POST "/api/v1/platform/$TOKENS_PATH" "${as_readonly[@]}" -d '{"persistent": true, "roles": []}'
  replies 403 root.unauthorized.rbac
  request DELETE "/api/v1/platform/$TOKENS_PATH/$(jq -r .token_id "$SITE/created.json")" "${as_readonly[@]}"
  replies 403 root.unauthorized.rbac
  request GET "/api/v1/platform/$TOKENS_PATH" "${as_readonly[@]}"
  equal "$reply_body" "$before"
}

@test "a wrong password, an unknown user and no password are 401" {
  request GET /api/v1/platform/infrastructure/allocators -u admin:wrong
  replies 401 root.unauthenticated
  grep -qi '^www-authenticate: basic' <<<"$reply_headers"
  request GET /api/v1/platform/infrastructure/allocators -u nobody:wrong
  replies 401 root.unauthenticated
  request GET /api/v1/platform/infrastructure/allocators
  replies 401 root.unauthenticated
  # A roles token is no password of the API.
  request GET /api/v1/platform/infrastructure/allocators -H "Authorization: Bearer $(cat "$SITE/token")"
  replies 401 root.unauthenticated
}

@test "the agent's own status agrees with the API" {
  exits 0 agent_status host-1
  contains "$output" "connected to 127.0.0.1:$PORT" host-1 allocator "12398 MB" zone-b "$(installation_id)"
  exits 0 agent_status host-1 --json
  equal "$(jq -r '.connected, .agent.state, .agent.runner_id, .agent.zone, .agent.memory.total' <<<"$output" | paste -sd,)" \
    true,connected,host-1,zone-b,12398
}

@test "a second host joins with the same token and another zone" {
  export AGENTS=$BATS_TEST_TMPDIR KEEPER=$BATS_TEST_TMPDIR
  join host-2 --availability-zone zone-a
  api GET infrastructure/allocators
  equal "$(json '[.zones[].zone_id] | sort | join(",")')" zone-a,zone-b
  "$AGENT" leave --config "$EMPTY" --state-dir "$AGENTS/host-2/state" --runtime-dir "$AGENTS/host-2/run"
}

@test "a host that asks for no roles joins and is no allocator" {
  export AGENTS=$BATS_TEST_TMPDIR KEEPER=$BATS_TEST_TMPDIR
  start_agent bare --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token"
  wait_until 10 agent_is_connected bare
  runner bare '.connected and ([.roles[].role_name] | index("allocator") == null)'
  api GET infrastructure/allocators/bare
  replies 404 allocators.allocator_not_found
  "$AGENT" leave --config "$EMPTY" --state-dir "$AGENTS/bare/state" --runtime-dir "$AGENTS/bare/run"
  wait_until 5 runner_is_unknown bare
}

@test "health and readiness need no password" {
  request GET /healthz
  replies 200
  request GET /readyz
  replies 200
}
