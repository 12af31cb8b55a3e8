#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# docs/protocol.md as a host that is not ours would speak it: requests made by hand against the real coordinator.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator", "proxy"]' >"$SITE/token"
  installation_id >"$SITE/id"
}
teardown_file() { end_file; }
teardown() { end_test; }
setup() {
  session=$(openssl rand -hex 16)
  report='{"host_ip":"192.0.2.5","public_hostname":"h","software":{"version":"2.0.0","commit":"c"},
    "memory":{"total":4000,"used":0,"source":"by hand"},"storage":{"total":100,"used":1},"cpus":1,
    "instances":[],"skew_ms":0,"healthy":true}'
}

new_key() { openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${2:-P-256}" -out "$BATS_TEST_TMPDIR/$1.pem" 2>/dev/null; }

# assertion KEY RUNNER [JQ_EDIT]: as [AC-2] says, and then edited.
assertion() {
  local claims
  claims=$(jq -cn --arg id "$2" --arg aud "$(cat "$SITE/id")" --arg jti "$(openssl rand -hex 16)" \
    '{iss: $id, sub: $id, aud: $aud, iat: (now | floor), jti: $jti} | .exp = .iat + 60 | '"${3:-.}")
  forge --es256 "$BATS_TEST_TMPDIR/$1.pem" '{"typ":"JWT","alg":"ES256"}' "$claims"
}

# enroll KEY RUNNER [JQ_EDIT [ASSERTION]]: the request as [EN] shows it, edited.
enroll() {
  local body
  body=$(jq -cn --arg id "$2" --arg pem "$(openssl pkey -in "$BATS_TEST_TMPDIR/$1.pem" -pubout)" --argjson report "$report" \
    --arg assertion "${4:-$(assertion "$1" "$2")}" \
    '{protocol: 1, runner_id: $id, zone: "ece-zone-1", roles: ["allocator"], tags: {k: "v"}, public_key: $pem,
      assertion: $assertion, report: $report} | '"${3:-.}")
  request POST /agent/v1/enroll -H "Authorization: Bearer $(cat "$SITE/token")" -H 'Content-Type: application/json' --data-binary "$body"
  [[ $reply_status != 200 ]] || access=$(json .access_token)
}

buy() { # buy ASSERTION
  request POST /agent/v1/token -H 'Content-Type: application/json' \
    --data-binary "{\"grant_type\":\"urn:ietf:params:oauth:grant-type:jwt-bearer\",\"assertion\":\"$1\"}"
}

beat_body() { # beat_body SESSION SEQ [JQ_EDIT]
  jq -cn --arg session "$1" --argjson seq "$2" --argjson report "$report" \
    '{protocol: 1, session: $session, seq: $seq, steering: 0, report: $report} | '"${3:-.}"
}
post() { # post PATH BODY: with the access token
  request POST "/agent/v1/$1" -H "Authorization: Bearer $access" -H 'Content-Type: application/json' --data-binary "$2"
}
# two_beats BODY BODY: on one connection, which stays open between them. Statuses in $statuses, answers in $first and $second.
two_beats() {
  local url=https://127.0.0.1:$PORT/agent/v1/heartbeat dir=$BATS_TEST_TMPDIR
  local common=(-sS --cacert "$SITE/coordinator/ca.pem" -H "Authorization: Bearer $access" -H 'Content-Type: application/json' -w '%{http_code} ')
  statuses=$(curl "${common[@]}" -o "$dir/first" --data-binary "$1" "$url" --next "${common[@]}" -o "$dir/second" -D "$dir/second.head" \
    --data-binary "$2" "$url")
  statuses=${statuses% }
  first=$(cat "$dir/first") second=$(cat "$dir/second")
}

@test "the CA certificate is given to anybody, and nothing else is" {
  # [TR-1] [TP-1]
  request GET /agent/v1/ca
  replies 200
  equal "$(json .protocol)" 1
  equal "$(json .installation_id)" "$(cat "$SITE/id")"
  equal "$(json .ca_certificate)" "$(cat "$SITE/coordinator/ca.pem")"
  # The CA's subject is the installation's. [TR-3]
  contains "$(openssl x509 -in "$SITE/coordinator/ca.pem" -noout -subject)" "O = ECE installation" "CN = $(cat "$SITE/id")"
  for path in enroll token heartbeat goodbye leave; do
    request POST "/agent/v1/$path" -H 'Content-Type: application/json' -d '{}'
    [[ $reply_status == 401 || ($path == token && $reply_status == 400) ]] || fail "$path: $reply_status"
  done
}

@test "TLS older than 1.2 is not spoken" {
  # [TP-1]
  tls() { openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$SITE/coordinator/ca.pem" "$@" </dev/null; }
  tls -tls1_2 >/dev/null 2>&1
  tls -tls1_3 >/dev/null 2>&1
  run tls -tls1_1 -cipher 'ALL:@SECLEVEL=0'
  ((status != 0))
}

@test "an enrolment is answered as the protocol says, and again the same" {
  # [EN-4] [EN-5]
  new_key host
  enroll host by-hand
  replies 200
  equal "$(json '[.protocol, .installation_id, .runner_id, .zone, (.roles | join("+")), .interval_ms, .lease_ms] | join(" ")')" \
    "1 $(cat "$SITE/id") by-hand ece-zone-1 allocator 500 1500"
  [[ $(json .expires_in) -gt 0 && $(json '.spread_ms | type') == number && $(json '.coordinators | type') == array ]]
  # The newer request's roles, tags and report; the first one's zone.
  enroll host by-hand '.zone = "other" | .roles = ["allocator", "proxy"] | .tags = {"k2": "v2"} | .report.memory.total = 5000'
  replies 200
  equal "$(json .zone)" ece-zone-1
  allocator by-hand '.zone_id == "ece-zone-1" and .capacity.memory.total == 5000 and (.metadata | map(.key) == ["k2"])'
  runner by-hand '[.roles[].role_name] | index("proxy")'
}

@test "roles that the token does not permit are refused by name, and nothing is registered" {
  # [EN-3]
  new_key host
  enroll host greedy '.roles = ["allocator", "director", "coordinator"]'
  replies 403 agent.roles_not_permitted
  contains "$(json '.errors[0].message')" director coordinator
  runner_is_unknown greedy
}

@test "without proof that the key is the host's there is no enrolment" {
  # [EN-2]
  new_key host
  new_key other
  refused() {
    [[ $reply_status == 400 ]] || fail "$reply_status $reply_body" || return 1
    runner_is_unknown forger
  }
  enroll host forger . "$(assertion other forger)"
  refused
  enroll host forger . "$(assertion host somebody-else)"
  refused
  enroll host forger . "$(assertion host forger '.aud = "another-installation"')"
  refused
  enroll host forger . "$(assertion host forger '.exp = .iat + 86400')"
  refused
  enroll host forger . "$(assertion host forger 'del(.jti)')"
  refused
  enroll host forger . "$(forge '{"typ":"JWT","alg":"none"}' "{\"sub\":\"forger\"}")"
  refused
  enroll host forger '.public_key = "no key"'
  refused
  new_key p384 P-384
  enroll p384 forger . "$(assertion host forger)"
  refused
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$BATS_TEST_TMPDIR/rsa.pem" 2>/dev/null
  enroll rsa forger . "$(assertion host forger)"
  refused
}

@test "values over their bounds are refused with the path of the field" {
  # [TP-2]
  new_key host
  bad() { # bad FIELD JQ_EDIT
    enroll host bounded "$2"
    replies 400 agent.request_malformed || fail "$2" || return 1
    contains "$(json '.errors[0] | .message + " " + ((.fields // []) | join(" "))')" "$1"
  }
  bad protocol '.protocol = 2'
  bad protocol 'del(.protocol)'
  bad runner_id '.runner_id = "../../etc"'
  bad runner_id '.runner_id = ("a" * 300)'
  bad zone '.zone = ""'
  bad roles '.roles = ["chief"]'
  bad roles '.roles = "allocator"'
  bad tags '.tags = {"k": 1}'
  bad report.memory.total '.report.memory.total = -1'
  bad report.memory.total '.report.memory.total = 1e30'
  bad report.memory.total '.report.memory.total = 12.5'
  bad report.host_ip '.report.host_ip = "300.1.1.1"'
  bad report.instances '.report.instances = [range(513) | {name: "i\(.)", memory: 1}]'
  bad report.instances '.report.instances = [{name: "", memory: 1}]'
  bad report.cpus 'del(.report.cpus)'
  runner_is_unknown bounded
}

@test "a key that is registered already has no second runner id" {
  # [EN-7]
  new_key host
  enroll host first-name
  replies 200
  enroll host second-name
  replies 409 agent.runner_id_taken
  contains "$(json '.errors[0].message')" first-name
  runner_is_unknown second-name
}

@test "an assertion buys an access token once" {
  # [AC-1] [AC-2]
  new_key host
  enroll host buyer
  proof=$(assertion host buyer)
  buy "$proof"
  replies 200
  equal "$(json .token_type)" Bearer
  [[ $(json .expires_in) -gt 60 ]]
  access=$(json .access_token)
  post heartbeat "$(beat_body "$session" 1)"
  replies 200
  buy "$proof"
  replies 400 agent.assertion_invalid
  new_key thief
  buy "$(assertion thief buyer)"
  replies 403 agent.runner_unknown
  buy "$(assertion host nobody)"
  replies 403 agent.runner_unknown
}

@test "an assertion of another time is refused as such, with the time in the Date header" {
  # [AC-2] [AC-3]
  new_key host
  enroll host traveller
  for edit in '.iat -= 600 | .exp -= 600' '.iat += 600 | .exp += 600'; do
    buy "$(assertion host traveller "$edit")"
    replies 400 agent.assertion_time
    date=$(date -d "$(sed -n 's/^[Dd]ate: //p' <<<"$reply_headers")" +%s)
    (($(date +%s) - date <= 2))
  done
  buy "$(assertion host traveller '.iat -= 30 | .exp -= 30')"
  replies 200
}

@test "a beat without a report is asked for one, and the pace is given" {
  # [HB-2] [HB-3] [HB-4]
  new_key host
  enroll host beating
  two_beats "$(beat_body "$session" 1 'del(.report)')" "$(beat_body "$session" 2)"
  equal "$statuses" "200 200"
  equal "$(jq -r .need_report <<<"$first")" true
  equal "$(jq -r '.need_report // false' <<<"$second")" false
  equal "$(jq -r '[.interval_ms, .lease_ms] | join(" ")' <<<"$first")" "500 1500"
  # Its steering is not the coordinator's: it is told all of it.
  equal "$(jq -r '.steering | [(.roles | join("+")), (.maintenance_mode | tostring), (.capacity | tostring)] | join(" ")' <<<"$first")" \
    "allocator false null"
  revision=$(jq .steering.revision <<<"$first")
  post heartbeat "$(beat_body "$session" 3 ".steering = $revision")"
  replies 200
  equal "$(json 'has("steering")')" false
}

@test "a beat that is sent again is no clone, an older one and another session are" {
  # [HB-1] [CL-1] [CL-2] [CL-3]
  new_key host
  enroll host twin
  two_beats "$(beat_body "$session" 5)" "$(beat_body "$session" 5)"
  equal "$statuses" "200 200"
  two_beats "$(beat_body "$session" 6)" "$(beat_body "$session" 2)"
  equal "$statuses" "200 409"
  equal "$(jq -r '.errors[0].code' <<<"$second")" agent.identity_conflict
  other=$(openssl rand -hex 16)
  two_beats "$(beat_body "$session" 7)" "$(beat_body "$other" 1 '.report.host_ip = "192.0.2.66"')"
  equal "$statuses" "200 409"
  after=$(tr -d '\r' <"$BATS_TEST_TMPDIR/second.head" | sed -n 's/^[Rr]etry-[Aa]fter: //p')
  ((after >= 1 && after <= 3)) || fail "Retry-After $after"
  post heartbeat "$(beat_body "$session" 8)"
  replies 200
  equal "$(json .conflict.host_ip)" 192.0.2.66
  runner twin '.connected and .healthy == false'
}

@test "a goodbye ends its own session at once, and no other" {
  # [LV-5]
  new_key host
  enroll host polite
  post heartbeat "$(beat_body "$session" 1)"
  runner_is_connected polite
  post goodbye "{\"session\":\"$(openssl rand -hex 16)\"}"
  replies 200
  runner_is_connected polite
  post goodbye "{\"session\":\"$session\"}"
  replies 200
  runner_is_disconnected polite
}

@test "a runner that has left has no access from that moment on" {
  # [LE-1] [AC-4] [AC-5]
  new_key host
  enroll host leaver
  post heartbeat "$(beat_body "$session" 1)"
  replies 200
  post leave '{}'
  replies 200
  equal "$(jq -c . <<<"$reply_body")" '{}'
  runner_is_unknown leaver
  post heartbeat "$(beat_body "$session" 2)"
  replies 401 agent.access_token_invalid
  post leave '{}'
  replies 401 agent.access_token_invalid
  buy "$(assertion host leaver)"
  replies 403 agent.runner_unknown
}

@test "what enrolling would meet can be asked before" {
  # [EN-8] [EN-9]
  probe() { request GET "/agent/v1/runner-ids/$1" -H "Authorization: Bearer $(cat "$SITE/token")"; }
  probe free-id
  replies 200
  equal "$(json '[.runner_id, .available, .runner | tostring] | join(" ")')" "free-id true null"
  new_key host
  enroll host taken-id
  post heartbeat "$(beat_body "$session" 1)"
  probe taken-id
  equal "$(json .available)" false
  contains "$(json .reason)" "is connected"
  shown=$(json ".runner | tojson")
  api GET infrastructure/allocators/taken-id
  equal "$shown" "$(json '{connected: .status.connected, zone: .zone_id, host_ip, roles: ["allocator"],
    memory: .capacity.memory} | tojson')" "the runner"
  post goodbye "{\"session\":\"$session\"}"
  probe taken-id
  equal "$(json '[.available, .runner.connected] | map(tostring) | join(" ")')" "true false"
}

@test "a runner id is taken over when its host is gone, and the old host is out" {
  # [EN-6]
  new_key old
  enroll old heir
  old_access=$access
  post heartbeat "$(beat_body "$session" 1)"
  new_key new
  enroll new heir
  replies 409 agent.runner_id_taken
  post goodbye "{\"session\":\"$session\"}"
  enroll new heir
  replies 200
  access=$old_access
  post heartbeat "$(beat_body "$session" 2)"
  replies 401 agent.access_token_invalid
  buy "$(assertion old heir)"
  replies 403 agent.runner_unknown
}
