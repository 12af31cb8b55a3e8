#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the virtual machine of 60-vm.bats, as root, beside the installer, the token, and the
# coordinator's CA and password. Its clock is ten minutes behind while it joins.
set -euo pipefail
# shellcheck source=tests/support/assertions.bash
. ./assertions.bash

ME=192.168.40.90
saw() { echo "saw: $*"; }
record() {
  curl -sS --max-time 10 --config admin.curl --cacert ca.pem \
    "https://192.168.40.10:12443/api/v1/platform/infrastructure/allocators/$ME"
}
is() { record | jq -e "$1" >/dev/null; }
has() { is ".capacity.memory.used == $1 and (.instances | length) == $2"; }
describe() {
  record | jq -r '"allocator \(.allocator_id), \(.capacity.memory.total) MB, " +
    "\(.capacity.memory.used) used, \(.instances | length) instances"'
}
within() {
  local started
  started=$(now_ms)
  wait_until "$@" || return
  took="$((($(now_ms) - started) / 1000)) s"
}
start_instance() { # NAME LIMIT COMMAND...
  systemd-run --quiet --unit "$1" --slice ece-instances.slice -p "MemoryMax=$2" "${@:3}"
}
ended_with() { equal "$(systemctl show --value -p Result "$1.service")" "$2" "result of $1"; }

saw "kernel $(uname -r), $(stat -fc %T /sys/fs/cgroup), $(systemctl is-system-running)"
equal "$(stat -fc %T /sys/fs/cgroup)" cgroup2fs

date -s "-10 minutes" >/dev/null
started=$SECONDS
bash ./elastic-cloud-enterprise.sh install --coordinator-host 192.168.40.10 \
  --roles-token @token --roles allocator
within 10 is .status.connected
saw "joined in $((SECONDS - started)) s with a clock ten minutes behind: $(describe)"
saw "its status: $(ece-agent status | head -n 1)"
date -s "+10 minutes" >/dev/null

# Capacity: 85 % of the memory there is, and of a limit above the agent when that is smaller.
total=$(awk '/^MemTotal:/ { print int($2 / 1024 * 85 / 100) }' /proc/meminfo)
is ".capacity.memory.total >= $total - 1 and .capacity.memory.total <= $total + 1"
systemctl set-property --runtime ece.slice MemoryMax=300M
within 15 is '.capacity.memory.total == 255'
saw "with MemoryMax=300M for ece.slice, after $took: $(describe)"
systemctl set-property --runtime ece.slice MemoryMax=infinity
within 15 is ".capacity.memory.total >= $total - 1"
equal "$(cat /sys/fs/cgroup/ece.slice/ece-agent.service/memory.min)" $((16 << 20)) "MemoryMin"

start_instance es-1 64M sleep infinity
within 15 has 64 1
saw "an instance with 64M, after $took: $(describe)"
systemctl set-property --runtime es-1.service MemoryMax=160M
within 15 has 160 1
saw "its limit is 160M now, after $took: $(describe)"

# The limit is real, and the agent does not suffer from it.
pid=$(systemctl show --value -p MainPID ece-agent)
start_instance es-2 32M sh -c 'head -c 200000000 /dev/zero | tail -n 1 >/dev/null' || true
within 30 ended_with es-2 oom-kill
saw "an instance that takes more than its limit ends with oom-kill"
systemctl reset-failed es-2.service
systemctl stop es-1.service
within 15 has 0 0
saw "all instances stopped, after $took: $(describe)"
equal "$(systemctl show --value -p MainPID ece-agent)" "$pid" "the agent's process"
is .status.connected
equal "$(systemctl is-system-running)" running
