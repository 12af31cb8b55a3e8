#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# Who a host is, whatever happens to it: lost answers, kills, damaged files, full disks, copies, wrong clocks.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
  make_token '["allocator", "proxy"]' >"$SITE/token-both"
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() { end_test; }

via() { start_agent "$1" --coordinator-host "127.0.0.1:$fault_port" --roles-token "@$SITE/token" --roles allocator; }
host_key() { jq -r .private_key "$(identity_of "$1")"; }
# copy_host FROM TO: what cloning a machine does.
copy_host() {
  mkdir "$(agent_dir "$2")"
  mkdir -m 700 "$(agent_dir "$2")/state"
  cp -p "$(identity_of "$1")" "$(agent_dir "$2")/state/"
}

# ---- lost answers, kills

@test "an answer to the enrolment that is lost leads to the same registration" {
  # [EN-1] [EN-5]
  start_http_faults way
  fault way rule /agent/v1/enroll swallow
  via host
  wait_until 5 runner host .
  key=$(host_key host)
  wait_until 10 agent_is_connected host
  equal "$(host_key host)" "$key" "host key"
  equal "$(fault way requests | grep -c 'POST /agent/v1/enroll bearer')" 2
  api GET infrastructure/runners
  equal "$(json '[.runners[] | select(.runner_id == "host")] | length')" 1
}

@test "an agent that dies between enrolment and answer joins as the same runner when it is started again" {
  # [EN-1] [EN-5]
  start_http_faults way
  fault way rule /agent/v1/enroll swallow
  via cut-short
  wait_until 5 runner cut-short .
  kill_hard "$agent_pid"
  key=$(host_key cut-short)
  equal "$(jq .complete "$(identity_of cut-short)")" false
  fault way rules clear
  via cut-short
  wait_until 10 agent_is_connected cut-short
  equal "$(host_key cut-short)" "$key" "host key"
}

@test "an agent that is killed at any moment of joining joins in the end, with its first key, as one runner" {
  # [EN-1]
  before=$(runner_count)
  key=''
  for ((i = 0; i < 15; i++)); do
    start_agent unlucky --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
    sleep "0.0$((RANDOM % 7))$((RANDOM % 10))"
    kill_hard "$agent_pid"
    if [[ -e $(identity_of unlucky) ]]; then
      jq -e .private_key "$(identity_of unlucky)" >/dev/null || fail "the identity is torn after kill $i"
      [[ -z $key || $(host_key unlucky) == "$key" ]] || fail "the key changed after kill $i"
      key=$(host_key unlucky)
      equal "$(stat -c %a "$(identity_of unlucky)")" 600
    fi
  done
  start_agent unlucky --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 10 agent_is_connected unlucky
  [[ -z $key || $(host_key unlucky) == "$key" ]]
  equal "$(runner_count)" $((before + 1)) runners
  # Nothing half-written is left beside it.
  equal "$(find "$(agent_dir unlucky)/state" -type f -printf '%f\n' | sort | paste -sd,)" identity.json,lock
}

@test "what a killed writer left of a host key is removed, at the latest with the identity" {
  # [LE-2]
  dir=$(agent_dir tidy)/state
  mkdir -p "$dir"
  chmod 700 "$dir"
  echo key >"$dir/.identity.json.4711.tmp"
  join tidy
  equal "$(find "$dir" -name '*.tmp')" ""
  stop_gently "$agent_pid"
  echo key >"$dir/.identity.json.4712.tmp"
  agent_args tidy
  exits 0 "$AGENT" leave --local "${args[@]}"
  equal "$(find "$dir" -type f -printf '%f ')" "lock "
}

@test "enrolling again with the same key keeps the first zone" {
  # [EN-5]
  start_http_faults way
  fault way rule /agent/v1/enroll swallow
  via settled
  wait_until 5 runner settled '.zone == "ece-zone-1"'
  kill_hard "$agent_pid"
  fault way rules clear
  start_agent settled --coordinator-host "127.0.0.1:$fault_port" --roles-token "@$SITE/token" --roles allocator \
    --availability-zone elsewhere
  wait_until 10 agent_is_connected settled
  runner settled '.zone == "ece-zone-1"'
  contains "$(agent_status settled)" ece-zone-1
  log_has settled 'zone does not change'
}

# ---- the identity file

# refuses_to_run NAME STATUS PART...: `run` ends with it, says these, and leaves the file as it was.
refuses_to_run() {
  local name=$1 expected=$2 before args
  shift 2
  before=$(stat -c '%a %Y %s' "$(identity_of "$name")")$(fingerprint "$(identity_of "$name")" 2>/dev/null)
  agent_args "$name"
  exits "$expected" timeout 10 "$AGENT" run "${args[@]}" --host-ip 127.0.0.1 --runner-id "$name" \
    --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  contains "$output" "$(identity_of "$name")" "$@"
  equal "$(stat -c '%a %Y %s' "$(identity_of "$name")")$(fingerprint "$(identity_of "$name")" 2>/dev/null)" "$before" "the file"
  exits 75 agent_status "$name"
  contains "$output" "not running"
}

@test "an identity file that is torn, empty or foreign is said with the ways out and left alone" {
  join damaged
  stop_gently "$agent_pid"
  file=$(identity_of damaged)
  cp -p "$file" "$BATS_TEST_TMPDIR/whole"
  truncate -s $(($(stat -c %s "$file") / 2)) "$file"
  refuses_to_run damaged 65 "backup" "leave --local"
  : >"$file"
  refuses_to_run damaged 65 "backup" "leave --local"
  echo '[1, 2, 3]' >"$file"
  refuses_to_run damaged 65 "backup" "leave --local"
  jq 'del(.private_key)' "$BATS_TEST_TMPDIR/whole" >"$file"
  refuses_to_run damaged 65 private_key "leave --local"
  jq '.private_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"' "$BATS_TEST_TMPDIR/whole" >"$file"
  refuses_to_run damaged 65 private_key "leave --local"
  head -c 100000 /dev/zero >"$file"
  refuses_to_run damaged 65 "leave --local"
  # The backup is the way out.
  cp -p "$BATS_TEST_TMPDIR/whole" "$file"
  rejoin damaged
  wait_until 10 agent_is_connected damaged
}

@test "an identity file of a newer version is left alone" {
  join upgraded
  stop_gently "$agent_pid"
  file=$(identity_of upgraded)
  jq '.version = 99 | .something = "new"' "$file" >"$BATS_TEST_TMPDIR/newer"
  cat "$BATS_TEST_TMPDIR/newer" >"$file"
  refuses_to_run upgraded 65 "version 99" "newer"
}

@test "an identity file that others can read is refused" {
  join exposed
  stop_gently "$agent_pid"
  chmod 644 "$(identity_of exposed)"
  refuses_to_run exposed 77 "0644" "chmod 600"
}

@test "a state directory that others can write is refused" {
  mkdir -p "$BATS_TEST_TMPDIR/open/state"
  chmod 777 "$BATS_TEST_TMPDIR/open/state"
  agent_args open
  exits 77 timeout 10 "$AGENT" run "${args[@]}" --host-ip 127.0.0.1 --coordinator-host "127.0.0.1:$PORT" \
    --roles-token "@$SITE/token"
  contains "$output" "$BATS_TEST_TMPDIR/open/state"
}

@test "a torn identity is given up with leave --local, and the host joins anew" {
  join fallen
  stop_gently "$agent_pid"
  truncate -s 100 "$(identity_of fallen)"
  agent_args fallen
  exits 0 "$AGENT" leave --local "${args[@]}"
  [[ ! -e $(identity_of fallen) ]]
  # The runner is disconnected and the token permits its roles: it is taken over. [EN-6]
  join fallen
  runner_is_connected fallen
}

@test "a full disk is said, nothing is enrolled, and the host joins when there is room" {
  # [EN-1]
  unshare -rm true 2>/dev/null || skip "no user namespaces here"
  state=$(agent_dir full)/state
  mkdir "$(agent_dir full)"
  mkdir -m 700 "$state"
  # One page is free: the lock takes it. There is room when the test says so.
  cat >"$BATS_TEST_TMPDIR/wrap" <<'WRAP'
#!/usr/bin/env bash
mount -t tmpfs -o size=32k,mode=700 tmpfs "$1" || exit 99
head -c 28672 /dev/zero >"$1/ballast"
# As long as the program lives, whose pid this is.
{
  while kill -0 $$ && [[ ! -e $2 ]]; do sleep 0.1; done
  rm "$1/ballast"
} >/dev/null 2>&1 3>&- &
shift 2
exec "$@"
WRAP
  chmod +x "$BATS_TEST_TMPDIR/wrap"
  WRAP="unshare -rm $BATS_TEST_TMPDIR/wrap $state $BATS_TEST_TMPDIR/room" start_agent full \
    --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  # The state directory cannot be seen from here: the record of the agent has to do.
  says() { grep -qi "$1" "$(agent_dir full)/run/status.json"; }
  wait_until 10 says 'no space left'
  runner_is_unknown full
  : >"$BATS_TEST_TMPDIR/room"
  wait_until 15 runner_is_connected full
  says '"state":"connected"'
}

# ---- who may have a runner id

@test "a runner id that is connected from another host is refused with the ways out" {
  # [EN-6]
  join taken
  first=$agent_pid
  export AGENTS=$BATS_TEST_TMPDIR/other
  start_agent taken --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 5 status_explains taken 'runner id taken is taken: .*is connected'
  contains "$(agent_status taken)" "Choose another runner id" "stop ece-agent there" agent.runner_id_taken
  agent_state_is taken unenrolled
  # The first one has noticed nothing.
  export AGENTS=$BATS_TEST_TMPDIR
  holds_for 1000 agent_is_connected taken
  runner taken '.connected and .healthy'
  # When it is stopped, its place can be taken.
  kill -TERM "$first"
  wait_until 5 runner_is_disconnected taken
  export AGENTS=$BATS_TEST_TMPDIR/other
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected taken
  # And the first one, started again, is told that its place is taken. [AC-5]
  export AGENTS=$BATS_TEST_TMPDIR
  rejoin taken
  wait_until 5 agent_state_is taken rejected
  contains "$(agent_status taken)" "knows no runner taken"
}

@test "a runner id of a disconnected host with more roles than the token permits is refused, naming them" {
  # [EN-6]
  start_agent mighty --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token-both" --roles allocator,proxy
  wait_until 10 agent_is_connected mighty
  stop_gently "$agent_pid"
  export AGENTS=$BATS_TEST_TMPDIR/other
  start_agent mighty --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 5 status_explains mighty 'runner id mighty is taken: .*does not permit: proxy'
  runner mighty '.connected == false and ([.roles[].role_name] | index("proxy"))'
}

@test "one state directory takes one agent, and the second names the first" {
  join single
  agent_args single
  exits 75 timeout 10 "$AGENT" run "${args[@]}" --host-ip 127.0.0.1 --coordinator-host "127.0.0.1:$PORT"
  contains "$output" "$agent_pid" "$(agent_dir single)/state"
  holds_for 1000 agent_is_connected single
}

@test "a copy of a host is a conflict on both sides, harms nobody, and heals when the copy leaves" {
  # [CL-1] [CL-3] [CL-4] [LE-2]
  join original
  copy_host original copy
  start_agent copy --coordinator-host "127.0.0.1:$PORT" --roles allocator --host-ip 127.0.0.9
  copy_pid=$agent_pid
  wait_until 5 agent_state_is copy conflict
  exits 69 agent_status copy
  contains "$output" conflict "same key"
  # The original stays connected, and both it and the coordinator say whose copy it is.
  wait_until 5 status_says original 'another host uses this identity: 127.0.0.9'
  exits 0 agent_status original
  contains "$output" "another host uses this identity" 127.0.0.9
  wait_until 2 runner original '.connected and .healthy == false'
  allocator original '.status.connected and .status.healthy == false'
  holds_for 2000 agent_is_connected original
  agent_state_is copy conflict
  alive "$copy_pid"
  agent_args copy
  exits 0 "$AGENT" leave --local "${args[@]}"
  wait_until 5 agent_state_is copy unenrolled
  alive "$copy_pid"
  wait_until 8 runner original '.connected and .healthy'
  wait_until 8 not status_says original 'another host'
  [[ ! -e $(identity_of copy) && -e $(identity_of original) ]]
}

@test "a copy connects when the original has gone" {
  # [CL-4]
  join parent
  parent_pid=$agent_pid
  copy_host parent child
  rejoin child
  wait_until 5 agent_state_is child conflict
  kill -TERM "$parent_pid"
  wait_until 20 agent_is_connected child
  runner parent '.connected and .healthy'
}

# ---- clocks

# at_clock OFFSET NAME [OPTION...]: an agent whose wall clock is wrong. The kernel's monotonic clock is not changed by setting the time.
at_clock() {
  local bin=${ECE_BIN_PLAIN:-$ECE_BIN} library=''
  command -v faketime >/dev/null || skip "faketime is not here"
  library=$(faketime -f +0 printenv LD_PRELOAD)
  # A sanitizer wants to be first.
  if [[ $bin == "$ECE_BIN" ]] && ldd "$AGENT" | grep -q libasan; then
    library="$(ldd "$AGENT" | awk '/libasan/ {print $3}'):$library"
  fi
  AGENT=$bin/agent/ece-agent WRAP="env LD_PRELOAD=$library FAKETIME=$1 DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1" \
    start_agent "${@:2}"
  sleep 0.3
  alive "$agent_pid" || skip "this build and libfaketime do not go together: $(tail -n 1 "$(agent_dir "$2")/agent.log")"
}

@test "a clock an hour ahead changes nothing but is said" {
  # [AC-3] [LV-2] [TK-2]
  at_clock +3600 ahead --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 10 runner_is_connected ahead
  holds_for 1500 runner_is_connected ahead
  log_has ahead 'clock is 3(599|600|601) s ahead of the coordinator'
  skew=$(jq .skew_ms "$(agent_dir ahead)/run/status.json")
  ((skew > 3590000 && skew < 3610000)) || fail "skew $skew"
  # Without any Date seen yet, its first assertion is made an hour too late: once more, and it is in.
  kill_hard "$agent_pid"
  wait_until 5 runner_is_disconnected ahead
  at_clock +3600 ahead --coordinator-host "127.0.0.1:$PORT" --roles allocator
  wait_until 10 runner_is_connected ahead
}

@test "a clock an hour behind changes nothing but is said" {
  # [AC-3] [LV-2]
  at_clock -3600 behind --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
  wait_until 10 runner_is_connected behind
  holds_for 1500 runner_is_connected behind
  log_has behind 'clock is 3(599|600|601) s behind the coordinator'
  kill_hard "$agent_pid"
  wait_until 5 runner_is_disconnected behind
  at_clock -3600 behind --coordinator-host "127.0.0.1:$PORT" --roles allocator
  wait_until 10 runner_is_connected behind
}
