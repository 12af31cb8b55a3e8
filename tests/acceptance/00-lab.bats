#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Does the lab do what it says? If this fails, look no further.

load helpers
export LAB=lab${LAB##*[!0-9]}

setup_file() {
  lab guard $$
  boot n21 &
  boot n22
  wait
}
teardown_file() { lab down; }

pings() { on "$1" ping -q -c1 -W1 "$2"; }
probe_is() { equal "$(on n21 systemctl is-active probe)" "$1"; }

@test "lab: hosts are booted, have names and addresses, and reach each other and nothing else" {
  for host in n21 n22; do
    equal "$(on "$host" systemctl is-system-running)" running
    equal "$(on "$host" hostname)" "$host"
  done
  pings n21 n22
  pings n22 192.168.40.21
  exits 1 pings n21 192.0.2.2
  contains "$output" "100% packet loss"
}

@test "lab: a command has its exit status, its input, and an output that is whole" {
  exits 7 on n21 sh -c 'exit 7'
  equal "$(echo "a b" | lab exec n21 cat)" "a b"
  equal "$(head -c 3000000 /dev/zero | lab exec n21 cat | md5sum)" \
    "$(head -c 3000000 /dev/zero | md5sum)"
}

@test "lab: files and folders are pushed, with their modes" {
  mkdir "$BATS_TEST_TMPDIR/folder"
  echo secret >"$BATS_TEST_TMPDIR/folder/token"
  chmod 600 "$BATS_TEST_TMPDIR/folder/token"
  lab push n21 "$BATS_TEST_TMPDIR/folder" /etc/probe
  lab push n21 "$BATS_TEST_TMPDIR/folder/token" /srv/new/
  equal "$(on n21 stat -c %a /etc/probe/token /srv/new/token)" $'600\n600'
}

@test "lab: a service has its sandbox, its memory limit and its watchdog" {
  cat >"$BATS_TEST_TMPDIR/probe.service" <<'UNIT'
[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'cp "$CREDENTIALS_DIRECTORY/token" "$STATE_DIRECTORY/got"; ! touch /usr/x || exit 1; systemd-notify --ready; while sleep 0.2; do [ -e "$STATE_DIRECTORY/hang" ] || systemd-notify WATCHDOG=1; done'
WatchdogSec=1s
Restart=always
RestartSec=100ms
DynamicUser=yes
StateDirectory=probe
LoadCredential=token:/etc/probe/token
ProtectSystem=strict
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
CapabilityBoundingSet=
Slice=probe.slice
MemoryMax=64M
[Install]
WantedBy=multi-user.target
UNIT
  lab push n21 "$BATS_TEST_TMPDIR/probe.service" /etc/systemd/system/
  on n21 systemctl enable --now probe
  equal "$(on n21 cat /var/lib/private/probe/got)" secret
  # shellcheck disable=SC2016 # expanded in the host
  limit=$(on n21 sh -c 'cd /sys/fs/cgroup && cat */probe.slice/probe.service/memory.limit_in_bytes \
    probe.slice/probe.service/memory.max 2>/dev/null || true')
  equal "$limit" $((64 << 20)) "the limit that the kernel knows"
  on n21 touch /var/lib/private/probe/hang
  within 10 journal_has n21 "Failed with result 'watchdog'" -u probe
  on n21 rm /var/lib/private/probe/hang
  within 10 probe_is active
}

@test "lab: a cable can be cut and healed" {
  lab cut n21
  exits 1 pings n21 n22
  lab heal n21
  within 5 pings n21 n22
}

@test "lab: a host keeps its disk, its services and its address over a reboot and a power cut" {
  first=$(on n21 cat /proc/sys/kernel/random/boot_id /etc/machine-id)
  uptime=$(on n21 systemctl show --value -p UserspaceTimestampMonotonic)
  lab reboot n21
  [[ $(on n21 systemctl show --value -p UserspaceTimestampMonotonic) != "$uptime" ]]
  within 5 probe_is active
  lab kill n21
  exits 1 on n21 true
  journal_has n21 "Started" -u probe
  lab up n21
  within 5 probe_is active
  pings n22 192.168.40.21
  contains "$first" "$(on n21 cat /etc/machine-id)"
}

@test "lab: a disk can be small" {
  LAB_DISK=8M boot n23
  exits 1 on n23 dd if=/dev/zero of=/var/fill bs=1M
  contains "$output" "No space left"
}

@test "lab: when it is taken down nothing is left, in whatever state it was" {
  boot n24 &
  half=$!
  within 5 test -d "/var/lib/machines/.$LAB/hosts/n24"
  kill -KILL "$half"
  lab kill n22
  lab down
  nothing_of_lab "$LAB"
}
