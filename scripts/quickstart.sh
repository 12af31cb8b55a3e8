#!/usr/bin/env bash
# Builds the project, starts a coordinator on the loopback, joins this machine to it as an allocator, and shows it.
# No systemd, no root (but for missing packages), nothing outside --dir. Ctrl-C ends it; run it again to go on.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: quickstart.sh [--once] [--dir DIR] [--port PORT]

  --once       end after the first printout
  --dir DIR    where state and logs go (build/quickstart, with another port build/quickstart-PORT)
  --port PORT  where the coordinator listens on 127.0.0.1 (12443)
EOF
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
port=12443 dir='' once=''
while (($#)); do
  case $1 in
  --once) once=yes ;;
  --dir | --port)
    (($# > 1)) || {
      echo "quickstart.sh: $1 has no value" >&2
      exit 64
    }
    [[ $1 == --dir ]] && dir=$2 || port=$2
    shift
    ;;
  --help | -h)
    usage
    exit 0
    ;;
  *)
    echo "quickstart.sh: unknown argument \"$1\"" >&2
    usage >&2
    exit 64
    ;;
  esac
  shift
done
if [[ ! $port =~ ^[0-9]{1,5}$ ]] || ((10#$port < 1 || 10#$port > 65535)); then
  echo "quickstart.sh: --port $port is no port" >&2
  exit 64
fi
if [[ -z $dir ]]; then
  dir=$root/build/quickstart
  [[ $port == 12443 ]] || dir+=-$port
fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() {
  printf 'quickstart.sh: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || {
    printf -- '--- the end of %s:\n' "$2" >&2
    tail -n 15 "$2" >&2
  }
  exit 1
}

coordinator_pid='' agent_pid=''
end() {
  local pid
  trap - EXIT INT TERM HUP
  for pid in $agent_pid $coordinator_pid; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -f "$dir/curl.conf"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$root/scripts/packages.sh" build

say "building (build/release)"
(cd "$root" && cmake --preset release >"$dir/build.log" 2>&1) || fail "the build could not be configured" "$dir/build.log"
if [[ -t 2 ]]; then
  cmake --build "$root/build/release" >&2 || fail "the build failed; the lines above say why"
else
  cmake --build "$root/build/release" >>"$dir/build.log" 2>&1 || fail "the build failed" "$dir/build.log"
fi
bin=$root/build/release

coordinator=127.0.0.1:$port
url=https://$coordinator
state=$dir/coordinator
secrets=$state/bootstrap-secrets.json

# Configuration of their own, so that one in /etc plays no part here.
for program in agent coordinator; do
  [[ -e $dir/$program.conf ]] || echo "# key = value; see ece-$program(8)" >"$dir/$program.conf"
done

alive() { kill -0 "$1" 2>/dev/null; }
# wait_for SECONDS PID COMMAND...: until it succeeds; 1 when the time is over or the process is gone.
wait_for() {
  local deadline=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) && alive "$pid" || return 1
    sleep 0.1
  done
}

say "starting the coordinator on $coordinator (log: $dir/coordinator.log)"
"$bin/coordinator/ece-coordinator" run --config "$dir/coordinator.conf" \
  --state-dir "$state" --listen "$coordinator" >"$dir/coordinator.log" 2>&1 </dev/null &
coordinator_pid=$!
wait_for 30 "$coordinator_pid" curl -fsS --max-time 5 --cacert "$state/ca.pem" "$url/readyz" ||
  fail "the coordinator did not start" "$dir/coordinator.log"

# The password goes by a file that only we can read, not by the command line.
(umask 077 && printf 'user = "admin:%s"\n' "$(jq -r .adminconsole_root_password "$secrets")" >"$dir/curl.conf")
api() {
  local path=$1
  shift
  curl -fsS --max-time 10 --config "$dir/curl.conf" --cacert "$state/ca.pem" "$url/api/v1/platform/$path" "$@"
}

say "making a roles token for one allocator"
(umask 077 && api configuration/security/enrollment-tokens -H 'Content-Type: application/json' \
  -d '{ "persistent": false, "roles": [ "allocator" ] }' | jq -r .token >"$dir/roles-token") ||
  fail "no roles token was made" "$dir/coordinator.log"

start_agent() {
  "$bin/agent/ece-agent" run --config "$dir/agent.conf" --coordinator-host "$coordinator" \
    --roles-token "@$dir/roles-token" --roles allocator --host-ip 127.0.0.1 \
    --state-dir "$dir/agent" --runtime-dir "$dir/agent-run" >>"$dir/agent.log" 2>&1 </dev/null &
  agent_pid=$!
}
status=("$bin/agent/ece-agent" status --config "$dir/agent.conf" --state-dir "$dir/agent" --runtime-dir "$dir/agent-run")

say "starting the agent, which joins with it (log: $dir/agent.log)"
: >"$dir/agent.log"
start_agent
is_connected() {
  "${status[@]}" && api infrastructure/allocators | jq -e 'any(.zones[].allocators[]; .status.connected)'
}
wait_for 30 "$agent_pid" is_connected || fail "the agent did not join" "$dir/agent.log"

api infrastructure/allocators
cat <<EOF

Joined. That was GET $url/api/v1/platform/infrastructure/allocators

  URL          $url
  credentials  $secrets (users admin and readonly)
EOF
if [[ -n $once ]]; then
  echo
  echo "Both programs end now. Run it again without --once to keep them and to try more."
  exit 0
fi
cat <<EOF

Try next, in another terminal:
  curl --cacert $state/ca.pem -u "admin:\$(jq -r .adminconsole_root_password $secrets)" \\
    $url/api/v1/platform/infrastructure/runners
  ${status[*]}
  $bin/agent/ece-agent token inspect @$dir/roles-token
  kill -9 $agent_pid      # and see it disconnect here, and come back
EOF

printf '\nShowing changes until Ctrl-C:\n'
tell() { printf '%(%H:%M:%S)T  %s\n' -1 "$*"; }
fleet() {
  api infrastructure/allocators 2>/dev/null | jq -r '.zones[].allocators[] |
    "allocator \(.allocator_id) is \(if .status.connected then "connected" else "DISCONNECTED" end), " +
    "\(.capacity.memory.used) of \(.capacity.memory.total) MB used"' || echo "the coordinator does not answer"
}
before='' restart_at=''
exec 3>&2 2>/dev/null # the shell's own words about killed jobs are no news here
while alive "$coordinator_pid"; do
  now=$(fleet)
  [[ $now == "$before" ]] || tell "$now"
  before=$now
  if ! alive "$agent_pid"; then
    if [[ -z $restart_at ]]; then
      restart_at=$((SECONDS + 5))
      tell "the agent is gone; it is started again in 5 s, as systemd would"
    elif ((SECONDS >= restart_at)); then
      restart_at=''
      start_agent
    fi
  fi
  sleep 0.5
done
exec 2>&3
fail "the coordinator has ended" "$dir/coordinator.log"
