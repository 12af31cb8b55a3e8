# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the integration tests share: starting and ending the real programs, asking the real API, waiting for what must become
# true. Every wait polls and has a deadline; every process is remembered in a directory and ended by the teardown.
#
# A "site" is an installation's directory ($SITE): state of the coordinator, its log, a password file for curl. Agents live in
# $BATS_TEST_TMPDIR/NAME (or $AGENTS/NAME): state, run, agent.log.

ECE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ECE_BIN=${ECE_BIN:-$ECE_ROOT/build/sanitize}
AGENT=$ECE_BIN/agent/ece-agent
COORDINATOR=$ECE_BIN/coordinator/ece-coordinator
SUPPORT=$ECE_ROOT/tests/support
CORPUS=$ECE_ROOT/tests/data/tokens/corpus.json
TOKENS_PATH=configuration/security/enrollment-tokens
export ECE_ROOT ECE_BIN AGENT COORDINATOR SUPPORT CORPUS TOKENS_PATH

# Both programs forbid ptrace, which the leak checker needs; root may all the same.
leaks=1
((EUID == 0)) || leaks=0
export ASAN_OPTIONS="detect_leaks=$leaks:abort_on_error=0:exitcode=99" UBSAN_OPTIONS="print_stacktrace=1"
unset leaks http_proxy https_proxy HTTPS_PROXY ALL_PROXY CREDENTIALS_DIRECTORY

# shellcheck source=tests/support/assertions.bash
. "$SUPPORT/assertions.bash"

# ---- processes

started_at() { awk '{print $22}' "/proc/$1/stat" 2>/dev/null; }

# remember PID [DIR]: the teardown of the test (or of the file, with its directory) ends it.
remember() {
  local dir=${2:-$BATS_TEST_TMPDIR}/pids
  mkdir -p "$dir"
  started_at "$1" >"$dir/$1"
  # Bats' own shell, which runs setup_file, would speak of each that is killed.
  [[ $dir != "${BATS_FILE_TMPDIR:-}/pids" ]] || disown "$1" 2>/dev/null || true
}

# A killed process whose first thread is a zombie lives on, with its sockets and locks, while another thread is in the kernel.
alive() {
  local tasks
  [[ -d /proc/$1 ]] || return 1
  [[ $(awk '{print $3}' "/proc/$1/stat" 2>/dev/null) == Z ]] || return 0
  tasks=("/proc/$1/task/"*)
  ((${#tasks[@]} > 1))
}
gone() { ! alive "$1"; }

# end_all DIR: SIGTERM to everything remembered there, SIGKILL to what stays.
end_all() {
  local dir=$1/pids file pid pids=()
  [[ -d $dir ]] || return 0
  for file in "$dir"/*; do
    pid=${file##*/}
    [[ -s $file && $(started_at "$pid") == "$(cat "$file")" ]] && pids+=("$pid")
  done
  rm -rf "$dir"
  for pid in "${pids[@]}"; do
    kill -TERM "$pid" 2>/dev/null
    kill -CONT "$pid" 2>/dev/null
  done
  for pid in "${pids[@]}"; do
    wait_until 5 gone "$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null
  done
  return 0
}

kill_hard() {
  kill -KILL "$1"
  wait_until 5 gone "$1"
}

# stop_gently PID: SIGTERM; its exit status is in $stopped_with.
stop_gently() {
  kill -TERM "$1"
  wait_until 10 gone "$1"
  stopped_with=0
  # shellcheck disable=SC2034 # the caller's
  wait "$1" || stopped_with=$?
}

# ---- setup and teardown

# Below the range from which the kernel takes the ports of clients: one of those could hold it when a program is restarted.
free_port() {
  python3 - <<'PYTHON'
import random, socket
while True:
    port = random.randrange(10000, 32000)
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
PYTHON
}

# new_site DIR: where a coordinator will live. Sets and exports SITE, PORT, EMPTY.
new_site() {
  SITE=$1
  PORT=$(free_port)
  EMPTY=$SITE/empty.conf
  mkdir -p "$SITE"
  : >"$EMPTY"
  export SITE PORT EMPTY
}

# No sanitizer has anything to say in any log below the directory.
logs_are_clean() {
  local found
  found=$(grep -rlE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$1" --include='*.log' || true)
  [[ -z $found ]] || fail "a sanitizer speaks in: $found" "$(head -n 60 "${found%%$'\n'*}")"
}

show_logs() {
  local log
  for log in "$1"/*.log "$1"/*/*.log "${SITE:-/nonexistent}"/*.log; do
    [[ -f $log ]] || continue
    printf -- '--- %s\n' "$log"
    tail -n 25 "$log"
  done
}

# What every test file's teardown and teardown_file do.
end_test() {
  [[ -n ${BATS_TEST_COMPLETED:-} ]] || show_logs "$BATS_TEST_TMPDIR"
  end_all "$BATS_TEST_TMPDIR"
  logs_are_clean "$BATS_TEST_TMPDIR"
}

end_file() {
  end_all "$BATS_FILE_TMPDIR"
  logs_are_clean "$BATS_FILE_TMPDIR"
}

# ---- the coordinator

coordinator_pid() { cat "$SITE/coordinator.pid"; }
coordinator_answers() { curl -fsS --max-time 2 --cacert "$SITE/coordinator/ca.pem" "https://127.0.0.1:$PORT/readyz"; }

# launch_coordinator [OPTION...]: without waiting for it.
launch_coordinator() {
  "$COORDINATOR" run --state-dir "$SITE/coordinator" --listen "127.0.0.1:$PORT" --config "$EMPTY" \
    --heartbeat-interval "${INTERVAL_MS:-500}" "$@" >>"$SITE/coordinator.log" 2>&1 </dev/null 3>&- &
  echo $! >"$SITE/coordinator.pid"
  remember $! "${KEEPER:-$BATS_TEST_TMPDIR}"
}

# start_coordinator [OPTION...]: in $SITE, on $PORT, ended with the directory in $KEEPER (the test's own unless set).
start_coordinator() {
  launch_coordinator "$@"
  wait_until 20 coordinator_answers
  [[ -f $SITE/admin.curl ]] || write_passwords
}

write_passwords() {
  local secrets=$SITE/coordinator/bootstrap-secrets.json
  (
    umask 077
    printf 'user = "admin:%s"\n' "$(jq -r .adminconsole_root_password "$secrets")" >"$SITE/admin.curl"
    printf 'user = "readonly:%s"\n' "$(jq -r .adminconsole_readonly_password "$secrets")" >"$SITE/readonly.curl"
  )
}

stop_coordinator() {
  kill -TERM "$(coordinator_pid)"
  wait_until 10 gone "$(coordinator_pid)"
}

# ---- the API

# request METHOD PATH [CURL_OPTION...]: PATH from the root. Sets reply_status, reply_body, reply_headers. No credentials of its own.
request() {
  local method=$1 path=$2
  local dir=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}
  shift 2
  : >"$dir/reply.headers"
  reply_status=$(curl -sS --max-time 20 --cacert "$SITE/coordinator/ca.pem" -X "$method" -o "$dir/reply.body" \
    -D "$dir/reply.headers" -w '%{http_code}' "$@" "https://127.0.0.1:$PORT$path")
  reply_headers=$(tr -d '\r' <"$dir/reply.headers")
  reply_body=$(cat "$dir/reply.body" 2>/dev/null)
}

# api METHOD PATH [CURL_OPTION...]: as admin, PATH below /api/v1/platform.
api() {
  local method=$1 path=$2
  shift 2
  request "$method" "/api/v1/platform${path:+/$path}" --config "$SITE/admin.curl" "$@"
}

# api_json METHOD PATH BODY
api_json() { api "$1" "$2" -H 'Content-Type: application/json' --data-binary "$3"; }

# replies STATUS [CODE]: what the last request was answered; an error has the documented form and names its code twice. [TP-3]
replies() {
  [[ $reply_status == "$1" ]] || fail "answered $reply_status, not $1:" "$reply_body" || return 1
  [[ -n ${2:-} ]] || return 0
  equal "$(jq -r '.errors[0].code' <<<"$reply_body")" "$2" "error code" || return 1
  jq -e '.errors[0].message | type == "string" and length > 10' <<<"$reply_body" >/dev/null ||
    fail "the error has no message:" "$reply_body" || return 1
  grep -qi "^x-cloud-error-codes: $2\$" <<<"$reply_headers" || fail "no x-cloud-error-codes: $2 in:" "$reply_headers"
}

# json FILTER: of the last reply.
json() { jq -r "$1" <<<"$reply_body"; }

# make_token ROLES_JSON [PERSISTENT]: prints it.
make_token() {
  api_json POST "$TOKENS_PATH" "{\"persistent\": ${2:-true}, \"roles\": $1}"
  [[ $reply_status == 200 ]] || fail "no token: $reply_status $reply_body" || return 1
  json .token
}

# runner ID FILTER: is it true of the runner? (allocator: the same of the allocator)
runner() {
  api GET "infrastructure/runners/$1" && [[ $reply_status == 200 ]] && jq -e "$2" <<<"$reply_body" >/dev/null
}
allocator() {
  api GET "infrastructure/allocators/$1" && [[ $reply_status == 200 ]] && jq -e "$2" <<<"$reply_body" >/dev/null
}
runner_is_connected() { runner "$1" .connected; }
runner_is_disconnected() { runner "$1" '.connected == false'; }
runner_is_unknown() {
  api GET "infrastructure/runners/$1"
  [[ $reply_status == 404 ]]
}
runner_count() {
  api GET infrastructure/runners
  json '.runners | length'
}

# ---- agents

agent_dir() { echo "${AGENTS:-$BATS_TEST_TMPDIR}/$1"; }
agent_log() { cat "$(agent_dir "$1")/agent.log"; }
log_has() { grep -qE -- "$2" "$(agent_dir "$1")/agent.log"; }

# agent_args NAME: what each sub-command needs to find the agent NAME.
agent_args() {
  local dir
  dir=$(agent_dir "$1")
  mkdir -p "$dir"
  args=(--config "$EMPTY" --state-dir "$dir/state" --runtime-dir "$dir/run")
}

# token_file NAME TOKEN: prints the path of a private file with it.
token_file() {
  local dir
  dir=$(agent_dir "$1")
  mkdir -p "$dir"
  (umask 077 && printf '%s\n' "$2" >"$dir/token")
  echo "$dir/token"
}

# start_agent NAME [OPTION...]: in the background, pid in $agent_pid and NAME/pid. $WRAP is put before the program.
start_agent() {
  local name=$1 dir args
  shift
  dir=$(agent_dir "$name")
  agent_args "$name"
  # shellcheck disable=SC2086
  ${WRAP:-} "$AGENT" run "${args[@]}" --host-ip 127.0.0.1 --runner-id "$name" "$@" >>"$dir/agent.log" 2>&1 </dev/null 3>&- &
  agent_pid=$!
  echo "$agent_pid" >"$dir/pid"
  remember "$agent_pid" "${KEEPER:-$BATS_TEST_TMPDIR}"
}

# join NAME [OPTION...]: start an allocator with the site's token and wait until it is connected.
join() {
  start_agent "$1" --coordinator-host "127.0.0.1:$PORT" --roles-token "@$SITE/token" --roles allocator "${@:2}"
  wait_until 10 agent_is_connected "$1"
}

# rejoin NAME: the same host again, without a token.
rejoin() { start_agent "$1" --coordinator-host "127.0.0.1:$PORT" --roles allocator "${@:2}"; }

agent_status() {
  local args
  agent_args "$1"
  "$AGENT" status "${args[@]}" "${@:2}"
}
agent_is_connected() { agent_status "$1"; }
# status_exits NAME STATUS: the exit status is the verdict.
status_exits() {
  local code=0
  agent_status "$1" >/dev/null 2>&1 || code=$?
  [[ $code == "$2" ]]
}
# status_says NAME EXTENDED_REGEX: of its first line.
status_says() { agent_status "$1" | head -n 1 | grep -qE -- "$2"; }
# status_field NAME FILTER: of --json's record of the agent.
status_field() { agent_status "$1" --json | jq -r "$2"; }
agent_state_is() { [[ $(status_field "$1" .agent.state) == "$2" ]]; }

# status_explains NAME EXTENDED_REGEX: not connected, exit 69, and the line gives this reason.
status_explains() { status_exits "$1" 69 && status_says "$1" "$2"; }

identity_of() { echo "$(agent_dir "$1")/state/identity.json"; }
fingerprint() { sha256sum "$1" | cut -d' ' -f1; }

# ---- the fault server

# start_faults NAME [OPTION...]: forwards to the coordinator unless told otherwise. Port in $fault_port.
start_faults() {
  local name=$1 dir=${AGENTS:-$BATS_TEST_TMPDIR}
  shift
  fault_port=$(free_port)
  python3 "$SUPPORT/fault_server.py" serve --listen "127.0.0.1:$fault_port" --upstream "127.0.0.1:$PORT" \
    --control "$dir/$name.ctl" "$@" >>"$dir/$name.faults.log" 2>&1 </dev/null 3>&- &
  remember $! "${KEEPER:-$BATS_TEST_TMPDIR}"
  wait_until 10 fault "$name" connections
}
# fault NAME COMMAND...
fault() { python3 "$SUPPORT/fault_server.py" ctl "${AGENTS:-$BATS_TEST_TMPDIR}/$1.ctl" "${@:2}"; }

installation_record() { sqlite3 -readonly "$SITE/coordinator/coordinator.db" "SELECT value FROM kv WHERE key = 'installation'"; }
installation_id() { installation_record | jq -r .id; }

# issue_certificate DIR NAME CA_PEM CA_KEY: DIR/cert.pem and DIR/key.pem for the name, by the CA.
issue_certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1/key.pem" 2>/dev/null
  openssl req -new -key "$1/key.pem" -subj "/CN=fault server" -out "$1/request.pem" 2>/dev/null
  openssl x509 -req -in "$1/request.pem" -CA "$3" -CAkey "$4" -set_serial "$RANDOM" -days 2 -out "$1/cert.pem" \
    -extfile <(printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n' "$2") 2>/dev/null
}

# start_http_faults NAME [SERVER_NAME]: a fault server that ends TLS with a certificate of the real installation's CA.
start_http_faults() {
  local dir=${AGENTS:-$BATS_TEST_TMPDIR}/$1.tls internal
  mkdir -p "$dir"
  internal=$(installation_id).ece.internal
  installation_record | jq -r .ca_key >"$dir/ca.key"
  issue_certificate "$dir" "${2:-$internal}" "$SITE/coordinator/ca.pem" "$dir/ca.key"
  start_faults "$1" --cert "$dir/cert.pem" --key "$dir/key.pem" --upstream-ca "$SITE/coordinator/ca.pem" \
    --upstream-name "$internal"
}

# ---- tokens

# forge HEADER_JSON CLAIMS_JSON [KEY_OPTION...]: prints a token. Without a key its signature is empty.
forge() { python3 "$SUPPORT/forge_token.py" "$@"; }
