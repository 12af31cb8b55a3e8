# shellcheck shell=bash disable=SC2034,SC2154 # bats and the test files share variables with it
# SPDX-License-Identifier: Apache-2.0
# What the acceptance tests share: the lab, the installation in it, and saying what was seen.
#
# The scenarios use one installation: `coord`, which is its first host, and hosts that have
# joined it. NAME is a host's name, `n79`; its address is 192.168.40.79. Each file asks for what
# it needs (need_installation, need_host), so that it can be run alone; in a run of all, the
# first files have made it.

ECE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
COORDINATOR=192.168.40.10
ZONE=ece-zone-1a
LOG_END='[no.found.util.LogApplicationExit$] Application is exiting {}'
SECRETS=/mnt/data/elastic/bootstrap-state/bootstrap-secrets.json
TOKENS=configuration/security/enrollment-tokens
SCRIPT=elastic-cloud-enterprise.sh
# What an interval, a lease and the longest wait between two tries are, in seconds.
INTERVAL=11 LEASE=30 RETRY=60
# The memory that a host has, in MiB, and what it offers of that.
HOST_MEMORY=512
OFFERED=$((HOST_MEMORY * 85 / 100))
export LAB_MEM=${HOST_MEMORY}M
# shellcheck source=tests/support/assertions.bash
. "$ECE_ROOT/tests/support/assertions.bash"

# ---- saying what was seen

# saw TEXT...: part of the test's output, in a form that TAP allows.
saw() { printf '#   %s\n' "$*" >&3; }

# within SECONDS COMMAND...: polls until it succeeds; how long that took is in $took ("1.9 s").
within() {
  local started
  started=$(now_ms)
  wait_until "$@" || return
  since "$started"
}
# since MS: sets $took.
since() {
  local ms=$(($(now_ms) - $1))
  took="$((ms / 1000)).$((ms % 1000 / 100)) s"
}
# in_ms COMMAND...: how long it took, in milliseconds, is in $ms, and for people in $took.
in_ms() {
  local started
  started=$(now_ms)
  "$@"
  ms=$(($(now_ms) - started))
  since "$started"
}

# ---- the lab

# What is left running must not keep bats' own descriptors open: bats would wait for it.
lab() { "$ECE_ROOT/tests/acceptance/lab/lab.sh" "$@" 3>&- 4>&-; }
# on HOST COMMAND...: in the host, as root.
on() { lab exec "$@" </dev/null; }
address_of() { if [[ $1 == coord ]]; then echo "$COORDINATOR"; else echo "192.168.40.${1#n}"; fi; }
boot() { lab up "$1" "$(address_of "$1")"; }

# fresh_host NAME: booted, with an empty disk.
fresh_host() {
  lab down "$1"
  boot "$1"
}

# nothing_of_lab LAB: no process, group, mount, namespace or folder of it is there.
nothing_of_lab() {
  equal "$(find /sys/fs/cgroup -maxdepth 2 -name "$1")" "" "control groups"
  equal "$(ip netns list | grep "^$1-")" "" "network namespaces"
  equal "$(grep -F " /var/lib/machines/.$1/" /proc/self/mountinfo)" "" "mounts"
  equal "$(find /var/lib/machines /run/systemd/nspawn -name "*$1*" 2>/dev/null)" "" "folders"
  equal "$(pgrep -af -- "--machine=$1-" || true)" "" "processes"
}

# kept NAME: a file that lives as long as the whole run.
kept() { echo "$BATS_SUITE_TMPDIR/$1"; }

# files_of NAME: every file of the host with mode, owner, target and content. Not what the system
# itself writes: journal, logs and database of packages, caches; nor the list of users, because
# those of a service stay when its package is purged, as is the custom.
SYSTEM_FILES='^(proc|sys|dev|run|tmp|var/(cache|log|tmp)|var/lib/(apt|dpkg|systemd)'
SYSTEM_FILES+='|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc/(hosts|\.pwd\.lock))[/ ]'
files_of() {
  (
    cd "$(lab root "$1")" || exit
    find . -xdev -printf '%P %y %m %U:%G %l\n'
    find . -xdev -type f -printf '%P\0' | xargs -0 md5sum | sed -E 's/^(\w+)  (.*)$/\2 \1/'
  ) | grep -vE "$SYSTEM_FILES" | sort
}
# remember_files NAME: nothing_left NAME says later whether they are still the same.
remember_files() { files_of "$1" >"$(kept "$1.files")"; }
nothing_left() {
  local differ
  differ=$(diff "$(kept "$1.files")" <(files_of "$1") | grep '^[<>]' || true)
  [[ -z $differ ]] || fail "files of $1 as they were (<) and are (>):" "$differ"
}

# ---- installing

# installer NAME ARGUMENT...: runs the script that is on the host, as root.
installer() { on "$1" bash "/root/ece/$SCRIPT" "${@:2}"; }

# install_first: coord becomes the installation. What it printed is in $output and first.output.
install_first() {
  fresh_host coord
  lab push coord "$(kept packages)" /root/ece
  remember_files coord
  exits 0 installer coord install --availability-zone "$ZONE"
  echo "$output" >"$(kept first.output)"
  keep_credentials
}
keep_credentials() {
  on coord cat "$SECRETS" >"$(kept secrets.json)"
  on coord cat /var/lib/ece-coordinator/ca.pem >"$(kept ca.pem)"
  jq -r '"user = \"admin:\(.adminconsole_root_password)\""' "$(kept secrets.json)" \
    >"$(kept admin.curl)"
}
secret() { jq -r ".$1" "$(kept secrets.json)"; }

# join NAME [ARGUMENT...]: the documented command. A repeated flag: the last one counts.
join() {
  installer "$1" install --coordinator-host "$COORDINATOR" \
    --roles-token "$(secret allocator_only_token)" --roles "allocator" "${@:2}"
}
# new_host NAME: with an empty disk, and nothing but the script.
new_host() {
  fresh_host "$1"
  lab push "$1" "$(kept packages)/$SCRIPT" /root/ece/
  remember_files "$1"
}

need_installation() {
  [[ -s $(kept admin.curl) ]] || install_first
  wait_until 30 is_connected coord
}
need_host() {
  local name
  need_installation
  for name; do
    is_connected "$name" 2>/dev/null || { new_host "$name" && exits 0 join "$name"; }
    wait_until 10 is_connected "$name"
  done
}

# ---- the installation, seen from its coordinator

# api METHOD PATH [CURL_OPTION...]: as admin, PATH below /api/v1/platform; prints the reply.
api() {
  lab net coord curl -sS --fail-with-body --max-time 10 --config "$(kept admin.curl)" \
    --cacert "$(kept ca.pem)" -X "$1" "https://$COORDINATOR:12443/api/v1/platform/$2" "${@:3}"
}
api_json() { api "$1" "$2" -H 'Content-Type: application/json' --data-binary "$3"; }
make_token() { api_json POST "$TOKENS" "{\"persistent\": true, \"roles\": [\"allocator\"]}"; }

# allocator NAME [FILTER]: is it true of the host's record? (runner: the same of the runner)
allocator() {
  api GET "infrastructure/allocators/$(address_of "$1")" | jq -e "${2:-true}" >/dev/null
}
runner() { api GET "infrastructure/runners/$(address_of "$1")" | jq -e "${2:-true}" >/dev/null; }
is_connected() { allocator "$1" .status.connected; }
is_disconnected() { allocator "$1" '.status.connected == false'; }
is_unknown() {
  local reply
  reply=$(api GET "infrastructure/runners/$(address_of "$1")" 2>/dev/null) && return 1
  [[ $reply == *runner_not_found* ]]
}
# describe NAME: its record in a few words.
describe() {
  api GET "infrastructure/allocators/$(address_of "$1")" | jq -r '
    "allocator \(.allocator_id) \(if .status.connected then "connected" else "disconnected" end), " +
    "zone \(.zone_id), \(.capacity.memory.total) MB, \(.capacity.memory.used) used, " +
    "\(.instances | length) instances"'
}

# ---- the installation, seen from a host

agent_status() { on "$1" ece-agent status; }
# agent_says NAME EXTENDED_REGEX: in the first line of its status.
agent_says() { agent_status "$1" | head -n 1 | grep -qE -- "$2"; }
agent_pid() { on "$1" systemctl show --value -p MainPID ece-agent; }
# journal_has NAME TEXT [JOURNALCTL_OPTION...]
journal_has() { lab journal "$1" -o cat "${@:3}" | grep -qF -- "$2"; }
# cursor NAME: where the host's journal ends now.
cursor() { lab journal "$1" -n 0 --show-cursor | sed -n 's/^-- cursor: //p'; }

# ---- when a test has failed

# Whatever a test did to the network is undone; what the hosts' services said is shown.
end_test() { # NAME...
  local name
  [[ -z ${BATS_TEST_COMPLETED:-} ]] || return 0
  for name; do
    lab heal "$name" 2>/dev/null || continue
    printf -- '--- the end of the journal of %s:\n' "$name"
    lab journal "$name" -u 'ece-*' -n 15 -o short-precise 2>/dev/null || true
  done
}
