#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# A coordinator that is not there, hangs, lies or answers nonsense, a network that does the same: the host says which, never claims to be
# connected meanwhile, and comes back by itself.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR AGENTS=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
  # Whatever ends by one of the host's deadlines (10 s to connect, 20 s in all) begins now, and is looked at by the last tests.
  for kind in deaf hang; do
    start_faults "$kind"
    fault "$kind" mode "$kind"
    slow_join "$kind"
  done
  for kind in silent drip; do
    start_http_faults "$kind"
    fault "$kind" rule /agent/v1/ca "$kind"
    slow_join "$kind"
  done
  start_http_faults late-silent
  slow_join late-silent
  wait_until 10 agent_is_connected late-silent
  fault late-silent rule /agent/v1/heartbeat silent
  # Frozen: what its last record was good for must have passed by then.
  start_agent frozen --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 10 agent_is_connected frozen
  kill -STOP "$agent_pid"
  # For everything else: one host that reaches its coordinator through a server that can be told what to answer.
  start_http_faults way
  slow_join host
  wait_until 10 agent_is_connected host
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() { end_test; }

# shared COMMAND...: about the agents and servers of the whole file.
shared() { AGENTS=$BATS_FILE_TMPDIR "$@"; }

slow_join() { start_agent "$1" --coordinator-host "127.0.0.1:$fault_port" --roles-token "@$SITE/token" --roles allocator; }

# fails NAME REGEX: it says this, and is nowhere connected.
fails() {
  wait_until 8 status_explains "$1" "$2" || fail "$(agent_status "$1")" || return 1
  holds_for 300 status_exits "$1" 69
}

# fails_and_recovers NAME FAULTS REGEX MEND...: and comes back by itself when the fault is mended.
fails_and_recovers() {
  fails "$1" "$3" || return 1
  fault "$2" "${@:4}"
  wait_until 15 agent_is_connected "$1"
}

# mend: the shared host gets sensible answers again, and is told, to save time.
mend() {
  shared fault way rules clear
  shared agent_is_connected host >/dev/null 2>&1 && return 0
  kill -HUP "$(cat "$BATS_FILE_TMPDIR/host/pid")"
  wait_until 10 shared agent_is_connected host
}

# answered_with REGEX ANSWER...: to heartbeats.
answered_with() {
  mend
  shared fault way rule /agent/v1/heartbeat "${@:2}"
  shared fails host "$1" || return 1
  mend
}

@test "nobody listens: connection refused, and the host joins when somebody does" {
  start_faults way-in
  fault way-in mode refuse
  slow_join refused
  wait_until 5 status_explains refused "connect to 127.0.0.1:$fault_port: connection refused"
  [[ ! -e $(identity_of refused) ]]
  fails_and_recovers refused way-in 'connection refused' mode pass
}

@test "connections are reset during the handshake, and the host joins when they are not" {
  start_faults way-in
  fault way-in mode reset
  slow_join reset
  fails reset "127.0.0.1:$fault_port: .*reset"
  fault way-in mode pass
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected reset
}

@test "a plain HTTP port is called by its name" {
  start_faults way-in
  fault way-in mode plain
  slow_join plain
  fails plain 'no TLS is spoken there'
  fault way-in mode pass
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected plain
}

@test "a name that does not exist is said" {
  start_agent nowhere --coordinator-host "no-such-host.invalid:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 15 status_explains nowhere 'resolve name no-such-host.invalid: it has no address'
}

@test "of several coordinators the next one is tried when the first does not answer" {
  # [RT-2]
  closed=$(free_port)
  start_agent second --coordinator-host "127.0.0.1:$closed,127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 10 agent_is_connected second
  contains "$(agent_status second)" "connected to 127.0.0.1:$PORT"
}

@test "an address that presents a certificate of another CA never sees the token" {
  # [TR-3] [TK-4]
  dir=$BATS_TEST_TMPDIR
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/ca.key" \
    -subj "/O=ECE installation/CN=$(installation_id)" -days 2 -out "$dir/ca.pem" 2>/dev/null
  issue_certificate "$dir" "$(installation_id).ece.internal" "$dir/ca.pem" "$dir/ca.key"
  # It passes the true CA certificate on, as somebody between would.
  start_faults between --cert "$dir/cert.pem" --key "$dir/key.pem" --upstream-ca "$SITE/coordinator/ca.pem" \
    --upstream-name "$(installation_id).ece.internal"
  slow_join tricked
  wait_until 8 status_explains tricked "certificate is not signed by the installation's CA"
  kill -HUP "$agent_pid"
  holds_for 1000 status_exits tricked 69
  equal "$(fault between requests | sort -u)" "GET /agent/v1/ca anonymous"
}

@test "a certificate of the right CA for another name never sees the token" {
  # [TR-3] [TK-4]
  start_http_faults misnamed localhost
  slow_join misnamed
  wait_until 8 status_explains misnamed 'the certificate is for other names than .*\.ece\.internal'
  equal "$(fault misnamed requests | sort -u)" "GET /agent/v1/ca anonymous"
}

@test "a CA certificate that the token does not know is refused at once" {
  # [TR-1] [TR-2]
  dir=$BATS_TEST_TMPDIR
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key.pem" \
    -subj "/O=ECE installation/CN=7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66" -days 2 -out "$dir/cert.pem" 2>/dev/null
  start_faults liar --cert "$dir/cert.pem" --key "$dir/key.pem"
  fault liar rule /agent/v1/ca body "$(jq -cnR --rawfile pem "$dir/cert.pem" \
    '{protocol: 1, installation_id: "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66", ca_certificate: $pem}')"
  slow_join lied-to
  wait_until 8 status_explains lied-to 'the wrong coordinator, the wrong token, or somebody between'
  agent_state_is lied-to unenrolled
  equal "$(fault liar requests | sort -u)" "GET /agent/v1/ca anonymous"
}

@test "nonsense in place of the CA certificate is said as such, and the host joins when it ends" {
  start_http_faults way-in
  fault way-in rule /agent/v1/ca html
  slow_join early
  wait_until 8 status_explains early "is not a coordinator's CA certificate"
  fault way-in rule /agent/v1/ca half
  wait_until 8 status_explains early "is not a coordinator's CA certificate"
  fault way-in rule /agent/v1/ca status 404
  wait_until 8 status_explains early 'answered 404 .*is a coordinator there'
  [[ ! -e $(identity_of early) ]]
  fault way-in rules clear
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected early
}

@test "an enrolment that is answered with 500 or nonsense is tried again" {
  # [RT-1]
  start_http_faults way-in
  fault way-in rule /agent/v1/enroll status 500
  slow_join trying
  wait_until 8 status_explains trying '127.0.0.1:[0-9]+ answered 500: a scripted refusal'
  fails_and_recovers trying way-in 'answered 500' rules clear
  equal "$(jq .complete "$(identity_of trying)")" true
}

@test "a heartbeat answered with a web page is said as such, and the host comes back" {
  # [ST-2] [RT-1]
  mend
  export AGENTS=$BATS_FILE_TMPDIR
  fault way rule /agent/v1/heartbeat html
  fails_and_recovers host way 'answered 200 with text/html that is not the agent.s protocol' rules clear
}

@test "a heartbeat answered with half of a JSON text is said as such, and the host comes back" {
  # [ST-2]
  answered_with 'answered 200 with application/json that is not the agent.s protocol' half
}

@test "a heartbeat whose answer breaks off is said as such, and the host comes back" {
  # [ST-2]
  answered_with 'broke off after [0-9]+ bytes' short
}

@test "a heartbeat whose connection is closed without an answer is said as such, and the host comes back" {
  # [ST-2]
  answered_with 'no reply from .*closed' close
}

@test "a heartbeat answered with 500 is said as such, and the host comes back" {
  # [ST-2]
  answered_with 'answered 500: a scripted refusal' status 500
}

@test "a heartbeat answered with too much is said as such, and the host comes back" {
  # [TP-1]
  answered_with 'over the bound' huge 300000
}

@test "a heartbeat answered with valid JSON of wrong values is said as such, and the host comes back" {
  # [TP-2]
  answered_with 'interval_ms' body '{"interval_ms":"soon","lease_ms":30000,"spread_ms":1}'
}

@test "a redirect is not followed" {
  # [TP-4]
  start_faults elsewhere
  answered_with 'answered 307' redirect "https://127.0.0.1:$fault_port/agent/v1/heartbeat"
  equal "$(fault elsewhere connections)" "0 0"
}

@test "the Retry-After of a 429 is obeyed" {
  # [RT-1]
  mend
  export AGENTS=$BATS_FILE_TMPDIR
  beats() { fault way requests | grep -c /agent/v1/heartbeat || true; }
  fault way rule /agent/v1/heartbeat status 429 4
  wait_until 5 status_explains host 'answered 429'
  since=$(now_ms)
  fault way rules clear
  before=$(beats)
  holds_for 3000 status_exits host 69
  equal "$(beats)" "$before" "heartbeats in the meantime"
  wait_until 10 agent_is_connected host
  (($(now_ms) - since > 3500))
}

@test "a coordinator that refuses every access token is not flooded" {
  # [AC-5]
  mend
  export AGENTS=$BATS_FILE_TMPDIR
  asked() { fault way requests | grep -c /agent/v1/token || true; }
  before=$(asked)
  fault way rule /agent/v1/heartbeat status 401
  wait_until 5 not agent_is_connected host
  holds_for 2000 not agent_is_connected host
  many=$(($(asked) - before))
  ((many >= 1 && many <= 6)) || fail "$many access tokens were bought in 2 s"
  fault way rules clear
  wait_until 15 agent_is_connected host
}

@test "connections that are cut are made again, and the runner stays connected" {
  # [LV-1] [LV-4]
  mend
  export AGENTS=$BATS_FILE_TMPDIR
  for _ in 1 2 3; do
    fault way cut
    wait_until 5 agent_is_connected host
    runner_is_connected host
  done
  holds_for 2000 runner_is_connected host
}

@test "a network that swallows everything ends the claim to be connected with the lease" {
  # [ST-2] [LV-1]
  start_faults way-in
  slow_join cut-off
  wait_until 10 agent_is_connected cut-off
  fault way-in mode blackhole
  wait_until 3 status_explains cut-off 'lease'
  wait_until 3 runner_is_disconnected cut-off
  fault way-in mode pass
  fault way-in cut
  wait_until 10 agent_is_connected cut-off
  runner_is_connected cut-off
}

@test "a slow network delays and does no harm" {
  start_faults way-in
  fault way-in mode delay 100
  slow_join far
  wait_until 15 agent_is_connected far
  holds_for 2000 agent_is_connected far
}

@test "a coordinator that freezes is noticed with the lease, and when it thaws the host is back" {
  # [ST-2]
  fault_port=$PORT slow_join near
  wait_until 10 agent_is_connected near
  kill -STOP "$(coordinator_pid)"
  wait_until 4 status_exits near 69 || { kill -CONT "$(coordinator_pid)" && fail "$(agent_status near)"; }
  kill -CONT "$(coordinator_pid)"
  wait_until 25 agent_is_connected near
  runner_is_connected near
}

@test "a coordinator whose state is lost is another installation: said as such, and healed when the state is back" {
  # [TR-3] [AC-6]
  fault_port=$PORT slow_join loyal
  wait_until 10 agent_is_connected loyal
  print=$(fingerprint "$(identity_of loyal)")
  stop_coordinator
  mv "$SITE/coordinator" "$SITE/coordinator.kept"
  KEEPER=$BATS_FILE_TMPDIR launch_coordinator
  wait_until 20 test -s "$SITE/coordinator/ca.pem"
  wait_until 15 status_explains loyal "certificate is not signed by the installation's CA"
  holds_for 1000 status_exits loyal 69
  stop_coordinator
  rm -rf "$SITE/coordinator"
  mv "$SITE/coordinator.kept" "$SITE/coordinator"
  KEEPER=$BATS_FILE_TMPDIR start_coordinator
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected loyal
  equal "$(fingerprint "$(identity_of loyal)")" "$print" identity
}

@test "a runner that the coordinator has removed is rejected, says so, and a new token brings it back" {
  # [AC-4] [AC-5] [RT-4]
  make_token '["allocator"]' >"$BATS_TEST_TMPDIR/first-token"
  start_agent removed --coordinator-host "127.0.0.1:$PORT" --roles-token "@$BATS_TEST_TMPDIR/first-token" --roles allocator
  wait_until 10 agent_is_connected removed
  # A copy of the identity takes leave; the agent itself is not told.
  mkdir -m 700 "$BATS_TEST_TMPDIR/copy"
  cp -p "$(identity_of removed)" "$BATS_TEST_TMPDIR/copy/"
  exits 0 "$AGENT" leave --config "$EMPTY" --state-dir "$BATS_TEST_TMPDIR/copy" --coordinator-host "127.0.0.1:$PORT"
  wait_until 8 agent_state_is removed rejected
  runner_is_unknown removed
  exits 69 agent_status removed
  contains "$output" "knows no runner removed" "roles token" "leave --local"
  [[ -e $(identity_of removed) ]]
  # Its own token again would undo what the operator did; another one is the operator's wish.
  kill -HUP "$agent_pid"
  holds_for 1000 agent_state_is removed rejected
  make_token '["allocator"]' >"$BATS_TEST_TMPDIR/first-token"
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected removed
  runner_is_connected removed
}

@test "TCP that never answers is said with the limit, also while the next try is under way" {
  # [RT-3]
  export AGENTS=$BATS_FILE_TMPDIR
  wait_until 20 status_explains deaf 'connect to 127.0.0.1:[0-9]+: no answer within 10 s'
  holds_for 3000 status_explains deaf 'connect to 127.0.0.1:[0-9]+: no answer within 10 s'
}

@test "a TLS handshake that never answers is said with the limit, and the host joins when it does" {
  # [RT-3]
  export AGENTS=$BATS_FILE_TMPDIR
  wait_until 20 status_explains hang 'TLS with 127.0.0.1:[0-9]+: no answer within 10 s'
  fault hang mode pass
  wait_until 20 agent_is_connected hang
}

@test "a request that is never answered is said with the limit" {
  # [RT-3]
  wait_until 45 shared status_explains silent 'no reply from 127.0.0.1:[0-9]+ within 20 s'
}

@test "a reply that drips is said with the limit" {
  # [RT-3]
  wait_until 45 shared status_explains drip 'reply from 127.0.0.1:[0-9]+: not complete within 20 s'
}

@test "a heartbeat that is never answered is given up, and the host comes back when it is answered" {
  # [RT-3] [ST-2]
  export AGENTS=$BATS_FILE_TMPDIR
  wait_until 45 status_explains late-silent 'no reply from .* within 20 s'
  fault late-silent rules clear
  fault late-silent cut
  kill -HUP "$(cat "$AGENTS/late-silent/pid")"
  wait_until 25 agent_is_connected late-silent
}

@test "an agent that was itself frozen for long is called stale by status" {
  export AGENTS=$BATS_FILE_TMPDIR
  says_stale() { agent_status frozen | head -n 1 | grep -qE '^unknown: the agent \(pid [0-9]+\) has not written its status'; }
  wait_until 35 says_stale
  exits 75 agent_status frozen
  exits 75 agent_status frozen --json
  equal "$(jq -r '.connected, .record' <<<"$output" | paste -sd,)" false,stale
}
