#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# The installer against a real coordinator, as far as it goes without installing: where its secrets are seen meanwhile by who
# looks at all processes and files, and where they are afterwards. It runs in a mount namespace of its own, in which this host's
# /run and /var/lib are empty: nothing can be installed, and nothing stays.

load helpers

LOOK=(python3 "$SUPPORT/secret_watch.py")

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR SHELF=$BATS_FILE_TMPDIR/artifacts
  can_hide || return 0
  new_site "$BATS_FILE_TMPDIR/site"
  mkdir "$SHELF"
  make_package
  start_coordinator --artifacts-dir "$SHELF"
  make_token '["allocator", "proxy"]' >"$SITE/token"
  AGENTS=$BATS_FILE_TMPDIR join taken
}
teardown_file() { end_file; }
setup() {
  can_hide || skip "only root can, with mount namespaces, dpkg-deb and curl"
  export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR
  # ours alone, as a storage path must be; what is above it is not the subject
  STORAGE=$(mktemp -d)
  # away from packages that were built, which it would take
  INSTALLER=$BATS_TEST_TMPDIR/elastic-cloud-enterprise.sh
  cp "$ECE_ROOT/scripts/elastic-cloud-enterprise.sh" "$INSTALLER"
}
teardown() {
  rm -rf "${STORAGE:-}"
  end_test
}

can_hide() { ((EUID == 0)) && command -v dpkg-deb curl >/dev/null && unshare --mount mount -t tmpfs tmpfs /mnt 2>/dev/null; }

# The program that was built, as the package that a new host fetches.
make_package() {
  local tree=$BATS_FILE_TMPDIR/tree arch
  arch=$(dpkg --print-architecture)
  mkdir -p "$tree/DEBIAN" "$tree/usr/bin"
  cp "$AGENT" "$tree/usr/bin/ece-agent"
  printf 'Package: ece-agent\nVersion: 0.0.1\nArchitecture: %s\nMaintainer: nobody <nobody@example.org>\nDescription: for a test\n' \
    "$arch" >"$tree/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone -b "$tree" "$SHELF/ece-agent_0.0.1_$arch.deb" >/dev/null
  (cd "$SHELF" && sha256sum -- *.deb >SHA256SUMS)
}

# hidden WORD...: the installer with these words, in a namespace of its own; "@SECRET" is replaced by the needle, which stands in
# no command line before the installer's. Sets status and output.
hidden() {
  cat >"$BATS_TEST_TMPDIR/hidden" <<'SCRIPT'
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && mount -t tmpfs tmpfs /var/lib || exit 99
IFS= read -r secret <"$NEEDLE_FILE"
words=()
for word; do
  [[ $word != @SECRET ]] || word=$secret
  words+=("$word")
done
unset NEEDLE_FILE
exec bash "${words[@]}"
SCRIPT
  local log=$BATS_TEST_TMPDIR/installer.log
  status=0
  NEEDLE_FILE=$BATS_TEST_TMPDIR/needle timeout 60 unshare --mount bash "$BATS_TEST_TMPDIR/hidden" "$INSTALLER" "$@" >"$log" 2>&1 \
    </dev/null 3>&- || status=$?
  output=$(cat "$log")
}

# watch_for SECRET: until watched. A process of ours has it where it must be found, or nothing that is not found counts.
watch_for() {
  (umask 077 && printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/needle")
  rm -f "$BATS_TEST_TMPDIR/rounds"
  DECOY=$1 sleep 60 3>&- &
  decoy=$!
  remember "$decoy"
  "${LOOK[@]}" "$BATS_TEST_TMPDIR/needle" "$BATS_TEST_TMPDIR/rounds" "$BATS_TEST_TMPDIR/seen.json" /var/lib/ece-installer 3>&- &
  watcher=$!
  remember "$watcher"
  wait_until 10 test -s "$BATS_TEST_TMPDIR/rounds"
}

# Sets seen, without the decoy.
watched() {
  kill -TERM "$watcher"
  wait "$watcher"
  kill "$decoy"
  seen=$(jq -c ".[] | select(.pid != $decoy)" "$BATS_TEST_TMPDIR/seen.json")
  jq -e "any(.[]; .pid == $decoy and .where == \"environ\")" "$BATS_TEST_TMPDIR/seen.json" >/dev/null ||
    fail "the watcher does not see what it should"
}

# only_at_first: in no environment, and in no command line but that of the installer as it was called, which was gone soon
only_at_first() {
  local wrong
  wrong=$(jq -c --arg script "$INSTALLER" 'select(.where == "environ" or
    (.where == "cmdline" and (.argv[0:2] != ["bash", $script])))' <<<"$seen")
  [[ -z $wrong ]] || fail "seen in:" "$wrong" || return 1
  wrong=$(jq -cs '(map(.rounds // 0) | add) as $rounds | .[] | select(.where == "cmdline" and .last > $rounds * 0.7)' <<<"$seen")
  [[ -z $wrong ]] || fail "seen to the end:" "$seen"
}
never_in_processes() {
  [[ -z $(jq -c 'select(.where == "cmdline" or .where == "environ")' <<<"$seen") ]] || fail "$seen"
}
# files with it are root's own while they are there
closed_files() {
  local wrong
  wrong=$(jq -c 'select(.where == "file" and .mode != "0o600")' <<<"$seen")
  [[ -z $wrong ]] || fail "open to others:" "$wrong"
}
# nowhere_in DIR...: neither the whole secret nor its last part
nowhere_in() {
  local found
  found=$(grep -rlF -e "$(cat "$BATS_TEST_TMPDIR/needle")" -e "$(cut -d. -f3 "$SITE/token")" "$@" --exclude=needle || true)
  [[ -z $found ]] || fail "it stands in: $found"
}

@test "a token in the arguments is in no command line but the first, in no environment and in no open file" {
  watch_for "$(cat "$SITE/token")"
  hidden install --coordinator-host "127.0.0.1:$PORT" --roles-token @SECRET --roles allocator --runner-id new --host-ip 127.0.0.1 \
    --host-storage-path "$STORAGE/elastic" --dry-run --debug
  watched
  ((status == 0)) || fail "exit status $status" "$output"
  # it went all the way: trust, packages, ece-agent's checks
  contains "$output" "is the coordinator of installation $(installation_id)" "SHA-256 verified" "run: " "Nothing was changed."
  only_at_first
  closed_files
  contains "$seen" '"file"' roles-token
  lacks "$output" "$(cat "$SITE/token")" "$(cut -d. -f3 "$SITE/token")"
  [[ ! -e $STORAGE/elastic ]] || fail "$(find "$STORAGE")"
}

@test "a token in a file is in no process at all" {
  watch_for "$(cat "$SITE/token")"
  hidden install --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator --runner-id new --host-ip 127.0.0.1 \
    --host-storage-path "$STORAGE/elastic" --dry-run --debug
  watched
  ((status == 0)) || fail "exit status $status" "$output"
  never_in_processes
  closed_files
}

@test "an installation that fails leaves a log, and no token in it" {
  watch_for "$(cat "$SITE/token")"
  hidden install --coordinator-host "127.0.0.1:$PORT" --roles-token @SECRET --roles allocator --runner-id taken --host-ip 127.0.0.1 \
    --host-storage-path "$STORAGE/elastic" --debug
  watched
  ((status == 1)) || fail "exit status $status" "$output"
  contains "$output" taken "of the checks failed" "This host is as it was"
  only_at_first
  closed_files
  log=$STORAGE/elastic/logs/bootstrap-logs/bootstrap.log
  contains "$(tail -n 1 "$log")" "[no.found.util.LogApplicationExit\$] Application is exiting {}"
  contains "$(cat "$log")" "run: " "runner" "exit status 1"
  equal "$(find "$STORAGE/elastic" -type f)" "$log" "what stays"
  nowhere_in "$STORAGE" "$BATS_TEST_TMPDIR/installer.log" "$SITE/coordinator.log"
}

@test "passwords of the other commands are in no command line but the first" {
  for words in "reset-adminconsole-password --pwd" "upgrade --user admin --pass"; do
    watch_for "canary-$RANDOM-$RANDOM"
    # shellcheck disable=SC2086 # words
    hidden $words @SECRET
    watched
    grep -qE "this host was not installed|there is no coordinator on this host" <<<"$output" || fail "$output"
    [[ -z $(jq -c 'select(.where == "environ")' <<<"$seen") ]] || fail "$seen"
    [[ -z $(jq -c --arg script "$INSTALLER" 'select(.where == "cmdline" and (.argv[0:2] != ["bash", $script]))' <<<"$seen") ]] || fail "$seen"
    lacks "$output" canary
  done
}
