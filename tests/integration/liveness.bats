#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# What is shown of a host that dies, stops, freezes or comes back, and of a coordinator that restarts.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR AGENTS=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() { end_test; }

# took_at_most MS SINCE_MS
took_at_most() {
  local took=$(($(now_ms) - $2))
  ((took <= $1)) || fail "it took $took ms"
}

@test "a killed agent is shown disconnected within 3 seconds" {
  # [LV-1]
  join host
  since=$(now_ms)
  kill_hard "$agent_pid"
  exits 75 agent_status host
  contains "$output" "not running"
  wait_until 4 runner_is_disconnected host
  took_at_most 3000 "$since"
  allocator host '.status.connected == false'
  # An allocator with nothing to lose is healthy; a runner that is not there is not.
  allocator host '.status.healthy == true'
  runner host '.healthy == false'
}

@test "a killed agent comes back as the same runner without a token" {
  # [AC-6] [TK-5]
  join host
  print=$(fingerprint "$(identity_of host)")
  kill_hard "$agent_pid"
  wait_until 4 runner_is_disconnected host
  rejoin host
  wait_until 10 agent_is_connected host
  wait_until 2 runner_is_connected host
  equal "$(fingerprint "$(identity_of host)")" "$print" "identity"
  lacks "$(cat "$(identity_of host)")" "$(cut -d. -f3 "$SITE/token")"
}

@test "an agent that is stopped says goodbye and exits 0 within 2 seconds" {
  # [LV-5] [ST-1]
  join host
  since=$(now_ms)
  stop_gently "$agent_pid"
  took_at_most 2000 "$since"
  equal "$stopped_with" 0 "exit status"
  # At once: nothing is waited for.
  runner_is_disconnected host
  exits 75 agent_status host
  contains "$output" "not running"
}

@test "a frozen agent is shown disconnected when its lease has ended, and recovers when it thaws" {
  # [LV-1] [LV-2] [ST-2]
  join host
  kill -STOP "$agent_pid"
  wait_until 3 runner_is_disconnected host
  # Its own record may be young, but the lease in it is over.
  wait_until 3 not agent_is_connected host
  run agent_status host
  [[ $status == 69 || $status == 75 ]]
  lacks "$output" "connected to"
  equal "$(agent_status host --json | jq .connected)" false
  kill -CONT "$agent_pid"
  wait_until 5 agent_is_connected host
  wait_until 2 runner_is_connected host
}

@test "a restart of the coordinator shows no runner disconnected, and agents return by themselves" {
  # [LV-3] [LV-4]
  join host
  pid=$agent_pid
  kill_hard "$(coordinator_pid)"
  wait_until 5 status_exits host 69
  agent_status host | head -n 1 | grep -vq '^connected'
  KEEPER=$BATS_FILE_TMPDIR start_coordinator
  while ! agent_is_connected host; do
    runner_is_connected host || fail "it was shown disconnected"
  done
  holds_for 3500 runner_is_connected host
  alive "$pid"
}

@test "a coordinator that is stopped gently and started again shows no runner disconnected" {
  # [LV-3]
  join host
  stop_coordinator
  wait_until 5 status_exits host 69
  status_says host '^disconnected since .*(connection refused|closed the connection)'
  KEEPER=$BATS_FILE_TMPDIR start_coordinator
  runner_is_connected host
  wait_until 10 agent_is_connected host
  runner_is_connected host
}

@test "a runner that does not return after a restart is disconnected when its doubled lease has passed" {
  # [LV-3]
  join host
  kill_hard "$(coordinator_pid)"
  kill_hard "$agent_pid"
  KEEPER=$BATS_FILE_TMPDIR start_coordinator
  since=$(now_ms)
  wait_until 6 runner_is_disconnected host
  # Leases here are 1.5 s. It may count from the restart, but not be longer.
  took_at_most 4000 "$since"
}

@test "a runner that was disconnected stays so over a restart" {
  join host
  stop_gently "$agent_pid"
  runner_is_disconnected host
  kill_hard "$(coordinator_pid)"
  KEEPER=$BATS_FILE_TMPDIR start_coordinator
  runner_is_disconnected host
}

@test "heartbeats write nothing to the store" {
  # [HB-5]
  join host
  revision() { sqlite3 -readonly "$SITE/coordinator/coordinator.db" "SELECT value FROM meta WHERE name = 'revision'"; }
  beats() { status_field host .agent.last_heartbeat_ms; }
  settled() { [[ $(beats) -gt $1 ]]; }
  wait_until 3 settled "$(beats)"
  revision_before=$(revision) beats_before=$(beats)
  wait_until 6 settled $((beats_before + 2000))
  equal "$(revision)" "$revision_before" "store revision"
}

@test "a change of capacity shows without joining again" {
  join host --capacity 4000
  allocator host '.capacity.memory.total == 4000'
  stop_gently "$agent_pid"
  rejoin host --capacity 5000
  wait_until 10 agent_is_connected host
  wait_until 3 allocator host '.capacity.memory.total == 5000'
}

@test "SIGHUP takes a new configuration without a restart" {
  # [HB-2]
  dir=$(agent_dir host)
  mkdir -p "$dir"
  printf 'capacity = 4000\n' >"$dir/conf"
  EMPTY=$dir/conf join host
  pid=$agent_pid
  wait_until 3 allocator host '.capacity.memory.total == 4000'
  printf 'capacity = 6000\n' >"$dir/conf"
  kill -HUP "$pid"
  wait_until 3 allocator host '.capacity.memory.total == 6000'
  # A mistake in the file is said and changes nothing.
  printf 'capacity = lots\n' >"$dir/conf"
  kill -HUP "$pid"
  wait_until 3 log_has host "conf:1: capacity"
  alive "$pid"
  holds_for 1000 allocator host '.capacity.memory.total == 6000 and .status.connected'
}
