#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# What people type: flags, configuration files, sub-commands, exit statuses.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() { end_test; }

# conf LINE...: writes the configuration file, prints its path.
conf() {
  printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/conf"
  echo "$BATS_TEST_TMPDIR/conf"
}
check_config() { "$AGENT" run --check-config --config "$(conf "$@")"; }

# ---- flags and files

@test "--version and --help of both programs and of every sub-command exit 0" {
  for program in "$AGENT" "$COORDINATOR"; do
    exits 0 "$program" --version
    [[ $output =~ ^ece-(agent|coordinator)\ [0-9]+\.[0-9]+\.[0-9]+ ]]
    exits 0 "$program" --help
    contains "$output" Usage
    exits 0 "$program" run --help
    contains "$output" --state-dir --config
  done
  for command in status check leave token; do
    exits 0 "$AGENT" "$command" --help
    contains "$output" Usage "$command"
  done
  exits 0 "$AGENT" token inspect --help
  contains "$output" Usage @FILE
  for command in run status check leave token "token inspect"; do
    # shellcheck disable=SC2086 # two words
    exits 0 "$AGENT" $command --version
    [[ $output =~ ^ece-agent\ [0-9]+\.[0-9]+\.[0-9]+ ]]
    # shellcheck disable=SC2086
    "$AGENT" $command --help | awk 'length > 80 { print; found = 1 } END { exit found }'
  done
}

@test "no command, an unknown command and an unknown flag exit 64" {
  for program in "$AGENT" "$COORDINATOR"; do
    exits 64 "$program"
    exits 64 "$program" dance
    exits 64 "$program" run --no-such-flag
    contains "$output" no-such-flag
    exits 64 "$program" run stray
    exits 64 "$program" run --state-dir
  done
  for command in status check leave; do
    exits 64 "$AGENT" "$command" --no-such-flag
  done
  exits 64 "$AGENT" token
  exits 64 "$AGENT" token inspect
  exits 64 "$AGENT" token look x
}

@test "bad values of flags exit 64 and say which and why" {
  bad() {
    exits 64 "$AGENT" run --check-config --config "$EMPTY" "$1" "$2"
    contains "$output" "$1" "$3"
  }
  bad --roles chief chief
  bad --capacity lots lots
  bad --capacity 0 256
  exits 64 "$AGENT" run --check-config --config "$EMPTY" --capacity=-5
  contains "$output" --capacity -5
  bad --host-ip 300.1.1.1 300.1.1.1
  bad --coordinator-host 'a b' 'a b'
  bad --coordinator-host host:99999 99999
  bad --runner-id '../x' '../x'
  bad --availability-zone 'a/b' 'a/b'
  bad --log-level loud loud
  bad --allocator-tags nocolon nocolon
  bad --instances-slice x.service x.service
  exits 64 "$COORDINATOR" run --check-config --config "$EMPTY" --listen nowhere:1
  contains "$output" --listen nowhere
  exits 64 "$COORDINATOR" run --check-config --config "$EMPTY" --heartbeat-interval 1
  contains "$output" --heartbeat-interval
}

@test "--check-config accepts a good file and starts nothing" {
  exits 0 check_config '# a comment' '' 'coordinator_host = 192.0.2.1, coordinator.example:12443, [2001:db8::1]' \
    'roles = allocator, proxy' 'capacity = 12398' 'availability_zone = zone-b' 'allocator_tags = rack:7' \
    "state_dir = $BATS_TEST_TMPDIR/state" 'log_level = debug' 'roles_token_file = /etc/ece-agent/token'
  contains "$output" valid
  [[ ! -e $BATS_TEST_TMPDIR/state ]]
  printf 'listen = 127.0.0.1:12443\nheartbeat_interval = 5000\n' >"$BATS_TEST_TMPDIR/conf"
  exits 0 "$COORDINATOR" run --check-config --config "$BATS_TEST_TMPDIR/conf"
}

@test "/dev/null is the configuration file of those who want none" {
  exits 0 "$AGENT" run --check-config --config /dev/null
  exits 0 "$COORDINATOR" run --check-config --config /dev/null
}

@test "--check-config refuses a bad file with file, line and reason" {
  bad() {
    exits 78 check_config "# first" "$1"
    contains "$output" "$BATS_TEST_TMPDIR/conf:2" "$2"
  }
  bad 'colour = blue' "unknown key"
  bad 'no equals sign' "key = value"
  bad 'capacity = much' capacity
  bad 'roles = chief' chief
  bad 'roles_token = abc' roles_token
  exits 78 check_config 'capacity = 4000' 'capacity = 5000'
  contains "$output" "conf:2" "line 1"
  printf 'capacity = \xff\n' >"$BATS_TEST_TMPDIR/conf"
  exits 78 "$AGENT" run --check-config --config "$BATS_TEST_TMPDIR/conf"
  run "$AGENT" run --check-config --config "$BATS_TEST_TMPDIR/not-there"
  ((status != 0))
  contains "$output" not-there
  printf 'listen = 127.0.0.1:12443\nvolume = 11\n' >"$BATS_TEST_TMPDIR/conf"
  exits 78 "$COORDINATOR" run --check-config --config "$BATS_TEST_TMPDIR/conf"
  contains "$output" "conf:2" volume
}

@test "a flag is stronger than the environment, and that than the file" {
  start_agent host --config "$(conf 'capacity = 4000' 'availability_zone = from-file')" --coordinator-host "127.0.0.1:$PORT" \
    --roles-token "@$SITE/token" --roles allocator
  wait_until 10 agent_is_connected host
  allocator host '.capacity.memory.total == 4000 and .zone_id == "from-file"'
  stop_gently "$agent_pid"
  ECE_AGENT_CAPACITY=5000 rejoin host --config "$BATS_TEST_TMPDIR/conf"
  wait_until 10 agent_is_connected host
  wait_until 3 allocator host '.capacity.memory.total == 5000'
  stop_gently "$agent_pid"
  ECE_AGENT_CAPACITY=5000 rejoin host --config "$BATS_TEST_TMPDIR/conf" --capacity 6000
  wait_until 10 agent_is_connected host
  wait_until 3 allocator host '.capacity.memory.total == 6000'
  # A mistake in a weaker source is found all the same.
  ECE_AGENT_CAPACITY=lots exits 78 "$AGENT" run --check-config --config "$EMPTY" --capacity 6000
  contains "$output" ECE_AGENT_CAPACITY
}

@test "everything can come from the configuration file" {
  start_agent file-host --config "$(conf "coordinator_host = 127.0.0.1:$PORT" "roles_token_file = $SITE/token" \
    'roles = allocator' 'capacity = 3000')"
  wait_until 10 agent_is_connected file-host
  allocator file-host '.capacity.memory.total == 3000'
}

# ---- token inspect

@test "token inspect says what a token permits, until when and for which installation" {
  exits 0 "$AGENT" token inspect "@$SITE/token"
  ca=$(openssl x509 -in "$SITE/coordinator/ca.pem" -outform DER | sha256sum | cut -d' ' -f1)
  contains "$output" allocator persistent "$ca" "not checked"
  make_token '["proxy", "director"]' false >"$BATS_TEST_TMPDIR/ephemeral"
  exits 0 "$AGENT" token inspect "@$BATS_TEST_TMPDIR/ephemeral"
  contains "$output" proxy director ephemeral "min left"
  forge '{"typ":"JWT","alg":"HS256"}' '{"sub":"a","roles":[],"iss":"current","exp":1000}' --base64url-key=AAAA >"$BATS_TEST_TMPDIR/old"
  exits 77 "$AGENT" token inspect "@$BATS_TEST_TMPDIR/old"
  contains "$output" EXPIRED 1970 "none"
  exits 65 "$AGENT" token inspect nonsense
  contains "$output" "[segments]"
  exits 66 "$AGENT" token inspect "@$BATS_TEST_TMPDIR/not-there"
  contains "$output" not-there
}

@test "a token that stands on the command line is warned of, on standard error" {
  token=$(cat "$SITE/token")
  agent_args nobody
  "$AGENT" token inspect "$token" 2>&1 >/dev/null | grep -q 'warning: the roles token was given on the command line'
  [[ -z $("$AGENT" token inspect "@$SITE/token" 2>&1 >/dev/null) ]]
  "$AGENT" check "${args[@]}" --roles-token "$token" 2>&1 >/dev/null | grep -q 'warning: the roles token was given on the command line'
  [[ -z $("$AGENT" check "${args[@]}" --roles-token "@$SITE/token" 2>&1 >/dev/null) ]]
}

# ---- status

@test "status before anything ran says so, exit 75" {
  agent_args nobody
  exits 75 agent_status nobody
  contains "$output" "not running"
  exits 75 agent_status nobody --json
  equal "$(jq -r '.connected, .record' <<<"$output" | paste -sd,)" false,not_running
}

@test "status does not trust a damaged record" {
  join host
  echo '{"state":' >"$(agent_dir host)/run/status.json"
  # The next beat writes it anew; until then nobody says connected without knowing.
  run agent_status host
  [[ $status == 0 || $status == 75 ]]
  [[ $status == 0 ]] || contains "$output" unknown
  kill -STOP "$agent_pid"
  echo '{"state":' >"$(agent_dir host)/run/status.json"
  exits 75 agent_status host
  contains "$output" unknown
  kill -CONT "$agent_pid"
}

# ---- leave

@test "leave removes the runner, forgets the identity, and the running agent stays up unenrolled" {
  # [LE-1]
  join host
  agent_args host
  exits 0 "$AGENT" leave "${args[@]}"
  contains "$output" host "$(installation_id)"
  [[ ! -e $(identity_of host) ]]
  runner_is_unknown host
  wait_until 5 agent_state_is host unenrolled
  alive "$agent_pid"
  # The token that it joined with is still there, and would undo what was just asked for.
  holds_for 1500 runner_is_unknown host
  exits 66 "$AGENT" leave "${args[@]}"
  contains "$output" "not joined"
}

@test "a host that has left joins again with a new token, without a restart" {
  # [LE-1] [RT-4]
  start_agent host --coordinator-host "127.0.0.1:$PORT" --roles-token "@$(token_file host "$(cat "$SITE/token")")" --roles allocator
  wait_until 10 agent_is_connected host
  pid=$agent_pid
  agent_args host
  exits 0 "$AGENT" leave "${args[@]}"
  wait_until 5 agent_state_is host unenrolled
  token_file host "$(make_token '["allocator"]')"
  kill -HUP "$pid"
  wait_until 10 agent_is_connected host
  runner_is_connected host
}

@test "leave without a running agent works, and says so when the coordinator is not there" {
  # [LE-1]
  join host
  stop_gently "$agent_pid"
  agent_args host
  refused=$(free_port)
  jq ".coordinators = [\"127.0.0.1:$refused\"]" "$(identity_of host)" >"$BATS_TEST_TMPDIR/edited"
  cp -p "$(identity_of host)" "$BATS_TEST_TMPDIR/kept"
  cat "$BATS_TEST_TMPDIR/edited" >"$(identity_of host)"
  run "$AGENT" leave "${args[@]}"
  ((status != 0))
  contains "$output" "connection refused" "nothing was forgotten" "--local"
  [[ -e $(identity_of host) ]]
  runner host .
  cat "$BATS_TEST_TMPDIR/kept" >"$(identity_of host)"
  exits 0 "$AGENT" leave "${args[@]}"
  runner_is_unknown host
}

@test "leave --local never needs the coordinator" {
  # [LE-2]
  join host
  stop_gently "$agent_pid"
  agent_args host
  exits 0 "$AGENT" leave --local "${args[@]}"
  contains "$output" "not told"
  [[ ! -e $(identity_of host) ]]
  runner host '.connected == false'
  exits 0 "$AGENT" leave --local "${args[@]}"
  contains "$output" "no identity here"
  lacks "$output" forgotten
}

# ---- check

# line STATUS CODE: check has said this.
line() { grep -qE "^$1 +$2 " <<<"$output" || fail "no \"$1 $2\" in:" "$output"; }

@test "check before joining finds everything well, changes nothing, exit 0" {
  # [EN-8]
  agent_args newcomer
  exits 0 "$AGENT" check "${args[@]}" --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator \
    --host-ip 127.0.0.1 --runner-id newcomer
  for code in config.valid token.form token.expiry token.roles host.address state.directory state.space state.identity \
    memory.total coordinator.resolve coordinator.tcp coordinator.tls coordinator.trust coordinator.clock token.accepted runner.id; do
    line ok "$code"
  done
  lacks "$output" "$(cut -d. -f3 "$SITE/token")"
  [[ ! -e $(agent_dir newcomer)/state ]]
  runner_is_unknown newcomer
}

@test "check says each failure with the next step, exit 1" {
  agent_args host
  checks() { exits "$1" "$AGENT" check "${args[@]}" --host-ip 127.0.0.1 --runner-id host "${@:2}"; }
  checks 1
  line failure config.coordinator
  refused=$(free_port)
  checks 1 --coordinator-host "127.0.0.1:$refused" --roles-token "@$SITE/token"
  line failure coordinator.tcp
  contains "$output" "connection refused" "->"
  checks 1 --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles director
  line failure token.roles
  contains "$output" director
  printf 'half.of' >"$BATS_TEST_TMPDIR/bad-token"
  checks 1 --coordinator-host "127.0.0.1:$PORT" --roles-token "@$BATS_TEST_TMPDIR/bad-token"
  line failure token.form
  token=$(make_token '["allocator"]')
  printf '%s' "$token" >"$BATS_TEST_TMPDIR/revoked"
  api DELETE "$TOKENS_PATH/$token"
  checks 1 --coordinator-host "127.0.0.1:$PORT" --roles-token "@$BATS_TEST_TMPDIR/revoked" --roles allocator
  line failure token.accepted
  checks 1 --coordinator-host no-such-host.invalid --roles-token "@$SITE/token"
  line failure coordinator.resolve
  # A bad configuration is a finding, too.
  exits 1 "$AGENT" check --config "$(conf 'colour = blue')"
  contains "$output" "failure" "config.valid" "conf:1"
}

@test "check sees that a runner id is taken" {
  # [EN-8]
  join taken
  agent_args other
  exits 1 "$AGENT" check "${args[@]}" --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator \
    --host-ip 127.0.0.1 --runner-id taken
  line failure runner.id
}

@test "check after joining finds everything well and needs no token" {
  # [AC-6]
  join host
  agent_args host
  exits 0 "$AGENT" check "${args[@]}" --host-ip 127.0.0.1 --coordinator-host "127.0.0.1:$PORT"
  for code in state.identity service.running coordinator.tls coordinator.trust; do
    line ok "$code"
  done
  exits 0 "$AGENT" check --json "${args[@]}" --host-ip 127.0.0.1 --coordinator-host "127.0.0.1:$PORT"
  equal "$(jq -r .ok <<<"$output")" true
  equal "$(jq -r '[.checks[] | select(.status == "failure")] | length' <<<"$output")" 0
  agent_is_connected host
}
