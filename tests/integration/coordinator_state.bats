#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# The coordinator's state: what was answered is never lost, what is damaged is never made worse.

load helpers

setup() {
  export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR
  new_site "$BATS_TEST_TMPDIR/site"
}
teardown() { end_test; }

database() { echo "$SITE/coordinator/coordinator.db"; }
run_coordinator() {
  timeout 15 "$COORDINATOR" run --state-dir "$SITE/coordinator" --listen "127.0.0.1:$PORT" --config "$EMPTY" "$@"
}
# But for the lock, which says who was last.
files_of() { (cd "$1" && find . -type f ! -name '*.lock' -printf '%p %m ' -exec sha256sum {} \;); }

# refuses_to_start STATUS PART...: says these, and changes no file.
refuses_to_start() {
  local expected=$1 before
  shift
  before=$(files_of "$SITE/coordinator")
  exits "$expected" run_coordinator
  contains "$output" "$@"
  equal "$(files_of "$SITE/coordinator")" "$before" "files"
}

@test "a coordinator that is stopped gently exits 0, and nothing changes when it starts again" {
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
  join host
  stop_gently "$agent_pid"
  id=$(installation_id)
  ca=$(fingerprint "$SITE/coordinator/ca.pem")
  secrets=$(fingerprint "$SITE/coordinator/bootstrap-secrets.json")
  api GET infrastructure/runners
  before=$reply_body
  pid=$(coordinator_pid)
  stop_gently "$pid"
  equal "$stopped_with" 0 "exit status"
  start_coordinator
  equal "$(installation_id)" "$id"
  equal "$(fingerprint "$SITE/coordinator/ca.pem")" "$ca"
  equal "$(fingerprint "$SITE/coordinator/bootstrap-secrets.json")" "$secrets"
  api GET infrastructure/runners
  equal "$reply_body" "$before"
}

@test "a first start that is killed at any moment leads to one working installation in the end" {
  for ((i = 0; i < 8; i++)); do
    launch_coordinator
    sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
    kill_hard "$(coordinator_pid)"
  done
  start_coordinator
  # The passwords and tokens that the operator finds are those of this installation.
  api GET ""
  replies 200
  request GET /agent/v1/runner-ids/x -H "Authorization: Bearer $(jq -r .allocator_only_token "$SITE/coordinator/bootstrap-secrets.json")"
  replies 200
  jq -r .allocator_only_token "$SITE/coordinator/bootstrap-secrets.json" >"$SITE/token"
  join host
}

@test "no token that was answered is lost, however the coordinator dies" {
  start_coordinator
  for ((round = 0; round < 4; round++)); do
    (
      for ((i = 0; i < 40; i++)); do
        api_json POST "$TOKENS_PATH" '{"persistent": true, "roles": ["proxy"]}' 2>/dev/null
        [[ $reply_status == 200 ]] || break
        json .token_id >>"$BATS_TEST_TMPDIR/answered"
      done
      true
    ) 3>&- &
    maker=$!
    sleep "0.$((RANDOM % 4 + 1))$((RANDOM % 10))"
    kill_hard "$(coordinator_pid)"
    wait "$maker" || true
    start_coordinator
    api GET "$TOKENS_PATH"
    json '.tokens[].token_id' | sort >"$BATS_TEST_TMPDIR/listed"
    lost=$(sort "$BATS_TEST_TMPDIR/answered" | comm -23 - "$BATS_TEST_TMPDIR/listed")
    [[ -z $lost ]] || fail "lost: $lost"
  done
  (($(wc -l <"$BATS_TEST_TMPDIR/answered") > 4))
}

@test "no runner that was told it has enrolled is lost" {
  # [EN-4]
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
  for i in 1 2 3; do
    start_agent "host-$i" --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator
    enrolled() { jq -e .complete "$(identity_of "host-$i")"; }
    wait_until 10 enrolled
    kill_hard "$(coordinator_pid)"
    start_coordinator
    runner "host-$i" .
  done
  for i in 1 2 3; do
    wait_until 15 agent_is_connected "host-$i"
  done
  equal "$(runner_count)" 3
}

@test "a database that is torn, empty or foreign is refused and left as it is" {
  start_coordinator
  stop_coordinator
  cp "$(database)" "$BATS_TEST_TMPDIR/whole"
  : >"$(database)"
  refuses_to_start 65 "$(database)" empty
  echo "these are my notes" >"$(database)"
  refuses_to_start 65 "$(database)"
  rm "$(database)"
  sqlite3 "$(database)" 'CREATE TABLE songs (name TEXT)'
  refuses_to_start 65 "$(database)"
  head -c 6000 "$BATS_TEST_TMPDIR/whole" >"$(database)"
  exits 65 run_coordinator
  contains "$output" "$(database)"
  # The middle overwritten.
  cp "$BATS_TEST_TMPDIR/whole" "$(database)"
  dd if=/dev/urandom of="$(database)" bs=1024 seek=4 count=4 conv=notrunc 2>/dev/null
  exits 65 run_coordinator
  contains "$output" "$(database)"
  # The backup is the way out.
  cp "$BATS_TEST_TMPDIR/whole" "$(database)"
  start_coordinator
  api GET ""
  replies 200
}

@test "a database of a newer version is refused and left as it is" {
  start_coordinator
  stop_coordinator
  sqlite3 "$(database)" 'PRAGMA user_version = 9'
  refuses_to_start 65 newer
  sqlite3 "$(database)" "PRAGMA user_version = 1; UPDATE kv SET value = json_set(value, '\$.version', 99) WHERE key = 'installation'"
  exits 65 run_coordinator
  contains "$output" newer
}

@test "one state directory and one port take one coordinator" {
  start_coordinator
  other=$(free_port)
  exits 75 timeout 10 "$COORDINATOR" run --state-dir "$SITE/coordinator" --listen "127.0.0.1:$other" --config "$EMPTY"
  contains "$output" "$(coordinator_pid)"
  exits 75 timeout 10 "$COORDINATOR" run --state-dir "$BATS_TEST_TMPDIR/second" --listen "127.0.0.1:$PORT" --config "$EMPTY"
  contains "$output" "$PORT"
  # It was found before anything was made.
  [[ ! -e $BATS_TEST_TMPDIR/second/coordinator.db ]]
  exits 69 timeout 10 "$COORDINATOR" run --state-dir "$BATS_TEST_TMPDIR/second" --listen "192.0.2.77:$PORT" --config "$EMPTY"
  contains "$output" 192.0.2.77
  coordinator_answers >/dev/null
}

@test "a full disk is answered with 503, never with a promise, and passes" {
  unshare -rm true 2>/dev/null || skip "no user namespaces here"
  mkdir -m 700 "$SITE/coordinator" "$SITE/copy"
  cat >"$BATS_TEST_TMPDIR/wrap" <<'WRAP'
#!/usr/bin/env bash
# wrap STATE_DIR COPY COMMAND...: with 400 KiB of room; what others need is copied out; more room when COPY/room is there.
state=$1 copy=$2
shift 2
mount -t tmpfs -o size=4m,mode=700 tmpfs "$state" || exit 99
head -c 3686400 /dev/zero >"$state/ballast"
# As long as the program lives, whose pid this is.
{
  while kill -0 $$ && ! [[ -s $state/ca.pem && -s $state/bootstrap-secrets.json ]]; do sleep 0.05; done
  cp "$state/ca.pem" "$state/bootstrap-secrets.json" "$copy/"
  while kill -0 $$ && [[ ! -e $copy/room ]]; do sleep 0.1; done
  rm "$state/ballast"
} >/dev/null 2>&1 3>&- &
exec "$@"
WRAP
  chmod +x "$BATS_TEST_TMPDIR/wrap"
  unshare -rm "$BATS_TEST_TMPDIR/wrap" "$SITE/coordinator" "$SITE/copy" \
    "$COORDINATOR" run --state-dir "$SITE/coordinator" --listen "127.0.0.1:$PORT" --config "$EMPTY" --heartbeat-interval 500 \
    >>"$SITE/coordinator.log" 2>&1 </dev/null 3>&- &
  remember $!
  wait_until 20 test -s "$SITE/copy/bootstrap-secrets.json"
  # Outside of its mount the files are found in the copy.
  cp "$SITE/copy"/* "$SITE/coordinator/"
  wait_until 10 coordinator_answers
  write_passwords
  make_token '["allocator"]' >"$SITE/token"
  join host
  : >"$BATS_TEST_TMPDIR/answered"
  fills_up() {
    api_json POST "$TOKENS_PATH" '{"persistent": true, "roles": ["proxy"]}'
    [[ $reply_status == 200 ]] && json .token_id >>"$BATS_TEST_TMPDIR/answered"
    [[ $reply_status != 200 ]]
  }
  wait_until 40 fills_up
  fills_up
  replies 503 root.unavailable
  # Reading goes on, and so do heartbeats.
  api GET infrastructure/runners
  replies 200
  holds_for 1000 agent_is_connected host
  api GET "$TOKENS_PATH"
  json '.tokens[].token_id' | sort >"$BATS_TEST_TMPDIR/listed"
  equal "$(sort "$BATS_TEST_TMPDIR/answered" | comm -23 - "$BATS_TEST_TMPDIR/listed")" "" lost
  : >"$SITE/copy/room"
  has_room() {
    api_json POST "$TOKENS_PATH" '{"persistent": true, "roles": ["proxy"]}'
    [[ $reply_status == 200 ]]
  }
  wait_until 15 has_room
  runner host '.connected'
}

@test "the operator's own certificate is for browsers; hosts get the installation's" {
  # [TR-4]
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$BATS_TEST_TMPDIR/own.key" -subj /CN=own \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -days 2 -out "$BATS_TEST_TMPDIR/own.pem" 2>/dev/null
  launch_coordinator --tls-cert "$BATS_TEST_TMPDIR/own.pem" --tls-key "$BATS_TEST_TMPDIR/own.key"
  own() { curl -fsS --cacert "$BATS_TEST_TMPDIR/own.pem" "https://127.0.0.1:$PORT/$1"; }
  wait_until 20 own readyz
  jq -r .allocator_only_token "$SITE/coordinator/bootstrap-secrets.json" >"$SITE/token"
  join host
  # By name: the installation's for its own, the operator's for any other.
  subject() {
    openssl s_client -connect "127.0.0.1:$PORT" -servername "$1" </dev/null 2>/dev/null | openssl x509 -noout -issuer
  }
  contains "$(subject "$(installation_id).ece.internal")" "$(installation_id)"
  contains "$(subject localhost)" "CN = own"
  # A broken file is said at a reload, and the certificate in use stays.
  echo broken >"$BATS_TEST_TMPDIR/own.pem.new"
  cp "$BATS_TEST_TMPDIR/own.pem" "$BATS_TEST_TMPDIR/trusted.pem"
  cp "$BATS_TEST_TMPDIR/own.pem.new" "$BATS_TEST_TMPDIR/own.pem"
  kill -HUP "$(coordinator_pid)"
  wait_until 5 grep -q 'not reloaded' "$SITE/coordinator.log"
  curl -fsS --cacert "$BATS_TEST_TMPDIR/trusted.pem" "https://127.0.0.1:$PORT/readyz" >/dev/null
  holds_for 1000 agent_is_connected host
}

@test "names and addresses of --external-hostname are in the certificate and told to the hosts" {
  # [RT-2] [EN-4]
  start_coordinator --external-hostname coordinator.example,192.0.2.9
  names=$(openssl s_client -connect "127.0.0.1:$PORT" -servername x </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName)
  contains "$names" DNS:coordinator.example "IP Address:192.0.2.9" DNS:localhost "IP Address:127.0.0.1" "DNS:$(installation_id).ece.internal"
  make_token '["allocator"]' >"$SITE/token"
  join host
  # The address that it joined by is known to work, and stays.
  told() { jq -e --arg port "$PORT" '[.coordinators[]] | contains(["coordinator.example:" + $port, "192.0.2.9:" + $port, "127.0.0.1:" + $port])' "$(identity_of host)"; }
  wait_until 3 told
}
