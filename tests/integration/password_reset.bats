#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# ece-coordinator reset-password: a forgotten password, on the coordinator's host.

load helpers

setup() {
  export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR
  new_site "$BATS_TEST_TMPDIR/site"
}
teardown() { end_test; }

reset_password() { "$COORDINATOR" reset-password --state-dir "$SITE/coordinator" --config "$EMPTY" "$@"; }
# logs_in STATUS USER PASSWORD
logs_in() {
  (umask 077 && printf 'user = "%s"\n' "$2:${3//\"/\\\"}" >"$BATS_TEST_TMPDIR/login.curl")
  request GET /api/v1/platform --config "$BATS_TEST_TMPDIR/login.curl"
  replies "$1"
}
first_password() { jq -r ".adminconsole_$1_password" "$SITE/coordinator/bootstrap-secrets.json"; }

@test "a password that is made stands alone on standard output, works, and the old one does not" {
  start_coordinator
  stop_coordinator
  password=$(reset_password 2>"$BATS_TEST_TMPDIR/said")
  contains "$(cat "$BATS_TEST_TMPDIR/said")" "user admin has a new password"
  [[ $password =~ ^[A-Za-z0-9]{27}$ ]] || fail "that is no password: $password"
  start_coordinator
  logs_in 200 admin "$password"
  logs_in 401 admin "$(first_password root)"
  logs_in 200 readonly "$(first_password readonly)"
  lacks "$(cat "$SITE/coordinator.log")" "$password"
  equal "$(grep -aclF "$password" "$SITE"/coordinator/* | wc -l)" 0
}

@test "a password comes from a file or from standard input, and the role stays" {
  start_coordinator
  stop_coordinator
  odd='a: "b" ü€ 100%'
  (umask 077 && printf '%s\n' "$odd" >"$BATS_TEST_TMPDIR/password")
  exits 0 reset_password --password "@$BATS_TEST_TMPDIR/password"
  lacks "$output" "$odd"
  printf 'another one' | reset_password --user readonly --password -
  start_coordinator
  logs_in 200 admin "$odd"
  logs_in 200 readonly "another one"
  request POST "/api/v1/platform/$TOKENS_PATH" --config "$BATS_TEST_TMPDIR/login.curl" -H 'Content-Type: application/json' \
    -d '{"persistent": true, "roles": ["allocator"]}'
  replies 403
  audit=$(sqlite3 -readonly "$SITE/coordinator/coordinator.db" "SELECT value FROM kv WHERE key LIKE 'audit/%'")
  equal "$(jq -r 'select(.action == "user.password_reset") | .subject + " by " + .actor' <<<"$audit")" \
    "admin by uid $UID"$'\n'"readonly by uid $UID"
}

@test "while the coordinator runs nothing is changed, and the way is said" {
  start_coordinator
  exits 75 reset_password
  contains "$output" "systemctl stop ece-coordinator" "pid $(coordinator_pid)"
  logs_in 200 admin "$(first_password root)"
}

@test "what is refused changes nothing" {
  start_coordinator
  stop_coordinator
  before=$(fingerprint "$SITE/coordinator/coordinator.db")
  for given in --password=canary-password "--password canary-password"; do
    # shellcheck disable=SC2086 # two words in the second form
    exits 64 reset_password $given
    contains "$output" "@FILE" "every user of this host could see"
    lacks "$output" canary
  done
  exits 64 reset_password --roles allocator
  exits 65 reset_password --password - <<<short
  contains "$output" "8 to 256"
  exits 65 reset_password --password - <<<"canary"$'\n'"password"
  exits 65 reset_password --password - <<<"$(printf 'canary%.0s' {1..50})"
  lacks "$output" canary
  exits 66 reset_password --password "@$BATS_TEST_TMPDIR/nothing"
  exits 66 reset_password --user root
  contains "$output" admin readonly
  equal "$(fingerprint "$SITE/coordinator/coordinator.db")" "$before" "the database"
  exits 66 "$COORDINATOR" reset-password --state-dir "$BATS_TEST_TMPDIR/nowhere" --config "$EMPTY"
  [[ ! -e $BATS_TEST_TMPDIR/nowhere ]]
}

@test "root leaves all files to the owner of the state directory" {
  ((EUID == 0)) || skip "only root can become another user"
  owner=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  "${owner[@]}" test -x "$COORDINATOR" || skip "another user cannot run the program where it was built"
  start_coordinator
  stop_coordinator
  # Below a directory that others can reach.
  dir=$(mktemp -d)
  chmod 755 "$dir"
  cp -r "$SITE/coordinator" "$dir/state"
  chown -R 65534:65534 "$dir/state"
  # What root alone can read is read before root becomes somebody else.
  (umask 077 && echo "only for root" >"$dir/password")
  code=0
  "$COORDINATOR" reset-password --state-dir "$dir/state" --config "$EMPTY" --password "@$dir/password" || code=$?
  others=$(find "$dir/state" ! -uid 65534 -o ! -gid 65534)
  # The lock and the database are still the owner's to use.
  again=0
  "${owner[@]}" "$COORDINATOR" reset-password --state-dir "$dir/state" --config /dev/null >/dev/null || again=$?
  rm -rf "$dir"
  equal "$code" 0 "exit status"
  equal "$others" "" "files of others"
  equal "$again" 0 "exit status of the owner's own"
}
