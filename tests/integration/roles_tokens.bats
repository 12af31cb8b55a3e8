#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# Roles tokens that must not let a host in: each is refused by the side that can know, before anything is changed there, and the message
# names the rule.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator", "proxy"]' >"$SITE/token"
  installation_record | jq -r .roles_token_key >"$SITE/token-key"
  # Everything goes through here, so that what was sent can be counted.
  AGENTS=$BATS_FILE_TMPDIR start_faults way
  export WAY_PORT=$fault_port
}
teardown_file() { end_file; }
teardown() { end_test; }

way() { AGENTS=$BATS_FILE_TMPDIR fault way "$@"; }
segment() { cut -d. -f"$1" "$SITE/token"; }
claims() { segment 2 | tr '_-' '/+' | jq -rR '@base64d'; }
header='{"typ":"JWT","alg":"HS256"}'

# A token by the installation's own key: forge_ours CLAIMS_JSON
forge_ours() { forge "$header" "$1" --base64url-key="$(cat "$SITE/token-key")"; }

# try NAME TOKEN [OPTION...]: an agent with this token.
try() {
  start_agent "$1" --coordinator-host "127.0.0.1:$WAY_PORT" --roles-token "@$(token_file "$1" "$2")" --roles allocator "${@:3}"
}

# refused_here NAME REGEX: the host says so, has not asked anybody, and has written nothing that would last.
refused_here() {
  wait_until 5 status_explains "$1" "$2" || fail "$(agent_status "$1")" || return 1
  agent_state_is "$1" unenrolled || fail "state: $(status_field "$1" .agent.state)" || return 1
  [[ ! -e $(identity_of "$1") ]] || fail "there is an identity file" || return 1
  [[ $(way connections) == "$connections" ]] || fail "it has connected" || return 1
  api GET "infrastructure/runners/$1"
  replies 404
}

# refused_there NAME CODE REGEX: the coordinator said no, the host shows it, no runner was made, nothing about the token is left behind.
refused_there() {
  wait_until 5 status_explains "$1" "$3" || fail "$(agent_status "$1")" || return 1
  agent_state_is "$1" unenrolled || fail "state: $(status_field "$1" .agent.state)" || return 1
  contains "$(agent_status "$1")" "$2" || return 1
  equal "$(jq .complete "$(identity_of "$1")")" false "complete" || return 1
  api GET "infrastructure/runners/$1"
  replies 404
}

# answer TOKEN: what the coordinator answers to it.
answer() { request GET /agent/v1/runner-ids/probe -H "Authorization: Bearer $1"; }

setup() {
  connections=$(way connections)
}

@test "every hostile token of the corpus is refused by its rule before it is used" {
  # [TK-1]
  python3 - "$CORPUS" "$BATS_TEST_TMPDIR" <<'PYTHON'
import json, os, sys
corpus = json.load(open(sys.argv[1], encoding="utf-8"))
for row in corpus["rows"]:
    text = row["text"] if "text" in row else row["repeat"] * row["times"]
    with open(os.path.join(sys.argv[2], row["name"] + ".token"), "wb") as file:
        file.write(text.encode("utf-8"))
PYTHON
  bad=0
  while read -r name rule; do
    case $name in
    # A newline at the end of a file is an editor's, and harmless.
    trailing-newline | trailing-crlf) continue ;;
    esac
    code=0
    text=$("$AGENT" token inspect "@$BATS_TEST_TMPDIR/$name.token" 2>&1) || code=$?
    if [[ $rule == ok ]]; then
      [[ $code == 0 || $code == 65 || $code == 77 ]] || { echo "$name: exit $code: $text" && bad=1; }
    elif [[ $code != 65 || ($text != *"[$rule]"* && $name != eight-mib) ]]; then
      echo "$name: exit $code, expected 65 and [$rule]: $text" && bad=1
    fi
  done < <(jq -r '.rows[] | "\(.name) \(.peek)"' "$CORPUS")
  ((bad == 0))
}

@test "claims of wrong types are refused by name" {
  # [TK-1]
  refused() {
    forge "$header" "$2" --base64url-key=AAAA >"$BATS_TEST_TMPDIR/claims.token"
    exits 65 "$AGENT" token inspect "@$BATS_TEST_TMPDIR/claims.token"
    contains "$output" "[claims]" "$1"
  }
  refused sub '{"roles":[],"iss":"current"}'
  refused sub '{"sub":7,"roles":[],"iss":"current"}'
  refused roles '{"sub":"a","iss":"current"}'
  refused roles '{"sub":"a","roles":"allocator","iss":"current"}'
  refused roles '{"sub":"a","roles":[1],"iss":"current"}'
  refused iss '{"sub":"a","roles":[]}'
  refused exp '{"sub":"a","roles":[],"iss":"current","exp":"tomorrow"}'
  refused exp '{"sub":"a","roles":[],"iss":"current","exp":1.5}'
  refused ca_sha256 '{"sub":"a","roles":[],"iss":"current","ca_sha256":"abc"}'
  refused ca_sha256 '{"sub":"a","roles":[],"iss":"current","ca_sha256":7}'
}

@test "a token that was cut when it was copied is refused on the host" {
  # [TK-1]
  try cut "$(segment 1).$(segment 2)"
  refused_here cut '\[segments\].*was it cut'
}

@test "blanks and quotes around a token are refused with the hint to remove them" {
  # [TK-1]
  try quoted "'$(cat "$SITE/token")'"
  refused_here quoted '\[characters\].*remove the quotes'
  try blank " $(cat "$SITE/token")"
  refused_here blank '\[characters\].*remove the blanks'
}

@test "an empty token file is refused as empty" {
  try nothing ""
  refused_here nothing '\[empty\]'
}

@test "alg none, HS512 and ES256 are refused on the host" {
  # [TK-1]
  try none "$(forge '{"typ":"JWT","alg":"none"}' "$(claims)" --base64url-key=AAAA)"
  refused_here none '\[algorithm\]'
  try hs512 "$(forge '{"typ":"JWT","alg":"HS512"}' "$(claims)" --base64url-key="$(cat "$SITE/token-key")" --hash sha512)"
  refused_here hs512 '\[algorithm\]'
  openssl ecparam -name prime256v1 -genkey -noout -out "$BATS_TEST_TMPDIR/ec.pem"
  try es256 "$(forge --es256 "$BATS_TEST_TMPDIR/ec.pem" '{"typ":"JWT","alg":"ES256"}' "$(claims)")"
  refused_here es256 '\[algorithm\]'
}

@test "the coordinator takes no other algorithm either, whoever sends it" {
  # [TK-3]
  openssl ecparam -name prime256v1 -genkey -noout -out "$BATS_TEST_TMPDIR/ec.pem"
  openssl x509 -in "$SITE/coordinator/ca.pem" -pubkey -noout >"$BATS_TEST_TMPDIR/ca.pub"
  for token in \
    "$(forge '{"typ":"JWT","alg":"none"}' "$(claims)")" \
    "$(forge '{"typ":"JWT","alg":"none"}' "$(claims)" --base64url-key=AAAA)" \
    "$(forge '{"typ":"JWT","alg":"HS512"}' "$(claims)" --base64url-key="$(cat "$SITE/token-key")" --hash sha512)" \
    "$(forge --es256 "$BATS_TEST_TMPDIR/ec.pem" '{"typ":"JWT","alg":"ES256"}' "$(claims)")" \
    "$(forge "$header" "$(claims)" --file-key "$BATS_TEST_TMPDIR/ca.pub")" \
    "$(forge "$header" "$(claims)" --file-key "$SITE/coordinator/ca.pem")" \
    "$(segment 1).$(segment 2).$(segment 3 | cut -c1-20)" "$(cat "$SITE/token")x" "" x; do
    answer "$token"
    replies 401 agent.roles_token_invalid || fail "token: $token"
  done
  answer "$(cat "$SITE/token")"
  replies 200
}

@test "a token whose claims were edited is refused by the coordinator" {
  # [TK-3]
  forged=$(forge "$header" "$(claims | jq -c '.roles += ["director"]')")
  try edited "${forged%.}.$(segment 3)" --roles director
  refused_there edited agent.roles_token_invalid 'not signed by this installation'
}

@test "a public key used as an HMAC secret is refused by the coordinator" {
  # [TK-3]
  openssl x509 -in "$SITE/coordinator/ca.pem" -pubkey -noout >"$BATS_TEST_TMPDIR/ca.pub"
  try confusion "$(forge "$header" "$(claims)" --file-key "$BATS_TEST_TMPDIR/ca.pub")"
  refused_there confusion agent.roles_token_invalid 'not signed by this installation'
}

@test "a token that expired long ago is refused on the host" {
  # [TK-2]
  try old "$(forge_ours "$(claims | jq -c 'del(.persistent) | .exp = now - 7200 | .exp |= floor')")"
  refused_here old '\[expiry\].*expired at .*by this host.s clock'
}

@test "a token that expired a moment ago is left to the coordinator, which refuses it" {
  # [TK-2] [TK-3]
  try late "$(forge_ours "$(claims | jq -c 'del(.persistent) | .exp = now - 60 | .exp |= floor')")"
  refused_there late agent.roles_token_expired 'expired'
  log_has late 'expired at .* the coordinator decides'
}

@test "a token of another installation is refused when the CA is seen, and is never sent" {
  # [TR-2] [TK-4]
  other=$BATS_TEST_TMPDIR/other
  (
    new_site "$other"
    start_coordinator
    make_token '["allocator"]' >"$other/token"
  )
  try stranger "$(cat "$other/token")"
  wait_until 5 status_explains stranger 'the wrong coordinator, the wrong token, or somebody between'
  agent_state_is stranger unenrolled
  contains "$(agent_status stranger)" "$(installation_id)"
  [[ ! -e $(identity_of stranger) ]]
  api GET infrastructure/runners/stranger
  replies 404
  # One that claims to be ours but was signed there gets no further than the coordinator.
  pinned=$(cut -d. -f2 "$other/token" | tr '_-' '/+' | jq -rR '@base64d' | jq -c ".ca_sha256 = \"$(claims | jq -r .ca_sha256)\"")
  key=$(SITE=$other installation_record | jq -r .roles_token_key)
  try pinned "$(forge "$header" "$pinned" --base64url-key="$key")"
  refused_there pinned agent.roles_token_invalid 'not signed by this installation'
}

@test "a revoked token is refused by the coordinator" {
  # [TK-3]
  token=$(make_token '["allocator"]')
  id=$(cut -d. -f2 <<<"$token" | tr '_-' '/+' | jq -rR '@base64d' | jq -r .sub)
  api DELETE "$TOKENS_PATH/$id"
  try revoked "$token"
  refused_there revoked agent.roles_token_revoked 'revoked|deleted'
}

@test "roles that the token does not permit are refused on the host, by name" {
  # [TK-2]
  try greedy "$(cat "$SITE/token")" --roles allocator,director,coordinator
  refused_here greedy '\[roles\].*does not permit (director|coordinator)'
  contains "$(agent_status greedy)" director coordinator "it permits" proxy
}

@test "a token of 8 MiB is refused on the host" {
  # [TK-1]
  dir=$(agent_dir long)
  mkdir -p "$dir"
  head -c 8388608 /dev/zero | tr '\0' a >"$dir/token"
  start_agent long --coordinator-host "127.0.0.1:$WAY_PORT" --roles-token "@$dir/token" --roles allocator
  refused_here long 'bytes'
  printf '%010000d' 7 >"$dir/token10k"
  exits 65 "$AGENT" token inspect "@$dir/token10k"
  contains "$output" "[too_long]" 8192
}

@test "a token that is not there is said with its file, and taken when it appears" {
  # [RT-4]
  dir=$(agent_dir later)
  mkdir -p "$dir"
  start_agent later --coordinator-host "127.0.0.1:$WAY_PORT" --roles-token "@$dir/token" --roles allocator
  refused_here later "$dir/token"
  token_file later "$(cat "$SITE/token")"
  kill -HUP "$agent_pid"
  wait_until 10 agent_is_connected later
}

@test "no token at all is said with the three ways to give one" {
  start_agent without --coordinator-host "127.0.0.1:$WAY_PORT" --roles allocator
  refused_here without 'no roles token'
  contains "$(agent_status without)" "--roles-token" "credential" "roles_token_file"
}

@test "a refused token can be replaced: the host joins with the new one without a restart" {
  # [RT-4]
  try corrected "$(segment 1).$(segment 2)"
  refused_here corrected '\[segments\]'
  pid=$agent_pid
  token_file corrected "$(cat "$SITE/token")"
  kill -HUP "$pid"
  wait_until 10 agent_is_connected corrected
  alive "$pid"
}

@test "a token without ca_sha256 joins with --coordinator-ca and not without" {
  # [TR-2]
  bare=$(forge_ours "$(claims | jq -c 'del(.ca_sha256)')")
  try unpinned "$bare"
  wait_until 10 status_explains unpinned 'no ca_sha256.*--coordinator-ca FILE'
  [[ ! -e $(identity_of unpinned) ]]
  # Nothing but the question for the CA was asked: no enrolment, so no runner.
  api GET infrastructure/runners/unpinned
  replies 404
  try vouched "$bare" --coordinator-ca "$SITE/coordinator/ca.pem"
  wait_until 10 agent_is_connected vouched
}

@test "a CA file of another installation does not vouch for this one" {
  # [TR-2]
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$BATS_TEST_TMPDIR/key.pem" \
    -subj "/O=ECE installation/CN=other" -days 2 -out "$BATS_TEST_TMPDIR/other.pem" 2>/dev/null
  bare=$(forge_ours "$(claims | jq -c 'del(.ca_sha256)')")
  try misled "$bare" --coordinator-ca "$BATS_TEST_TMPDIR/other.pem"
  wait_until 10 status_explains misled '--coordinator-ca does not vouch'
  [[ ! -e $(identity_of misled) ]]
}
