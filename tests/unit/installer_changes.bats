#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154,SC2317 # every test is a subshell of its own
# What the installer changes on a host: files in one step, each change written down before it is made, and taken back from any
# half state, also where somebody planted symbolic links; and what it remembers of an installation.

load installer

setup() {
  new_run
  ME=$(id -u):$(id -g)
  STORAGE=$BATS_TEST_TMPDIR/storage
  # neither the packages nor the services of this machine
  purge_package() { echo "purge $1" >>taken-back; }
  purge_dependency() { echo "purge dependency $1" >>taken-back; }
  undo_service() { echo "stop $1" >>taken-back; }
  systemctl() { echo "systemctl $*" >>taken-back; }
}

teardown() { rm -rf "${base:-}"; }

mode_of() { stat -c %a "$1"; }
# lines KIND ARG...: a line of the journal for each
lines() { printf -- "$1\t%s\n" "${@:2}"; }
journal() { tr '\t' '|' <"$STATE/journal"; }
put() { printf '%s\n' "$2" | put_file "$1" "${3:-0644}" "$ME"; }
# nothing half-written lies beside the file
nothing_beside() { equal "$(find "${1%/*}" -name '.*' -type f)" "" "files left behind"; }

# ---- files

@test "a new file has its content and mode, and is written down first" {
  as_script put "$PWD/etc/new" content 0600
  equal "$(cat etc/new)" content
  equal "$(mode_of etc/new)" 600 mode
  equal "$(journal)" "file|$PWD/etc/new"
  nothing_beside "$PWD/etc/new"
}

@test "a file that was there is kept once, and comes back as it was" {
  echo before >etc/old
  chmod 0640 etc/old
  touch -d @1000000000 etc/old
  run as_script put "$PWD/etc/old" first
  run as_script put "$PWD/etc/old" second
  equal "$(cat etc/old)" second
  equal "$(journal)" "restore|$PWD/etc/old|$STATE/saved/${PWD//\//_}_etc_old"
  run as_script undo_changes "$STATE/journal"
  equal "$(cat etc/old) $(mode_of etc/old) $(stat -c %Y etc/old)" "before 640 1000000000"
  nothing_beside "$PWD/etc/old"
}

@test "our own file written again is not taken for somebody's" {
  run as_script put "$PWD/etc/new" first
  run as_script put "$PWD/etc/new" second
  equal "$(journal)" "file|$PWD/etc/new"
  [[ ! -e $STATE/saved ]]
  # nor after it was completed
  run as_script complete_changes
  run as_script put "$PWD/etc/new" third
  [[ ! -e $STATE/journal ]]
}

@test "a symbolic link in the way is replaced and not followed, and comes back as a link" {
  echo precious >precious
  for target in "$PWD/precious" "$PWD/nowhere" /dev/null; do
    rm -rf "$STATE/journal" "$STATE/saved" etc/link
    ln -s "$target" etc/link
    run as_script put "$PWD/etc/link" ours 0600
    [[ ! -L etc/link && $(cat etc/link) == ours ]] || fail "the link to $target is still there"
    run as_script undo_changes "$STATE/journal"
    equal "$(readlink etc/link)" "$target" "the link after taking back"
  done
  equal "$(cat precious)" precious
  [[ ! -e nowhere && -c /dev/null ]]
}

@test "a link planted where the half-written file lies is not followed" {
  echo precious >precious
  ln -s "$PWD/precious" "$(half_written "$PWD/etc/new")"
  run as_script put "$PWD/etc/new" ours
  equal "$(cat precious) $(cat etc/new)" "precious ours"
}

@test "a link planted where a file will come back is not followed" {
  echo before >etc/old
  echo precious >precious
  run as_script put "$PWD/etc/old" ours
  ln -sf "$PWD/precious" etc/old
  run as_script undo_changes "$STATE/journal"
  equal "$(cat precious)" precious
  [[ ! -L etc/old && $(cat etc/old) == before ]]
}

@test "a file that cannot be written leaves the old one, and ends the run" {
  mkdir etc/directory
  run as_script put "$PWD/etc/directory" ours
  ((status == 1))
  contains "$output" "$PWD/etc/directory cannot be written"
  run as_script put "$PWD/nowhere/file" ours
  ((status == 1))
  nothing_beside "$PWD/etc/x"
  # on a full disk
  echo before >etc/full
  chmod() { return 1; }
  run as_script put "$PWD/etc/full" ours
  ((status == 1))
  equal "$(cat etc/full)" before
  nothing_beside "$PWD/etc/x"
}

@test "directories are made with what is above them, and each is written down" {
  run as_script make_dir "$PWD/a/b/c" 0700
  equal "$(mode_of a) $(mode_of a/b) $(mode_of a/b/c)" "755 755 700" modes
  equal "$(journal)" "$(printf 'dir|%s\n' "$PWD/a" "$PWD/a/b" "$PWD/a/b/c")"
  run as_script make_dir "$PWD/a/b" 0700
  equal "$(wc -l <"$STATE/journal")" 3 "lines"
  touch a/somebodys
  run as_script undo_changes "$STATE/journal"
  [[ -e a/somebodys && ! -e a/b ]] || fail "$(find a)"
}

@test "a directory that cannot be made ends the run" {
  ln -s "$PWD/nowhere" dangling
  run as_script make_dir "$PWD/dangling" 0755
  ((status == 1))
  contains "$output" "cannot be made"
  [[ ! -e nowhere ]]
  touch file
  run as_script make_dir "$PWD/file/below" 0755
  ((status == 1))
}

# ---- the journal

@test "a change is written down once, also when an earlier installation has it" {
  run as_script record_change package ece-agent
  run as_script record_change package ece-agent
  equal "$(journal)" "package|ece-agent"
  run as_script complete_changes
  run as_script record_change package ece-agent
  [[ ! -e $STATE/journal ]]
  # the whole line counts, not a part, and nothing in it is a pattern
  run as_script record_change package 'ece.agent'
  run as_script record_change package ece
  equal "$(wc -l <"$STATE/journal")" 2 lines
}

@test "a journal that cannot be written ends the run before the change" {
  mkdir "$STATE/journal"
  run as_script make_dir "$PWD/a" 0755
  ((status == 1))
  contains "$output" "journal cannot be written"
  [[ ! -e a ]]
}

@test "changes are taken back newest first" {
  lines package one two >"$STATE/journal"
  lines service three >>"$STATE/journal"
  lines dependency four >>"$STATE/journal"
  run as_script undo_changes "$STATE/journal"
  equal "$(tr '\n' ' ' <taken-back)" "purge dependency four stop three purge two purge one "
}

@test "a line that a full disk cut off takes nothing back" {
  mkdir -p a/b
  touch a/b/precious
  printf 'package\tone\ntree\t%s' "$PWD/a" >"$STATE/journal"
  run as_script undo_changes "$STATE/journal"
  [[ -e a/b/precious ]]
  equal "$(cat taken-back)" "purge one"
}

@test "what cannot be taken back does not stop the rest" {
  mkdir full
  touch full/somebodys
  {
    lines package first
    lines dir "$PWD/full" "$PWD/gone"
    lines file "$PWD/gone"
    printf 'restore\t%s\t%s\n' "$PWD/gone" "$STATE/saved/gone"
    printf 'restore\t%s\t%s\n' "$PWD/gone/below" "$STATE/journal"
    printf 'word-of-a-later-version\tx\n'
  } >"$STATE/journal"
  run as_script undo_changes "$STATE/journal"
  ((status == 0))
  no_bash_error
  equal "$(cat taken-back)" "purge first"
}

@test "a failed run puts back what was there, and keeps only its log" {
  echo before >etc/agent.conf
  run as_script make_dir "$STORAGE/logs/bootstrap-logs" 0755 log-dir
  run as_script record_change log-file "$STORAGE/logs/bootstrap-logs/bootstrap.log"
  echo log >"$STORAGE/logs/bootstrap-logs/bootstrap.log"
  run as_script put "$PWD/etc/agent.conf" ours
  run as_script put "$PWD/etc/roles-token" secret 0600
  run as_script write_record begun
  as_script roll_back >output 2>&1
  equal "$(cat etc/agent.conf)" before
  [[ ! -e etc/roles-token && ! -e $STATE/journal && ! -e $STATE/installation && ! -e $STATE/saved ]] || fail "$(find "$STATE" etc)"
  equal "$(cat "$STORAGE/logs/bootstrap-logs/bootstrap.log")" log
  contains "$(cat output)" "This host is as it was" "$STORAGE/logs/bootstrap-logs/bootstrap.log"
  # uninstall finds the log
  run as_script undo_changes "$STATE/installed"
  [[ ! -e $STORAGE ]] || fail "$(find "$STORAGE")"
}

@test "a failed change to an installation leaves what was completed, and its record" {
  run as_script put "$PWD/etc/agent.conf" installed
  run as_script write_record complete
  run as_script complete_changes
  run as_script put "$PWD/etc/more" x
  run as_script roll_back
  equal "$(as_script recorded state)" complete
  equal "$(cat etc/agent.conf)" installed
  [[ ! -e etc/more ]]
}

@test "a journal that a kill left beside a whole installation is put away, not taken back" {
  run as_script put "$PWD/etc/agent.conf" installed
  run as_script write_record complete
  as_script is_complete
  [[ ! -e $STATE/journal ]]
  run as_script roll_back
  equal "$(cat etc/agent.conf)" installed
}

@test "what could not be taken back stays in the list, and is said" {
  lines package one two >"$STATE/journal"
  failing() {
    purge_package() { [[ $1 != one ]]; }
    "$@"
  }
  run as_script failing undo_changes "$STATE/journal"
  equal "$status" 1
  equal "$(cut -f2 "$STATE/journal")" one
  run as_script failing roll_back
  contains "$output" "some of it could not be taken back"
  equal "$(cut -f2 "$STATE/installed")" one
}

@test "packages beside the script count only where nobody else can put them" {
  need_root
  own_root
  mkdir -m 0755 "$base/mine"
  mkdir -m 1777 "$base/open"
  touch "$base/mine/ece-agent_9_all.deb" "$base/open/ece-agent_9_all.deb"
  SUDO_UID=0
  SCRIPT_DIR=$base/mine
  equal "$(as_script package_folder)" "$base/mine"
  chmod 0666 "$base/mine/ece-agent_9_all.deb"
  run as_script package_folder
  equal "$status" 1
  contains "$output" "can be written by others"
  SCRIPT_DIR=$base/open
  run as_script package_folder
  equal "$status" 1
}

@test "with nothing changed there is nothing to put back, and nothing is said" {
  run as_script roll_back
  equal "$output" ""
}

@test "completing joins both lists without doubles, and a list that cannot be written is not lost" {
  lines package one two >"$STATE/installed"
  lines package two three >"$STATE/journal"
  run as_script complete_changes
  equal "$(cut -f2 "$STATE/installed" | tr '\n' ' ')" "one two three "
  [[ ! -e $STATE/journal ]]
  lines package four >"$STATE/journal"
  awk() { return 1; }
  run as_script complete_changes
  ((status == 1))
  equal "$(wc -l <"$STATE/installed") $(wc -l <"$STATE/journal")" "3 1"
}

# ---- the storage path

check_storage_of() {
  STORAGE=$1
  check_storage
  echo "STORAGE=$STORAGE"
}
# a root of our own: what is above the test's directory is not the subject
own_root() {
  SUDO_UID=$(id -u)
  base=$(mktemp -d)
  chmod 0755 "$base"
}

@test "a storage path that others could exchange is refused, by every part of it" {
  own_root
  mkdir -p "$base"/{good,open,sticky,group}/elastic
  chmod 0777 "$base/open"
  chmod 1777 "$base/sticky"
  chmod 0775 "$base/group"
  touch "$base/file"
  for path in good good/elastic good/elastic/new/below sticky/elastic; do
    run as_script check_storage_of "$base/$path"
    ((status == 0)) && contains "$output" "STORAGE=$base/$path" || fail "$path: $output"
  done
  for path in open open/elastic open/elastic/new group/elastic; do
    run as_script check_storage_of "$base/$path"
    refused 1 "can be written by others" "$base/${path%%/*}"
  done
  for path in file file/below; do
    run as_script check_storage_of "$base/$path"
    refused 1 "$base/file is not a directory"
  done
}

@test "symbolic links in the storage path are resolved before they are judged" {
  own_root
  mkdir -p "$base"/{good,open/elastic}
  chmod 0777 "$base/open"
  ln -s good "$base/link"
  ln -s open/elastic "$base/trap"
  ln -s trap "$base/chain"
  ln -s nowhere "$base/dangling"
  ln -s loop "$base/loop"
  run as_script check_storage_of "$base/link/elastic"
  contains "$output" "STORAGE=$base/good/elastic"
  for path in trap chain/x; do
    run as_script check_storage_of "$base/$path"
    refused 1 "can be written by others"
  done
  run as_script check_storage_of "$base/dangling/x"
  contains "$output" "STORAGE=$base/nowhere/x"
  for part in logs bootstrap-state logs/bootstrap-logs; do
    rm -rf "$base/good"
    mkdir -p "$base/good/$(dirname "$part")"
    ln -s /etc "$base/good/$part"
    run as_script check_storage_of "$base/good"
    refused 1 "$base/good/$part is not a directory of its own"
  done
}

@test "a storage path of a stranger is refused" {
  need_root
  own_root
  SUDO_UID=0
  mkdir -p "$base"/{of-nobody/elastic,of-caller/elastic}
  chown 65534 "$base/of-nobody"
  run as_script check_storage_of "$base/of-nobody/elastic"
  refused 1 "$base/of-nobody belongs to user 65534" chown
  # who called sudo is no stranger
  chown 1000 "$base/of-caller"
  SUDO_UID=1000
  run as_script check_storage_of "$base/of-caller/elastic"
  ((status == 0))
}

# ---- the record

recorded_with() { # FLAG...: the record of an install with these
  new_run
  choose_command install "$@"
  parse_arguments "${REST[@]}"
  check_values
  write_record complete
}
differences_with() {
  OPT=() IGNORED=() STORAGE=/mnt/data/elastic
  parse_arguments "$@"
  check_values
  differences
}

@test "the record has every flag and no secret, and reads back" {
  as_script recorded_with --coordinator-host h --roles-token "$(token_of "$GOOD_CLAIMS")" --roles "allocator, proxy" --force --debug \
    --availability-zone z --podman --allocator-tags 'a:b=c,d:e f'
  as_script cat "$STATE/installation" >record
  equal "$(cat record)" "state=complete
kind=additional
storage=$STORAGE
flag.allocator-tags=a:b=c,d:e f
flag.availability-zone=z
flag.coordinator-host=h
flag.roles=allocator,proxy
ignored.podman=yes"
  equal "$(as_script recorded flag.allocator-tags)" 'a:b=c,d:e f'
  equal "$(as_script recorded flag.roles)" allocator,proxy
  equal "$(as_script recorded nothing)" ""
  rm "$STATE/installation"
  equal "$(as_script recorded state)" ""
}

@test "the same flags are no difference, others are named with both values" {
  run as_script recorded_with --coordinator-host h --availability-zone one --roles proxy --podman --host-storage-path /mnt/data/elastic
  cp "$BATS_TEST_TMPDIR/state/installation" kept
  run as_script differences_with --roles ' proxy ' --availability-zone one --coordinator-host h --host-storage-path /mnt/data/elastic \
    --debug --force --timeout-factor 2
  equal "$output" ""
  run as_script differences_with --coordinator-host h --availability-zone two --roles proxy --host-storage-path /mnt/x --capacity 4096
  contains "$output" "now:   --availability-zone=one" "asked: --availability-zone=two" "asked: --capacity=4096" \
    "now:   storage /mnt/data/elastic" "asked: storage /mnt/x"
  lacks "$output" roles podman
  run as_script differences_with --availability-zone one --roles proxy
  contains "$output" "now:   --coordinator-host=h" "now:   kind additional" "asked: kind first"
}

# ---- passwords

secrets() {
  # shellcheck disable=SC2028 # JSON
  echo '{"adminconsole_root_password":"ol\"d\\","adminconsole_readonly_password":"ro","allocator_only_token":"t"}'
}

@test "a new password of any characters is put into the secrets file, and nothing else changes" {
  while IFS= read -r password; do
    secrets >secrets.json
    chmod 0600 secrets.json
    run as_script note_password admin "$password" "$PWD/secrets.json"
    ((status == 0)) || fail "$output"
    lacks "$output" "$password"
    equal "$(jq -r .adminconsole_root_password secrets.json)" "$password"
    equal "$(jq -c 'del(.adminconsole_root_password)' secrets.json)" '{"adminconsole_readonly_password":"ro","allocator_only_token":"t"}'
    equal "$(mode_of secrets.json)" 600 mode
  done <<'TABLE'
plain-password
a\b"c&d
\\1&\&
$(touch canary)`touch canary`
it's ${HOME} *
{"x":"y"},"adminconsole_readonly_password":"z"
größe €
TABLE
  [[ ! -e canary && ! -e $STATE/journal ]]
  # compact, as people's scripts look for it
  contains "$(cat secrets.json)" '"adminconsole_root_password":"'
  run as_script note_password readonly second "$PWD/secrets.json"
  equal "$(jq -r .adminconsole_readonly_password secrets.json)" second
}

@test "noting a password leaves the journal of an interrupted installation alone" {
  secrets >secrets.json
  lines package ece-agent >"$STATE/journal"
  run as_script note_password admin new "$PWD/secrets.json"
  equal "$(journal)" "package|ece-agent"
}

@test "a generated password is shown once when no file takes it, a given one never, and none is logged" {
  secrets >elsewhere.json
  ln -s elsewhere.json link.json
  exec {LOG_FD}>log
  for file in nowhere.json link.json; do
    run as_script note_password admin generated-one "$file"
    contains "$output" generated-one
    SECRET[pwd]=given-one
    run as_script note_password admin given-one "$file"
    lacks "$output" given-one
    unset 'SECRET[pwd]'
  done
  run as_script note_password somebody generated-two elsewhere.json
  contains "$output" somebody generated-two
  equal "$(cat elsewhere.json)" "$(secrets)"
  lacks "$(cat log)" generated given-one
}
