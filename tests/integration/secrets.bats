#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# Where secrets must not be found, and who may read the files that hold them.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator --log-level debug
  make_token '["allocator"]' >"$SITE/token"
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() { end_test; }

# The parts of the token that nobody could have by chance.
signature() { cut -d. -f3 "$SITE/token"; }
claims_text() { cut -d. -f2 "$SITE/token"; }

# nowhere_in DIR: neither the token nor a part of it.
nowhere_in() {
  local found
  found=$(grep -rlF -e "$(signature)" -e "$(claims_text)" "$1" || true)
  [[ -z $found ]] || fail "the token stands in: $found"
}

mode_is() { equal "$(stat -c %a "$1")" "$2" "mode of $1"; }

@test "an inline token is overwritten in the process list and warned of" {
  start_agent host --coordinator-host "127.0.0.1:$PORT" --roles-token "$(cat "$SITE/token")" --roles allocator
  wait_until 10 agent_is_connected host
  command_line=$(tr '\0' ' ' <"/proc/$agent_pid/cmdline")
  lacks "$command_line" "$(signature)" "$(claims_text)" "${command_line:+eyJ}"
  contains "$command_line" --roles-token --roles allocator
  log_has host 'warning .*the roles token was given on the command line'
  # The other form of the flag.
  start_agent host-2 --coordinator-host "127.0.0.1:$PORT" "--roles-token=$(cat "$SITE/token")" --roles allocator ||
    skip "this form of the flag is not taken"
  says_something() { [[ -s $(agent_dir host-2)/agent.log ]]; }
  wait_until 10 says_something
  lacks "$(tr '\0' ' ' <"/proc/$agent_pid/cmdline" 2>/dev/null)" "$(signature)"
}

@test "an inline token that is far too long is refused and overwritten" {
  long=$(head -c 20000 /dev/zero | tr '\0' a)
  agent_args host
  exits 64 timeout 10 "$AGENT" run "${args[@]}" --coordinator-host "127.0.0.1:$PORT" --roles-token "$long"
  contains "$output" 8192 20000
  lacks "$output" aaaaaaaaaa
}

@test "token inspect never prints the token or its signature" {
  for form in "$(cat "$SITE/token")" "@$SITE/token"; do
    exits 0 "$AGENT" token inspect "$form"
    lacks "$output" "$(signature)" "$(claims_text)"
    contains "$output" allocator
  done
  exits 0 bash -c "'$AGENT' token inspect - <'$SITE/token'"
  lacks "$output" "$(signature)" "$(claims_text)"
}

@test "the token is in no log, no environment and no file after joining" {
  # [TK-5]
  (umask 077 && cp "$SITE/token" "$BATS_TEST_TMPDIR/the-token")
  start_agent host --coordinator-host "127.0.0.1:$PORT" --roles-token "@$BATS_TEST_TMPDIR/the-token" --roles allocator --log-level debug
  wait_until 10 agent_is_connected host
  rm "$BATS_TEST_TMPDIR/the-token"
  nowhere_in "$BATS_TEST_TMPDIR"
  grep -qF "$(signature)" <<<"$(tr '\0' '\n' <"/proc/$agent_pid/environ")" && fail "it is in the environment"
  # The coordinator says whose token was used, and never the token.
  nowhere_in "$SITE/coordinator.log"
  equal "$(grep -aclF "$(signature)" "$SITE"/coordinator/*.db* | wc -l)" 0
}

@test "a token from standard input is taken and kept nowhere" {
  dir=$(agent_dir host)
  agent_args host
  "$AGENT" run "${args[@]}" --host-ip 127.0.0.1 --runner-id piped --coordinator-host "127.0.0.1:$PORT" --roles-token - --roles allocator \
    <"$SITE/token" >"$dir/agent.log" 2>&1 3>&- &
  remember $!
  wait_until 10 agent_is_connected host
  nowhere_in "$BATS_TEST_TMPDIR"
}

@test "a token from a systemd credential is taken and kept nowhere" {
  mkdir "$BATS_TEST_TMPDIR/credentials"
  cp "$SITE/token" "$BATS_TEST_TMPDIR/credentials/roles-token"
  CREDENTIALS_DIRECTORY=$BATS_TEST_TMPDIR/credentials start_agent cred --coordinator-host "127.0.0.1:$PORT" --roles allocator
  wait_until 10 agent_is_connected cred
  rm -r "$BATS_TEST_TMPDIR/credentials"
  nowhere_in "$BATS_TEST_TMPDIR"
}

@test "a refused token is in no message" {
  printf '%s' "$(cut -d. -f1,2 "$SITE/token").$(signature | sed 's,^A,B,;t;s,^.,A,')" >"$BATS_TEST_TMPDIR/wrong-token"
  start_agent wrong --coordinator-host "127.0.0.1:$PORT" --roles-token "@$BATS_TEST_TMPDIR/wrong-token" --roles allocator --log-level debug
  wait_until 5 status_explains wrong 'agent.roles_token_invalid'
  rm "$BATS_TEST_TMPDIR/wrong-token"
  nowhere_in "$BATS_TEST_TMPDIR"
  nowhere_in "$SITE/coordinator.log"
}

@test "access tokens, host keys and passwords are in no log" {
  # [AC-4]
  start_agent host --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator --log-level debug
  wait_until 10 agent_is_connected host
  request GET /api/v1/platform -u "admin:a-wrong-password-canary"
  replies 401
  logs=$(cat "$(agent_dir host)/agent.log" "$SITE/coordinator.log")
  lacks "$logs" "PRIVATE KEY" eyJ a-wrong-password-canary \
    "$(jq -r .adminconsole_root_password "$SITE/coordinator/bootstrap-secrets.json")" \
    "$(jq -r .adminconsole_readonly_password "$SITE/coordinator/bootstrap-secrets.json")"
  # The first secrets are in one file; the database has hashes.
  equal "$(grep -aclF "$(jq -r .adminconsole_root_password "$SITE/coordinator/bootstrap-secrets.json")" \
    "$SITE"/coordinator/*.db* | wc -l)" 0
}

@test "files have the modes that their secrets need" {
  # [EN-1]
  umask 022
  join host
  mode_is "$(identity_of host)" 600
  mode_is "$(agent_dir host)/state" 700
  mode_is "$(agent_dir host)/run/status.json" 644
  dir=$SITE/coordinator
  mode_is "$dir/bootstrap-secrets.json" 600
  mode_is "$dir/ca.pem" 644
  for file in "$dir"/coordinator.db*; do
    mode_is "$file" 600
  done
  lacks "$(cat "$dir/ca.pem")" "PRIVATE KEY"
  lacks "$(cat "$(agent_dir host)/run/status.json")" "PRIVATE KEY" eyJ
}

@test "another process of the same user cannot look into the agent" {
  ((EUID == 0)) || skip "only root can become another user"
  nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  "${nobody[@]}" test -x "$AGENT" || skip "another user cannot run the program where it was built"
  # Below a directory that others can reach.
  AGENTS=$(mktemp -d)
  chmod 755 "$AGENTS"
  mkdir "$AGENTS/host"
  cp "$SITE/token" "$AGENTS/host/token"
  : >"$AGENTS/empty.conf"
  chown -R 65534:65534 "$AGENTS/host"
  ASAN_OPTIONS=detect_leaks=0 EMPTY=$AGENTS/empty.conf WRAP=${nobody[*]} start_agent host \
    --coordinator-host "127.0.0.1:$PORT" --roles-token "@$AGENTS/host/token" --roles allocator
  wait_until 10 agent_is_connected host || true
  looks=0
  "${nobody[@]}" cat "/proc/$agent_pid/environ" >/dev/null 2>&1 || looks=$?
  owner=$(stat -c %u "/proc/$agent_pid/environ")
  log=$(agent_log host)
  kill_hard "$agent_pid"
  rm -rf "$AGENTS"
  contains "$log" "enrolling -> connected"
  # What is not dumpable belongs to root, and is closed to its own user.
  equal "$owner" 0 "owner of its files in /proc"
  ((looks != 0)) || fail "its environment could be read"
}

@test "bootstrap-secrets.json has the names of fields that people's scripts read, and passwords that work" {
  secrets=$SITE/coordinator/bootstrap-secrets.json
  equal "$(jq -r 'keys | sort | join(",")' "$secrets")" \
    adminconsole_readonly_password,adminconsole_root_password,allocator_only_token,bootstrap_runner_roles_token,emergency_all_roles_except_allocator_token
  # As a script of users finds it: compact, without a blank after the colon.
  password=$(grep -oP '(?<=adminconsole_root_password":")[^"]*' "$secrets")
  request GET /api/v1/platform -u "admin:$password"
  replies 200
  ((${#password} >= 16))
}
