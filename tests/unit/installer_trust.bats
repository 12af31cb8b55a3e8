#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154,SC2317 # every test is a subshell of its own
# What the installer believes of what others tell it: tokens, answers of a coordinator, certificates, lists of packages, the
# findings of ece-agent check; and what it hands to the process that goes on in its place.

load installer

setup() { new_run; }

# ---- the roles token

# judge TOKEN [ROLES]: check_token, and what it set
judge_token() {
  SECRET[roles-token]=$1
  OPT[roles]=${2:-}
  check_token
  echo "CA=$CA_SHA256"
}
judge() { run as_script judge_token "$@"; }
judge_claims() { judge "$(token_of "$1")" "${2:-}"; }

@test "of every token in the corpus it says yes or why not" {
  judged=0
  now=$(jq .now "$ECE_ROOT/tests/data/tokens/corpus.json")
  date() { if [[ $1 == +%s ]]; then echo "$now"; else command date "$@"; fi; }
  while IFS=$'\t' read -r name rule note text; do
    printf -v token '%b' "$text"
    judge "$token"
    [[ $status == 0 || $status == 3 ]] || fail "$name: exit status $status" "$output"
    no_bash_error || fail "$name"
    case $rule:$name in
    # claims that ece-agent judges, or nobody but the coordinator
    ok:expired | ok:sub-missing | ok:roles-text | ok:ca-short | ok:ca-not-hex | ok:payload-empty-object) expected=3 ;;
    ok:*) expected=0 ;;
    characters:* | segments:* | too_long:*) expected=3 ;;
    *) continue ;;
    esac
    equal "$status" "$expected" "$name ($note): exit status" || fail "$output"
    ((${#text} < 60)) || lacks "$output" "${text:0:60}"
    judged=$((judged + 1))
  done < <(jq -r '.rows[] | select(.text) | [.name, .peek, .note, (.text | gsub("\n"; "\\n") | gsub("\r"; "\\r"))] | join("\t")' \
    "$ECE_ROOT/tests/data/tokens/corpus.json")
  ((judged > 50)) || fail "only $judged rows were judged"
}

@test "a token over the bound is refused by its length, before it is looked into" {
  judge "a.$(head -c 8189 /dev/zero | tr '\0' a).a"
  refused 3 8193 8192
  judge "$(head -c 3000000 /dev/zero | tr '\0' .)"
  refused 3 3000000
}

@test "what a token permits decides about the roles" {
  while IFS='|' read -r permitted asked expected; do
    judge_claims "{\"sub\":\"x\",\"roles\":[$permitted],\"iss\":\"current\"}" "$asked"
    ((status == expected)) || fail "$permitted, asked for $asked: $status" "$output"
    ((expected == 0)) || contains "$output" "does not permit the role" "it permits:"
  done <<'TABLE'
"allocator"|allocator|0
"allocator"||0
||0
"allocator","proxy"|proxy,allocator|0
"allocator", "proxy"|proxy|0
"allocator"|proxy|3
"allocator"|allocator,proxy|3
|allocator|3
"allocators"|allocator|3
"allo"|allocator|3
TABLE
}

@test "an expiry counts to the hour, and a strange one is left to the coordinator" {
  now=$(date +%s)
  while read -r expiry expected; do
    judge_claims "{\"sub\":\"x\",\"roles\":[],\"exp\":$expiry}"
    ((status == expected)) || fail "exp $expiry: $status" "$output"
    no_bash_error
    ((expected == 0)) || contains "$output" "expired at" "UTC" "make a new roles token"
  done <<TABLE
$((now + 60)) 0
$((now - 60)) 0
$((now - 3500)) 0
$((now - 3700)) 3
1493646213 3
0 3
08 3
999999999999999 0
99999999999999999999 0
1e3 0
-5 0
"x" 0
a[\$(touch\${IFS}canary)] 0
TABLE
  [[ ! -e canary ]]
}

@test "the CA that a token names is 64 small hexadecimal digits or an error" {
  good=$(printf 'a%.0s' {1..64})
  judge_claims "{\"sub\":\"x\",\"roles\":[],\"ca_sha256\":\"$good\"}"
  contains "$output" "CA=$good"
  judge_claims '{"sub":"x","roles":[]}'
  contains "$output" "CA="
  for bad in "${good}a" "${good%a}" "${good^^}" "" "../../etc/passwd" '$(touch canary)'; do
    judge_claims "{\"sub\":\"x\",\"roles\":[],\"ca_sha256\":\"$bad\"}"
    # an empty one names nobody
    if [[ -n $bad ]]; then refused 3 ca_sha256; else contains "$output" "CA="; fi
  done
  [[ ! -e canary ]]
}

# ---- answers

@test "a field is found in flat JSON, and hostile JSON yields text or nothing" {
  while IFS='|' read -r name text expected; do
    run as_script json_value "$name" "$text"
    no_bash_error
    equal "$output" "$expected" "$name in $text"
  done <<'TABLE'
a|{"a":"x"}|x
a|{"a" : "x"}|x
a|{"b":"y","a":"x"}|x
a|{"a":12}|12
a|{"a":-1.5}|-1.5
a|{"a":true,"b":1}|true
a|{"a":""}|
a|{"ba":"x"}|
a|{"b":"a"}|
a|{"a":[1]}|
a|{"a":{"b":1}}|
a|{"a":"x|
a|{"a":"$(touch canary)`touch canary`"}|$(touch canary)`touch canary`
a|{"a":"%s%n\\u0000"}|%s%n\\u0000
a|{"a":"*"}|*
a||
a|garbage|
TABLE
  [[ ! -e canary ]]
}

@test "base64url is decoded whatever its length, and what is none yields nothing harmful" {
  for text in a ab abc abcd '{"a":">>>???"}' ''; do
    equal "$(as_script base64url_decode "$(printf '%s' "$text" | base64url)")" "$text"
  done
  run as_script base64url_decode '!!!$(touch canary)'
  no_bash_error
  [[ ! -e canary ]]
}

@test "an endpoint is split into host and port" {
  both() { split_endpoint "$1" && echo "$EP_HOST $EP_PORT"; }
  while read -r text expected; do
    run as_script both "$text"
    no_bash_error
    equal "$output" "${expected:-}" "$text"
    ((status == 0)) || [[ -z $expected ]]
  done <<'TABLE'
192.168.40.73 192.168.40.73 12443
192.168.40.73:443 192.168.40.73 443
host.example host.example 12443
host.example:12343 host.example 12343
host_name-2 host_name-2 12443
[2001:db8::1] [2001:db8::1] 12443
[2001:db8::1]:443 [2001:db8::1] 443
[::ffff:192.168.40.73]:443 [::ffff:192.168.40.73] 443
2001:db8::1 [2001:db8::1] 12443
::1 [::1] 12443
cafe:1234 cafe 1234
host:08 host 08
host:65535 host 65535
host:65536
host:0
host:
cafe:
host:port
192.168.40.73:123456
[2001:db8::1
2001:db8::1]:443
[host]:443
:443
:
[]
host:1:2
TABLE
}

@test "the coordinators of a list are tried in turn, and all reasons are told" {
  prove_coordinator() {
    echo "$EP_HOST $EP_PORT" >>tried
    echo "no route" >"$WORK/fetch-error"
    [[ $EP_HOST == two ]]
  }
  installation_of_ca() { echo the-installation; }
  trust() {
    OPT[coordinator-host]=$1
    establish_trust
    echo "at $COORDINATOR"
    show_findings "" ${PROBLEMS[@]+"${PROBLEMS[@]}"}
  }
  run as_script trust one,two:443,three
  contains "$output" "at two:443" the-installation
  equal "$(tr '\n' ' ' <tried)" "one 12443 two 443 "
  run as_script trust one,three:1
  contains "$output" "one: no route; three:1: no route"
  for wrong in 'one,,two' ',' 'one,[x'; do
    run as_script trust "$wrong"
    refused 3 "--coordinator-host"
  done
}

# ---- certificates

# make_ca NAME CN: NAME.pem
make_ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.pem" -subj "/O=ece/CN=$2" \
    -days 2 2>/dev/null
}
# answer_with FILE: as GET /agent/v1/ca does
answer_with() { jq -n --rawfile pem "$1" '{"installation_id": "x", "ca_certificate": $pem}' >"$WORK/ca.json"; }

@test "the CA certificate is taken out of the answer, and nothing else of it" {
  make_ca one installation-1
  make_ca two installation-2
  expected=$(openssl x509 -in one.pem -outform DER | sha256sum | cut -d' ' -f1)
  for filter in . 'tojson | fromjson' '.ca_certificate |= "some text\n" + .'; do
    answer_with one.pem
    jq "$filter" "$WORK/ca.json" >answer && mv answer "$WORK/ca.json"
    run as_script take_ca
    ((status == 0)) || fail "$filter: $output"
    equal "$(as_script ca_fingerprint "$WORK/ca.pem")" "$expected"
    equal "$(as_script installation_of_ca)" installation-1
  done
  # slashes may be escaped in JSON
  answer_with one.pem
  sed -i 's,/,\\/,g' "$WORK/ca.json"
  run as_script take_ca
  equal "$(as_script ca_fingerprint "$WORK/ca.pem")" "$expected"
  # of several the first, and no key
  cat one.pem one.key two.pem >several
  answer_with several
  run as_script take_ca
  equal "$(as_script ca_fingerprint "$WORK/ca.pem")" "$expected"
  lacks "$(cat "$WORK/ca.pem")" PRIVATE
}

@test "an answer without a certificate is no coordinator's" {
  make_ca one installation-1
  while IFS= read -r answer; do
    printf '%s' "$answer" >"$WORK/ca.json"
    run as_script take_ca
    ((status != 0)) || fail "taken: $answer"
    no_bash_error
  done <<'TABLE'

{}
<html>ca_certificate</html>
{"ca_certificate":""}
{"ca_certificate":12}
{"ca_certificate":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}
{"ca_certificate":"$(touch canary)"}
TABLE
  head -c 60000 /dev/urandom >"$WORK/ca.json"
  run as_script take_ca
  ((status != 0))
  no_bash_error
  [[ ! -e canary ]]
}

@test "an installation's id has only letters, digits and hyphens" {
  while IFS='|' read -r name expected; do
    make_ca any "$name"
    cp any.pem "$WORK/ca.pem"
    equal "$(as_script installation_of_ca)" "$expected" "$name"
  done <<'TABLE'
7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66|7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66
host.example|
a b|
$(touch canary)|
TABLE
  [[ ! -e canary ]]
}

@test "a CA is one of a bundle of several, or it is not" {
  for name in one two three stranger; do make_ca "$name" "$name"; done
  OPT[coordinator-ca]=bundle.pem
  { # with all that people leave in such files
    echo "# our CAs"
    cat one.pem
    openssl x509 -in two.pem -noout -text
    sed 's/$/\r/' two.pem
    echo
    cat three.pem
    printf -- '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  } >bundle.pem
  for name in one two three; do
    run as_script is_given_ca "$(as_script ca_fingerprint "$name.pem")"
    ((status == 0)) || fail "$name is not found: $output"
  done
  run as_script is_given_ca "$(as_script ca_fingerprint stranger.pem)"
  ((status == 1))
  : >bundle.pem
  rm -f "$WORK"/given.*
  run as_script is_given_ca "$(as_script ca_fingerprint one.pem)"
  ((status == 1))
}

# prove with the answer in $1, a token's ca_sha256 of $2, --coordinator-ca $3; a request that verifies succeeds if $4 is "verifies"
prove() {
  local pem=$1 verifies=${4:-}
  CA_SHA256=$2 EP_HOST=h EP_PORT=1
  [[ -z $3 ]] || OPT[coordinator-ca]=$3
  fetch() {
    echo "${*:5}" >>requests
    [[ $* == *--insecure* || $verifies == verifies ]] || {
      echo "certificate verify failed" >"$WORK/fetch-error"
      return 1
    }
    answer_with "$pem"
  }
  prove_coordinator || {
    cat "$WORK/fetch-error"
    return 1
  }
}

@test "a coordinator is believed for the token's sum, else for --coordinator-ca, else for the system's certificates" {
  make_ca right the-installation
  make_ca wrong another
  sum=$(as_script ca_fingerprint right.pem)
  run as_script prove right.pem "$sum" ""
  ((status == 0)) || fail "$output"
  # the sum decides alone: nothing else can make up for it
  for ca in "" wrong.pem; do
    run as_script prove wrong.pem "$sum" "$ca" verifies
    ((status == 1))
    contains "$output" "$sum" "another installation, or somebody in between"
  done
  run as_script prove right.pem "" right.pem
  ((status == 0))
  run as_script prove wrong.pem "" right.pem
  ((status == 1))
  contains "$output" right.pem "does not vouch for it"
  run as_script prove wrong.pem "" right.pem verifies
  ((status == 0))
  run as_script prove right.pem "" ""
  ((status == 1))
  contains "$output" "no ca_sha256" "certificate verify failed"
  run as_script prove right.pem "" "" verifies
  ((status == 0))
  # only the very first request is not verified
  : >requests
  run as_script prove right.pem "" "" verifies
  equal "$(grep -c insecure requests)" 1
}

# ---- packages

@test "the newest package for this host is found, and nothing else counts" {
  dpkg() { if [[ $1 == --print-architecture ]]; then echo amd64; else command dpkg "$@"; fi; }
  while IFS='|' read -r files expected; do
    # shellcheck disable=SC2086 # names
    run as_script newest_of ece-agent $files
    equal "$output" "$expected" "$files"
  done <<'TABLE'
ece-agent_1.0_amd64.deb|ece-agent_1.0_amd64.deb
d/ece-agent_1.0_amd64.deb d/ece-agent_1.10_amd64.deb d/ece-agent_1.9_amd64.deb|d/ece-agent_1.10_amd64.deb
ece-agent_2.0~rc1_amd64.deb ece-agent_2.0_amd64.deb|ece-agent_2.0_amd64.deb
ece-agent_1.0_arm64.deb ece-agent_0.9_all.deb|ece-agent_0.9_all.deb
ece-agent_1.0+b1_amd64.deb ece-agent_1.0_amd64.deb|ece-agent_1.0+b1_amd64.deb
ece-agent-dbg_9.0_amd64.deb ece-agent_9.0_amd64.deb.part xece-agent_9.0_amd64.deb ece-agent__amd64.deb|
ece-agent_$(touch)_amd64.deb *.deb|
|
TABLE
}

@test "a package is what its list says, byte for byte" {
  mkdir shelf
  head -c 5000 /dev/urandom >shelf/a.deb
  cp shelf/a.deb shelf/ba.deb
  (cd shelf && sha256sum a.deb ba.deb) >sums
  run as_script has_listed_sum shelf/a.deb sums
  ((status == 0))
  (cd shelf && sha256sum --binary a.deb) >binary
  run as_script has_listed_sum shelf/a.deb binary
  ((status == 0))
  echo >>shelf/a.deb
  run as_script has_listed_sum shelf/a.deb sums
  ((status != 0))
  for list in "" "a.deb" "$(sha256sum <shelf/a.deb | cut -c1-63)  a.deb" "$(sha256sum <shelf/a.deb | cut -d' ' -f1)  xa.deb"; do
    printf '%s\n' "$list" >bad
    run as_script has_listed_sum shelf/a.deb bad
    ((status != 0)) || fail "taken: $list"
  done
  run as_script has_listed_sum shelf/nowhere.deb sums
  ((status != 0))
}

@test "a package's name in a list never leads out of our directory" {
  dpkg() { if [[ $1 == --print-architecture ]]; then echo amd64; else command dpkg "$@"; fi; }
  mkdir "$WORK/packages"
  COORDINATOR=h:1
  fetch_verified() { echo "$1 $2" >>fetched; }
  sum=$(sha256sum </dev/null | cut -d' ' -f1)
  printf '%s  %s\n' "$sum" ../../etc/ece-agent_9_amd64.deb "$sum" /etc/ece-agent_9_amd64.deb >"$WORK/SHA256SUMS"
  take() {
    take_remote ece-agent
    show_findings "" ${PROBLEMS[@]+"${PROBLEMS[@]}"}
  }
  run as_script take
  contains "$output" "has no package ece-agent"
  [[ ! -e fetched ]]
}

@test "a package that is not what the coordinator's list says is not kept" {
  dpkg() { if [[ $1 == --print-architecture ]]; then echo amd64; else command dpkg "$@"; fi; }
  mkdir "$WORK/packages"
  COORDINATOR=h:1
  echo good >good
  printf '%s  ece-agent_1_amd64.deb\n' "$(sha256sum <good | cut -d' ' -f1)" >"$WORK/SHA256SUMS"
  fetch_verified() { cat "$served" >"$2"; }
  take() {
    take_remote ece-agent
    echo "status $?"
    show_findings "" ${PROBLEMS[@]+"${PROBLEMS[@]}"}
  }
  served=good
  run as_script take
  contains "$output" "status 0" "SHA-256 verified"
  echo bad >bad
  served=bad
  run as_script take
  contains "$output" "status 1" "is not what its SHA256SUMS says"
  [[ ! -e $WORK/packages/ece-agent_1_amd64.deb ]]
}

# ---- ece-agent check

# findings KIND: run_doctor over the output in "doctor", with problems and warnings
findings() {
  [[ $1 == first ]] || OPT[coordinator-host]=h
  agent_says() { cat doctor; }
  run_doctor agent_says
  echo "HOST_IP=$HOST_IP status=$PROBLEM_STATUS"
  printf 'problem %s\n' ${PROBLEMS[@]+"${PROBLEMS[@]//$'\n'/ -> }"}
  printf 'warning %s\n' ${WARNINGS[@]+"${WARNINGS[@]//$'\n'/ -> }"}
}

@test "the agent's findings join the list, each with its remedy and its exit status" {
  cat >doctor <<'TEXT'
ok       host.address         192.168.40.79, of the interface with the default route
warning  clock.synchronized   the clock is not synchronized
         -> start a time service
failure  token.expiry         the roles token has expired
         -> make a new one
failure  runner.id            the runner id is taken
         -> give --runner-id
failure  memory.total         too little memory
         -> add some
skipped  coordinator.protocol no coordinator
1 ok, 1 warning, 3 failures, 1 skipped
TEXT
  run as_script findings additional
  equal "$output" "HOST_IP=192.168.40.79 status=3
problem the roles token has expired (token.expiry) -> make a new one
problem the runner id is taken (runner.id) -> give --runner-id
problem too little memory (memory.total) -> add some
warning the clock is not synchronized (clock.synchronized) -> start a time service"
  # on the first host there is no coordinator and no token yet
  run as_script findings first
  equal "$(grep -c '^problem' <<<"$output")" 1
  contains "$output" "status=5" memory.total
}

@test "each kind of failure has its exit status" {
  while read -r code expected; do
    printf 'failure  %s  text\n         -> remedy\n' "$code" >doctor
    run as_script findings additional
    contains "$output" "status=$expected" "text ($code) -> remedy" || fail "$code"
  done <<'TABLE'
config.syntax 3
token.form 3
token.expiry 3
token.roles 3
token.accepted 1
coordinator.reach 1
proxy.reach 1
runner.id 1
state.writable 5
host.address 5
TABLE
}

@test "an address is taken from the findings only when it is one" {
  while IFS='|' read -r line expected; do
    printf '%s\n         -> remedy\n' "$line" >doctor
    run as_script findings additional
    contains "$output" "HOST_IP=$expected status" || fail "$line"
  done <<'TABLE'
ok       host.address  192.168.40.79, as configured|192.168.40.79
ok       host.address  2001:db8::1, as configured|2001:db8::1
warning  host.address  10.0.0.1, as configured, is on no interface of this host|10.0.0.1
warning  host.address  several default routes: 10.0.0.1, 10.0.0.2|
failure  host.address  no default route|
TABLE
  # the first coordinator must have one
  printf 'warning  host.address  several default routes\n         -> give --host-ip\n' >doctor
  run as_script findings first
  contains "$output" "status=5" "problem several default routes (host.address) -> give --host-ip"
}

@test "lines that are no findings are passed over" {
  head -c 3000 /dev/urandom >doctor
  printf '\nfailure\nfailure  \nfailure x\nok ok ok\n$(touch canary)\n' >>doctor
  run as_script findings additional
  contains "$output" "status=0"
  no_bash_error
  [[ ! -e canary ]]
}

@test "problems stop the run with the status of the first, unless --force was given" {
  check() {
    warning "a warning" "its cure"
    problem 5 "the first" "its remedy"
    problem 1 "the second" "another remedy"
    BLOCKED=$1
    judge_checks
    echo "went on"
  }
  run as_script check ""
  refused 5 "a warning" "-> its cure" "the first" "-> its remedy" "the second" "2 of the checks failed"
  OPT[force]=yes
  run as_script check ""
  ((status == 0))
  contains "$output" "the first" "--force" "went on"
  run as_script check yes
  refused 5 "2 of the checks failed"
}

# ---- what is written and handed on

config_of() {
  choose_command install "$@"
  parse_arguments "${REST[@]}"
  check_values
  agent_config
}

@test "the agent's configuration has what was given, and no token" {
  touch ca.pem
  run as_script config_of --coordinator-host h:1,h2 --roles-token "$(token_of "$GOOD_CLAIMS")" --roles "allocator, proxy" --host-ip ::1 \
    --availability-zone z --runner-id r --capacity 4096 --allocator-tags 'a:b c' --proxy http://p:1 --coordinator-ca ca.pem --podman
  equal "$(grep -v '^#' <<<"$output" | sort)" "$(sort <<TEXT
coordinator_host = h:1,h2
roles = allocator,proxy
proxy = http://p:1
coordinator_ca = $AGENT_CA
availability_zone = z
runner_id = r
host_ip = ::1
capacity = 4096
allocator_tags = a:b c
TEXT
  )"
  run as_script config_of --coordinator-host h --roles-token "$(token_of "$GOOD_CLAIMS")"
  equal "$(grep -v '^#' <<<"$output")" "coordinator_host = h
availability_zone = ece-zone-1"
  HOST_IP=192.168.40.73
  run as_script config_of --roles allocator --availability-zone z
  equal "$(grep -v '^#' <<<"$output")" "coordinator_host = 192.168.40.73
roles = director,coordinator,proxy,allocator
availability_zone = z"
}

@test "the process that goes on has every function and every secret, character by character" {
  secret=$' a b\\c\'d"e$(touch canary)`touch canary`!{x,y}*?[~#;&|<>\xc3\xa9\x01\x7f%s'
  IGNORED[memory-settings]='{"a": "'"it's"' $(touch canary)"}'
  SCRIPT_DIR="/a dir/with ' and \""
  SECRET[roles-token]=$secret
  SECRET[pwd]='-n'
  handed_program >program
  sed -i '$d' program # the line that goes on
  cat >>program <<'TEXT'
printf '%s' "${SECRET[roles-token]}" >got
printf '%s|%s|%s' "${SECRET[pwd]}" "$HANDED_OVER" "$SCRIPT_DIR" >got-more
printf '%s' "${IGNORED[memory-settings]}" >got-ignored
declare -F | awk '{ print $3 }' >functions
printf '%s\n' "$@" >arguments
TEXT
  bash -s -- one 'two three' '$(touch canary)' <program
  equal "$(cat got)" "$secret"
  equal "$(cat got-more)" "-n|yes|/a dir/with ' and \""
  equal "$(cat got-ignored)" '{"a": "'"it's"' $(touch canary)"}'
  equal "$(cat arguments)" $'one\ntwo three\n$(touch canary)'
  # as the file has them
  bash -c '. "$1"; declare -F' - "$INSTALLER" | awk '{ print $3 }' >expected
  equal "$(grep -cxFf expected functions)" "$(wc -l <expected)" "functions"
  [[ ! -e canary ]]
}

@test "functions that were handed on do what they did" {
  as_script handed_program | sed '$d' >program
  echo usage >>program
  equal "$(bash -s <program)" "$(as_script usage)"
}
