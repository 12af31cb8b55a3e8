#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# What the coordinator answers to those who do not play by the rules, and that nobody else notices.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR AGENTS=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
  join bystander
}
teardown_file() { end_file; }
teardown() {
  # Whatever was done: the coordinator lives, and the honest host is connected.
  coordinator_answers >/dev/null
  agent_is_connected bystander >/dev/null
  end_test
}

# ask_token BODY_FILE [CURL_OPTION...]: the route whose body anybody may send.
ask_token() {
  request POST /agent/v1/token -H 'Content-Type: application/json' --data-binary "@$1" "${@:2}"
}
raw() { python3 "$SUPPORT/raw_request.py" "127.0.0.1:$PORT" "$SITE/coordinator/ca.pem"; }

@test "a body that is no JSON object is refused with what is wrong" {
  # [TP-1] [TP-2] [TP-3]
  body=$BATS_TEST_TMPDIR/body
  while IFS= read -r text; do
    printf '%b' "$text" >"$body"
    ask_token "$body"
    replies 400 agent.request_malformed || fail "body: $text"
  done <<'BODIES'

{
[]
null
"text"
{"grant_type":"a","grant_type":"b","assertion":"x"}
{"grant_type":"a","x":{"y":1,"y":2},"assertion":"x"}
{"grant_type":1,"assertion":"x"}
{"grant_type":null,"assertion":"x"}
{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer"}
{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer","assertion":["x"]}
{"grant_type":"password","assertion":"x"}
{"grant_type":"\xff\xfe","assertion":"x"}
{"grant_type":"\xc0\xaf","assertion":"x"}
\xef\xbb\xbf{"grant_type":"a","assertion":"x"}
{"grant_type":"a","assertion":"x"}{}
{"grant_type":"a","assertion":"x"} trailing
{"grant_type":"a\\u0000b","assertion":"x"}
{"grant_type":"a","assertion":NaN}
{'grant_type':'a'}
BODIES
}

@test "the path of the field that is wrong is named" {
  # [TP-2]
  printf '{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer","assertion":7}' >"$BATS_TEST_TMPDIR/body"
  ask_token "$BATS_TEST_TMPDIR/body"
  contains "$(json '.errors[0] | (.message + " " + (.fields // [] | join(" ")))')" assertion
}

@test "an unknown field harms nobody" {
  # [TP-2]
  jq -n '{grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: "x", later: {version: [1, 2]}}' >"$BATS_TEST_TMPDIR/body"
  ask_token "$BATS_TEST_TMPDIR/body"
  replies 400 agent.assertion_invalid
}

@test "a body that is too deep is refused" {
  # [TP-1]
  python3 -c 'print("{\"x\":" + "[" * 40 + "]" * 40 + "}")' >"$BATS_TEST_TMPDIR/deep"
  ask_token "$BATS_TEST_TMPDIR/deep"
  replies 400 agent.request_malformed
  python3 -c 'print("[" * 15000)' >"$BATS_TEST_TMPDIR/deeper"
  ask_token "$BATS_TEST_TMPDIR/deeper"
  replies 400 agent.request_malformed
}

@test "a body that is too large is refused, announced or not" {
  # [TP-1]
  bearer="Authorization: Bearer $(cat "$SITE/token")"
  head -c 131073 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
  request POST /agent/v1/enroll -H "$bearer" -H 'Content-Type: application/json' --data-binary "@$BATS_TEST_TMPDIR/large"
  replies 413 root.payload_too_large
  head -c 104857600 /dev/zero >"$BATS_TEST_TMPDIR/huge"
  request POST /agent/v1/enroll -H "$bearer" -H 'Content-Type: application/json' -H 'Expect:' --data-binary "@$BATS_TEST_TMPDIR/huge" || true
  [[ $reply_status == 413 || $reply_status == 000 ]]
  # Without a length it cannot be known before: the connection is cut or the body refused, and memory does not grow with it.
  request POST /agent/v1/enroll -H "$bearer" -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' -H 'Expect:' \
    --data-binary "@$BATS_TEST_TMPDIR/huge" || true
  [[ $reply_status == 413 || $reply_status == 400 || $reply_status == 000 ]]
}

@test "another content type than JSON is refused" {
  # [TP-1]
  echo '{"grant_type":"a","assertion":"x"}' >"$BATS_TEST_TMPDIR/body"
  for type in text/html application/x-www-form-urlencoded application/jsonx; do
    request POST /agent/v1/token -H "Content-Type: $type" --data-binary "@$BATS_TEST_TMPDIR/body"
    [[ $reply_status == 400 || $reply_status == 415 ]] || fail "$type: $reply_status $reply_body"
    contains "$(json '.errors[0].message')" application/json
  done
  request POST /agent/v1/token -H 'Content-Type: application/json; charset=utf-8' --data-binary "@$BATS_TEST_TMPDIR/body"
  [[ $reply_status == 400 ]]
  lacks "$reply_body" application/json
}

@test "a wrong method is 405 with the right ones in Allow" {
  # [TP-3]
  request GET /agent/v1/enroll
  replies 405 root.method_not_allowed
  grep -qi '^allow: POST$' <<<"$reply_headers"
  request DELETE "/api/v1/platform/$TOKENS_PATH"
  replies 405 root.method_not_allowed
  grep -qiE '^allow: .*POST' <<<"$reply_headers"
  grep -qiE '^allow: .*GET' <<<"$reply_headers"
  for method in TRACE CONNECT FOO "$(printf 'A%.0s' {1..200})"; do
    request "$method" /agent/v1/ca || true
    [[ $reply_status == 405 || $reply_status == 400 || $reply_status == 000 || $reply_status == 501 ]] || fail "$method: $reply_status"
  done
}

@test "what is not in the table is 404, in whatever disguise" {
  # [TP-3]
  for path in / /nothing /api /api/v1 /api/v1/platform/nothing /agent/v1 /agent/v2/ca /agent/v1/ca/ /agent/v1//ca //agent/v1/ca \
    /agent/v1/%2e%2e/v1/ca /agent/v1/../v1/ca '/agent/v1/%63a%00' /agent%2fv1%2fca /../../../etc/passwd \
    /api/v1/regions//platform/infrastructure/runners /api/v1/regions/a/b/platform/infrastructure/runners \
    '/api/v1/platform/infrastructure/runners/%00' /api/v1/platform/infrastructure/runners/..; do
    request GET "$path" --path-as-is --config "$SITE/admin.curl"
    replies 404 || fail "path: $path"
  done
  request GET "/$(head -c 4000 /dev/zero | tr '\0' a)"
  replies 404
  # Harmless forms of a path that is there.
  request GET '/agent/v1/ca?x=1'
  replies 200
}

@test "heads that two parsers could read differently are refused" {
  host="Host: 127.0.0.1:$PORT"
  # ask HEADER_LINES: a request with them; what %b knows is a byte.
  ask() {
    printf 'POST /agent/v1/token HTTP/1.1\r\n%s\r\nContent-Type: application/json\r\n%b\r\n\r\n{}' "$host" "$1" | raw | tr -d '\0'
  }
  for head in "Content-Length: 2\r\nContent-Length: 3" "Content-Length: 2\r\nTransfer-Encoding: chunked" \
    "Transfer-Encoding: identity\r\nContent-Length: 2" "Content-Length: -1" "Content-Length: +2" "Content-Length: 0x2" \
    "X-Folded: a\r\n b" "X Blank: a" "X-Nul: a\x00b" "Host: other" "Authorization: a\r\nAuthorization: b"; do
    reply=$(ask "$head")
    [[ -z $reply || $reply == "HTTP/1.1 4"* ]] || fail "$head: $reply"
    # The handler, which would find the body wanting, was not reached.
    lacks "$reply" agent.request_malformed || fail "head: $head"
  done
  contains "$(ask "Content-Length: 2")" agent.request_malformed
  reply=$({
    printf 'GET /agent/v1/ca HTTP/1.1\r\n%s\r\nX-Long: ' "$host"
    head -c 100000 /dev/zero | tr '\0' a
    printf '\r\n\r\n'
  } | raw | head -n 1)
  [[ -z $reply || $reply == "HTTP/1.1 4"* ]] || fail "long header: $reply"
  reply=$(head -c 20000 /dev/urandom | raw | head -c 12 | tr -d '\0')
  [[ -z $reply || $reply == "HTTP/1.1 4"* ]] || fail "noise: $reply"
}

@test "forged and foreign bearers are 401 everywhere" {
  # [AC-4] [TK-3]
  id=$(installation_id)
  key=$(installation_record | jq -r .access_token_key)
  roles_key=$(installation_record | jq -r .roles_token_key)
  claims=$(jq -cn --arg id "$id" '{iss: $id, sub: "bystander", key: ("0" * 64), exp: (now + 600 | floor)}')
  hs='{"typ":"JWT","alg":"HS256"}'
  refused() {
    [[ $1 == x || $1 == *.*.* ]] || fail "no token was forged: $1" || return 1
    request POST /agent/v1/heartbeat -H "Authorization: Bearer $1" -H 'Content-Type: application/json' \
      -d "{\"protocol\":1,\"session\":\"$(printf '0%.0s' {1..32})\",\"seq\":1,\"steering\":0}"
    replies 401 agent.access_token_invalid || fail "bearer: $1" || return 1
    request POST /agent/v1/leave -H "Authorization: Bearer $1" -H 'Content-Type: application/json' -d '{}'
    replies 401 agent.access_token_invalid || fail "bearer: $1"
  }
  refused x
  refused "$(cat "$SITE/token")"
  refused "$(forge '{"alg":"none"}' "$claims")"
  refused "$(forge "$hs" "$claims" --base64url-key="$roles_key")"
  refused "$(forge '{"typ":"JWT","alg":"HS512"}' "$claims" --base64url-key="$key" --hash sha512)"
  # Signed by the installation's own key: another host key, an unknown runner, ended, another installation, no end.
  refused "$(forge "$hs" "$claims" --base64url-key="$key")"
  refused "$(forge "$hs" "$(jq -c '.sub = "nobody"' <<<"$claims")" --base64url-key="$key")"
  refused "$(forge "$hs" "$(jq -c '.exp = 1' <<<"$claims")" --base64url-key="$key")"
  refused "$(forge "$hs" "$(jq -c '.iss = "other"' <<<"$claims")" --base64url-key="$key")"
  refused "$(forge "$hs" "$(jq -c 'del(.exp)' <<<"$claims")" --base64url-key="$key")"
  # No bearer, another scheme, a password.
  request POST /agent/v1/heartbeat -H 'Content-Type: application/json' -d '{}'
  replies 401 agent.access_token_invalid
  request POST /agent/v1/heartbeat --config "$SITE/admin.curl" -H 'Content-Type: application/json' -d '{}'
  replies 401 agent.access_token_invalid
  request POST /agent/v1/enroll --config "$SITE/admin.curl" -H 'Content-Type: application/json' -d '{}'
  replies 401 agent.roles_token_invalid
  runner bystander '.connected and .healthy'
}

@test "ten wrong passwords make an address wait, and nobody else" {
  from=(--interface 127.0.0.77)
  for _ in {1..10}; do
    request GET /api/v1/platform "${from[@]}" -u admin:guess
    replies 401 root.unauthenticated
  done
  request GET /api/v1/platform "${from[@]}" -u admin:guess
  replies 429
  grep -qiE '^retry-after: [0-9]+$' <<<"$reply_headers"
  api GET ""
  replies 200
}

@test "a page of another site cannot make a browser change anything" {
  api POST "$TOKENS_PATH" -H 'Content-Type: application/json' -H 'Sec-Fetch-Site: cross-site' -d '{"persistent": true, "roles": []}'
  replies 403
}

@test "ten thousand silent clients disturb nobody and are cut" {
  hard=$(ulimit -Hn) silent=10000
  if [[ $hard != unlimited ]] && ((hard < 12000)); then
    silent=$((hard - 1000)) # as many as this machine permits
    ((silent >= 500)) || skip "only $hard descriptors"
  fi
  status_file=$BATS_TEST_TMPDIR/clients
  python3 "$SUPPORT/silent_clients.py" "127.0.0.1:$PORT" "$silent" "$status_file" </dev/null >"$BATS_TEST_TMPDIR/clients.log" 2>&1 3>&- &
  remember $! "$BATS_TEST_TMPDIR"
  python3 "$SUPPORT/silent_clients.py" "127.0.0.1:$PORT" 100 "$status_file.half" --half-hello </dev/null >"$BATS_TEST_TMPDIR/half.log" 2>&1 3>&- &
  remember $! "$BATS_TEST_TMPDIR"
  python3 "$SUPPORT/silent_clients.py" "127.0.0.1:$PORT" 100 "$status_file.slow" --half-request "$SITE/coordinator/ca.pem" \
    </dev/null >"$BATS_TEST_TMPDIR/slow.log" 2>&1 3>&- &
  remember $! "$BATS_TEST_TMPDIR"
  wait_until 30 test -s "$status_file"
  wait_until 20 test -s "$status_file.slow"
  equal "$(cat "$status_file")" "$silent $silent" "silent clients"
  answers_fast() { curl -fsS --max-time 1 --cacert "$SITE/coordinator/ca.pem" "https://127.0.0.1:$PORT/readyz"; }
  lists_fast() {
    curl -fsS --max-time 1 --config "$SITE/admin.curl" --cacert "$SITE/coordinator/ca.pem" \
      "https://127.0.0.1:$PORT/api/v1/platform/infrastructure/allocators" | jq -e '.zones[0].allocators[0].status.connected'
  }
  for _ in {1..8}; do
    answers_fast >/dev/null
    lists_fast >/dev/null
    agent_is_connected bystander >/dev/null
    runner_is_connected bystander
  done
  # They have 10 s to say something.
  all_are_cut() { [[ $(cat "$status_file") == "$silent 0" && $(cat "$status_file.half") == "100 0" && $(cat "$status_file.slow") == "100 0" ]]; }
  wait_until 30 all_are_cut
}
