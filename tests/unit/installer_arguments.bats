#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154,SC2317 # every test is a subshell of its own; $( ) stands in values on purpose
# The installer's command line: what is understood, what is refused with which status, and that nothing in it is ever executed.

load installer

setup() {
  new_run
  TOKEN=$(token_of "$GOOD_CLAIMS")
  JOIN=(--coordinator-host 192.168.40.73 --roles-token "$TOKEN")
}

# ---- the first word

@test "the first word decides what is done" {
  while IFS='|' read -r words expected; do
    # shellcheck disable=SC2086 # words
    parse $words
    understood "COMMAND=$expected FACTOR=100 STORAGE=$STORAGE" || fail "after: $words"
  done <<'TABLE'
install|install
install --force|install
--force|install
--dry-run --force|install
upgrade|upgrade
upgrade --dry-run|upgrade
uninstall|uninstall
uninstall --local|uninstall
reset-adminconsole-password|reset-adminconsole-password
reset-adminconsole-password --user readonly|reset-adminconsole-password
TABLE
}

@test "help is given for nothing, for help, and wherever help stands" {
  while read -r words; do
    # shellcheck disable=SC2086 # words
    parse $words
    ((status == 0)) || fail "exit status $status after: $words"
    contains "$output" "Usage: elastic-cloud-enterprise.sh" --coordinator-host --roles-token "Exit status"
    lacks "$output" COMMAND=
  done <<'TABLE'

help
--help
-h
install --help
install help
install --force help
--force --help
--coordinator-host h --help
upgrade help
uninstall --help
reset-adminconsole-password help
TABLE
}

@test "help as a value is a value" {
  parse install --runner-id help
  understood runner-id=help
}

@test "an unknown first word is exit status 2, also those that are not offered" {
  while read -r word says; do
    parse "$word"
    refused 2 "$says" || fail "after: $word"
  done <<'TABLE'
status unknown
Install unknown
-install unknown
- unknown
add-stack-version offered
set-logging-and-metrics-policy offered
configure-selinux-settings offered
$(touch${IFS}canary) unknown
TABLE
  [[ ! -e canary ]]
}

@test "an empty argument is exit status 3 wherever it stands" {
  for words in EMPTY "install EMPTY" "install --force EMPTY" "install EMPTY --force" "--force EMPTY" "upgrade EMPTY" "uninstall EMPTY"; do
    read -r -a list <<<"$words"
    parse "${list[@]/EMPTY/}"
    ((status == 3)) || fail "exit status $status after: $words"
    no_bash_error
  done
}

# ---- flags

@test "every flag of install is understood, in any order" {
  touch ca.pem
  mkdir packages
  flags=(
    "--coordinator-host 192.168.40.73" "--roles-token $TOKEN" "--roles allocator" "--host-docker-host /run/podman/podman.sock"
    "--host-storage-path /mnt/other/elastic" "--cloud-enterprise-version 2.0.0" --debug "--timeout-factor 1.5"
    "--docker-registry docker.elastic.co" "--ece-docker-repository cloud-enterprise" --overwrite-existing-image
    "--runner-id host-4" "--host-ip 192.168.40.79" "--availability-zone ece-zone-2" "--capacity 8192" "--memory-settings {}"
    --force --podman --selinux "--api-base-url https://h:12300" "--external-hostname a.example,b" "--allocator-tags a:b,c:d"
    "--proxy-protocol-version 2" --proxy-protocol-lenient "--proxy-tags a:b" "--environment-metadata {}" "--config-file /x"
    "--client-forwarder-observers-tag x" "--latest-stack-pre-release x" "--previous-stack-pre-release x"
    --skip-cloud-enterprise-version-check "--coordinator-ca ca.pem" "--package-dir packages" "--proxy http://proxy:3128" --dry-run
  )
  RANDOM=20
  for _ in 1 2 3; do
    mapfile -t shuffled < <(printf '%s\n' "${flags[@]}" | shuf --random-source=<(yes "$RANDOM"))
    words=()
    for flag in "${shuffled[@]}"; do
      read -r -a pair <<<"$flag"
      words+=("${pair[@]}")
    done
    parse "${words[@]}"
    understood "COMMAND=install FACTOR=150 STORAGE=/mnt/other/elastic" coordinator-host=192.168.40.73 "secret roles-token=$TOKEN" \
      roles=allocator debug=yes runner-id=host-4 host-ip=192.168.40.79 availability-zone=ece-zone-2 capacity=8192 force=yes \
      "ignored external-hostname=a.example,b" allocator-tags=a:b,c:d coordinator-ca=ca.pem package-dir=packages proxy=http://proxy:3128 \
      dry-run=yes "ignored host-docker-host=/run/podman/podman.sock" "ignored cloud-enterprise-version=2.0.0" \
      "ignored docker-registry=docker.elastic.co" "ignored ece-docker-repository=cloud-enterprise" \
      "ignored overwrite-existing-image=yes" "ignored memory-settings={}" "ignored podman=yes" "ignored selinux=yes" \
      "ignored api-base-url=https://h:12300" "ignored proxy-protocol-version=2" "ignored proxy-protocol-lenient=yes" \
      "ignored proxy-tags=a:b" "ignored environment-metadata={}" "ignored config-file=/x" \
      "ignored client-forwarder-observers-tag=x" "ignored latest-stack-pre-release=x" "ignored previous-stack-pre-release=x" \
      "ignored skip-cloud-enterprise-version-check=yes"
  done
}

@test "what means nothing on a first host is set aside there" {
  touch ca.pem
  parse --external-hostname a.example --roles allocator --coordinator-ca ca.pem --proxy http://proxy:3128
  understood external-hostname=a.example "ignored roles=allocator" "ignored coordinator-ca=ca.pem" \
    "ignored proxy=http://proxy:3128"
}

@test "the flags of the other commands are understood, and install's are not" {
  parse upgrade --cloud-enterprise-version 2.1.0 --docker-registry r --ece-docker-repository p --user admin --pass hunter2 \
    --host-docker-host /x --overwrite-existing-image --debug --timeout-factor 2 --secrets /nowhere --podman --selinux \
    --skip-pending-plan-check --force-upgrade --api-base-url u --skip-steps 1 --disable-rollback
  understood "COMMAND=upgrade FACTOR=200 STORAGE=$STORAGE" "ignored user=admin" "ignored pass=(not kept)"
  lacks "$output" hunter2
  echo '{}' >secrets.json
  parse reset-adminconsole-password --host-docker-host /x --secrets secrets.json --pwd 'new one' --user readonly \
    --host-storage-path /mnt/x --podman
  understood "secret pwd=new one" user=readonly secrets=secrets.json "ignored podman=yes"
  for command in upgrade uninstall reset-adminconsole-password; do
    parse "$command" --coordinator-host h
    refused 3 "$command: unknown argument \"--coordinator-host\""
  done
}

@test "what is no flag is exit status 3 and named, though it looks like one" {
  for word in stray --unknown -x --Force --force- -- - --roles-toke 'x:--debug' '--debug:x' '*' 'install' '--host ip' $'--debug\n'; do
    parse install --force "$word"
    refused 3 "unknown argument" || fail "after: $word"
  done
}

@test "a flag without its value is exit status 3" {
  for flag in --coordinator-host --roles-token --roles --runner-id --memory-settings --timeout-factor --package-dir; do
    for value in none '' ' ' $'\t' --force --; do
      words=(install "$flag" "$value")
      [[ $value != none ]] || words=(install "$flag")
      parse "${words[@]}"
      refused 3 "$flag has no value" || fail "after: ${words[*]}"
    done
  done
}

@test "a flag with = is exit status 3, says how to write it and does not repeat a secret" {
  parse install --roles-token="$TOKEN" --coordinator-host h
  refused 3 'write "--roles-token VALUE"'
  lacks "$output" "$TOKEN" "${TOKEN##*.}"
  parse install --capacity=8192
  refused 3 'write "--capacity VALUE"'
  parse reset-adminconsole-password --pwd=hunter2
  refused 3 'write "--pwd VALUE"'
  lacks "$output" hunter2
}

@test "of a repeated flag the last one counts" {
  parse install --runner-id a --capacity 1024 --runner-id b
  understood runner-id=b capacity=1024
}

@test "outer blanks are cut off, inner ones and every other character stay" {
  parse install --runner-id ' host ' --memory-settings ' {"runner": {"xms": "1G"},  "a": "'"it's"'"}' --allocator-tags 'k:a b,c:"d"' \
    --config-file '`touch canary` $(touch canary) ; touch canary \ " * ?'
  understood runner-id=host "ignored memory-settings={\"runner\": {\"xms\": \"1G\"},  \"a\": \"it's\"}" 'allocator-tags=k:a b,c:"d"' \
    'ignored config-file=`touch canary` $(touch canary) ; touch canary \ " * ?'
  [[ ! -e canary ]]
}

@test "a value with a line end or another control character is exit status 3" {
  for value in $'a\nstate=complete' $'a\tb' $'a\e[31mb' $'a\rb'; do
    parse install --allocator-tags "$value"
    refused 3 "control characters"
  done
}

@test "role lists are taken with commas and blanks, and only with roles" {
  while IFS='|' read -r given expected; do
    parse install "${JOIN[@]}" --roles "$given"
    understood "roles=$expected" || fail "for: $given"
  done <<'TABLE'
allocator|allocator
allocator,proxy|allocator,proxy
allocator, proxy|allocator,proxy
 allocator , proxy |allocator,proxy
allocator proxy|allocator,proxy
allocator,,proxy,|allocator,proxy
director,coordinator,proxy,allocator|director,coordinator,proxy,allocator
beats-runner,allocator,services-forwarder|allocator
TABLE
  for given in Allocator allocator,root '*' '$(touch canary)' 'allocator;proxy' "'allocator'"; do
    parse install "${JOIN[@]}" --roles "$given"
    refused 3 "is none of director, coordinator, proxy, allocator"
  done
  [[ ! -e canary ]]
}

@test "values are checked before anything is done" {
  while IFS='|' read -r flag value; do
    parse install "$flag" "$value"
    refused 3 "$flag" || fail "after: $flag $value"
  done <<'TABLE'
--capacity|lots
--capacity|8192MB
--capacity|-1
--capacity|255
--capacity|012
--capacity|99999999999
--host-ip|host.example
--host-ip|192.168.40
--host-ip|192.168.40.79/24
--host-storage-path|relative/path
--host-storage-path|/mnt/../etc
--host-storage-path|/mnt/..
--runner-id|.hidden
--runner-id|a/b
--runner-id|a b
--runner-id|größe
--availability-zone|zone 1
--availability-zone|../zone
--availability-zone|$(touch canary)
--timeout-factor|0
--timeout-factor|0.001
--timeout-factor|-1
--timeout-factor|1,5
--timeout-factor|1e3
--timeout-factor|nan
--timeout-factor|a[$(touch canary)]
--coordinator-host|http://host
--coordinator-host|host/path
--coordinator-host|host;id
--external-hostname|a b
--proxy|proxy:3128
--proxy|ftp://proxy
--coordinator-ca|/nonexistent/ca.pem
--package-dir|/nonexistent
TABLE
  [[ ! -e canary ]]
  parse reset-adminconsole-password --secrets /nonexistent
  refused 3 /nonexistent "cannot be read"
}

@test "the factor stretches every wait, and none becomes zero" {
  while read -r factor base expected; do
    parse install --timeout-factor "$factor"
    [[ $output =~ FACTOR=([0-9]+) ]]
    FACTOR=${BASH_REMATCH[1]}
    equal "$(as_script seconds "$base")" "$expected" "$base s times $factor"
  done <<'TABLE'
1 60 60
1.0 60 60
1.5 60 90
0.5 60 30
0.01 60 1
0.01 600 6
2.25 20 45
08 10 80
1.09 100 109
999.999 1 1000
TABLE
}

@test "coordinator host and token come together or not at all" {
  parse install --coordinator-host h
  refused 3 "--coordinator-host needs --roles-token"
  parse install --roles-token "$TOKEN"
  refused 3 "--roles-token needs --coordinator-host"
  lacks "$output" "$TOKEN"
}

@test "a token can come from a file, which is read before privileges are taken" {
  printf '%s\r\n\n' "$TOKEN" >token
  parse install --coordinator-host h --roles-token @token
  understood "secret roles-token=$TOKEN"
  : >empty
  parse install --coordinator-host h --roles-token @empty
  refused 3 "@empty" "empty"
  parse install --coordinator-host h --roles-token @nowhere
  refused 3 "@nowhere" "no such file"
  parse install --coordinator-host h --roles-token @/dev/zero
  refused 3 "@/dev/zero"
  head -c 100000 /dev/urandom >garbage
  parse install --coordinator-host h --roles-token @garbage
  ((status == 3))
}

# ---- the Ansible role

@test "the Ansible role's line for the first host is taken as it stands" {
  parse install --availability-zone ece-zone-1 --cloud-enterprise-version 4.0.0 --docker-registry docker.elastic.co \
    --ece-docker-repository cloud-enterprise \
    --memory-settings ' {"runner":{"xms":"1G","xmx":"1G"},"proxy":{"xms":"8G","xmx":"8G"}}' --runner-id 192.168.40.73 \
    --host-storage-path /mnt/data/elastic --podman --host-docker-host /run/podman/podman.sock --force
  understood "COMMAND=install FACTOR=100 STORAGE=/mnt/data/elastic" availability-zone=ece-zone-1 runner-id=192.168.40.73 force=yes \
    'ignored memory-settings={"runner":{"xms":"1G","xmx":"1G"},"proxy":{"xms":"8G","xmx":"8G"}}' "ignored podman=yes"
}

@test "the Ansible role's line for other hosts is taken as it stands, without install" {
  parse --coordinator-host ece1.example --roles-token "$TOKEN" --roles director,coordinator,proxy,allocator \
    --availability-zone ece-zone-2 --cloud-enterprise-version 4.0.0 --docker-registry docker.elastic.co \
    --ece-docker-repository cloud-enterprise --host-storage-path /mnt/data/elastic \
    --memory-settings ' {"runner":{"xms":"1G","xmx":"1G"}}' --runner-id 192.168.40.79 --capacity 65536 --podman \
    --host-docker-host /run/podman/podman.sock --force
  understood coordinator-host=ece1.example "secret roles-token=$TOKEN" roles=director,coordinator,proxy,allocator capacity=65536
}

# ---- what is ignored

@test "what has no meaning here is named once and stands in the record" {
  parse install --podman --docker-registry r.example --podman --force
  ignored_lines() {
    choose_command install --podman --docker-registry r.example --podman
    parse_arguments "${REST[@]}"
    say_what_is_ignored
    show_record begun
  }
  run as_script ignored_lines
  equal "$(grep -c -- --podman <<<"$output")" 1 "lines that name it"
  equal "$(grep -o -- --podman <<<"$output" | wc -l)" 1 "times that it is named"
  contains "$output" "Without meaning here" --docker-registry "ignored.podman=yes" "ignored.docker-registry=r.example"
}

# ---- the process that goes on

@test "what the next process is given has every argument but the secrets" {
  parse install "${JOIN[@]}" --memory-settings ' {"a b": "c"}' --debug
  understood "argument <--coordinator-host>" "argument <192.168.40.73>" 'argument < {"a b": "c"}>' "argument <--debug>"
  lacks "$(grep '^argument' <<<"$output")" "$TOKEN" --roles-token
  # a secret that is not needed makes root start anew as well, to be rid of it
  parse upgrade --user admin --pass hunter2
  understood "secret pass="
  lacks "$output" hunter2
}

@test "who is neither root nor has sudo is told so with exit status 4" {
  as=()
  ((EUID != 0)) || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  # the test's own directory may be closed to others
  tools=$(mktemp -d)
  chmod 755 "$tools"
  for tool in bash openssl cut tr date; do ln -s "$(command -v "$tool")" "$tools/$tool"; done
  cd /
  run env "${as[@]}" env PATH="$tools" "$tools/bash" -s -- install "${JOIN[@]}" <"$INSTALLER"
  rm -r "$tools"
  refused 4 "needs root" "no sudo"
  lacks "$output" "${TOKEN##*.}"
}

# ---- whatever comes

# A program of its own for each line of $1, with what privileges would be taken for replaced by "accepted".
judge_lines() {
  local line words
  while IFS= read -r line; do
    IFS=$'\x1f' read -r -a words <<<"$line"
    (
      set_defaults
      take_privileges() { exit 0; }
      go_on ${words[@]+"${words[@]}"}
    ) >reply 2>&1 </dev/null
    printf '%s %s\n' "$?" "$line" >>statuses
    grep -nE 'unbound variable|syntax error|command not found|bad substitution|value too great|: line [0-9]+:' reply && echo "after: $line"
  done <"$1"
  true
}

@test "no line of arguments makes bash speak or is executed" {
  python3 - >lines <<'PYTHON'
import random
random.seed(20261124)
commands = ["install", "upgrade", "uninstall", "reset-adminconsole-password", "help", "--help", "", "status", "-x", "$(touch canary)"]
flags = """--coordinator-host --roles-token --roles --host-docker-host --host-storage-path --cloud-enterprise-version --debug
--timeout-factor --docker-registry --memory-settings --runner-id --host-ip --availability-zone --capacity --force --podman
--external-hostname --allocator-tags --coordinator-ca --package-dir --proxy --dry-run --local --user --pwd --pass --secrets
--unknown -- - ---- --=x --force=yes --roles=allocator""".split()
values = ["$(touch canary)", "`touch canary`", "a[$(touch canary)]", "';touch canary;'", '"; touch canary; "', "x]=$(touch canary)",
          "", " ", "*", "?", "[", "]", "[[", "\\", "\\\\", "'", '"', "!", "!!", "~", "$HOME", "${x}", "${x@P}", "$((1/0))", "$", "%s%n",
          "&& touch canary", "| touch canary", "> canary", "{a,b}", "1", "08", "0x10", "-1", "1.5", "010", "999999999999999999999",
          "192.168.40.79", "::1", "[::1]:12443", "h:1", "allocator", "allocator,proxy", ", ,", "/tmp", "/", "@", "@/etc/passwd",
          "@/nonexistent", "eyJ.eyJ.x", "..", ".", "a.b.c", "ä", "\u200b", "\udcff", "A" * 5000, "{\"a\": [1, 2]}", "http://p:1", "true"]
for _ in range(400):
    line = []
    if random.random() < 0.8:
        line.append(random.choice(commands[:4] if random.random() < 0.7 else commands))
    for _ in range(random.randrange(6)):
        line.append(random.choice(flags))
        if random.random() < 0.7:
            line.append(random.choice(values))
        if random.random() < 0.05:
            line.append(random.choice(values))
    import sys
    sys.stdout.buffer.write("\x1f".join(line).encode("utf-8", "surrogateescape") + b"\n")
PYTHON
  run as_script judge_lines lines
  [[ -z $output ]] || fail "$output"
  [[ ! -e canary ]] || fail "something was executed"
  equal "$(wc -l <statuses)" 400 "lines that were judged"
  equal "$(cut -d' ' -f1 statuses | sort -u | tr '\n' ' ')" "0 2 3 " "exit statuses"
}

# ---- the form of the script

@test "it has nothing that bash 4.2 lacks" {
  # shellcheck disable=SC2016 # patterns
  while IFS='|' read -r what pattern; do
    found=$(grep -nE -- "$pattern" "$INSTALLER" || true)
    [[ -z $found ]] || fail "$what:" "$found"
  done <<'TABLE'
${x@Q} and the like (4.4)|\$\{[A-Za-z_]+(\[[^]]*\])?@[A-Za-z]\}
namerefs (4.3)|(local|declare|typeset) +-[A-Za-z]*n[A-Za-z]* 
mapfile -d (4.4)|(mapfile|readarray) .*-d
wait -n (4.3)|wait +-[a-z]*n
EPOCHREALTIME and EPOCHSECONDS (5.0)|EPOCH(REALTIME|SECONDS)
[[ -v array[key] ]] (4.3)|-v +[A-Za-z_]+\[
local - (4.4)|local +-( |$)
negative subscripts (4.3)|\$\{[A-Za-z_]+\[-[0-9]
declare -gA with a value, local in the first 4.2|declare +-g[aA] +[A-Za-z_]+=
shopt -s inherit_errexit and lastpipe|inherit_errexit
SRANDOM, BASH_ARGV0 (5.x)|SRANDOM|BASH_ARGV0
printf -v of an array's field|printf -v [A-Za-z_]+\[
TABLE
}

# Before 4.4 an array without elements counts as unset. These are filled wherever they are used:
FILLED='REST@:2|sudo|list|debs|packages|via|PROBLEMS|WARNINGS|fields|BASH_REMATCH'
@test "an array that may be empty is used in the form that bash before 4.4 takes" {
  found=$(grep -nE '"\$\{[A-Za-z_]+\[@\]\}"' "$INSTALLER" | sed -E 's/\$\{[A-Za-z_]+\[@\]\+"\$\{[A-Za-z_]+\[@\]\}"\}//g' |
    grep -E '"\$\{[A-Za-z_]+\[@\]\}"' | grep -vE "\"\\$\{($FILLED)\[@\]\}\"" || true)
  [[ -z $found ]] || fail "write \${x[@]+\"\${x[@]}\"} in:" "$found"
}

@test "no function is longer than a screen" {
  long=$(awk '/^[a-z_0-9]+\(\) [{(]/ { name = $1; start = NR } /^[})]/ && name { if (NR - start > 60 && name != "usage()") print name, NR - start; name = "" }' "$INSTALLER")
  [[ -z $long ]] || fail "longer than 60 lines:" "$long"
}

@test "a download that was cut off runs nothing" {
  run bash "$INSTALLER" install --no-such-flag </dev/null
  refused 3 "unknown argument"
  size=$(stat -c %s "$INSTALLER")
  RANDOM=7
  for _ in {1..25}; do
    head -c $((RANDOM * RANDOM % (size - 80))) "$INSTALLER" >cut.sh
    run bash cut.sh install --no-such-flag </dev/null
    lacks "$output" "unknown argument"
  done
}
