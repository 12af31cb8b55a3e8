#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# A host whose clock is wrong. Containers share the machine's clock, so that of the agent alone
# is moved, by libfaketime in a drop-in; the clock of a whole host is moved in the virtual
# machine (60-vm.bats).

load helpers

setup_file() { need_installation; }
teardown() { end_test coord n81; }

# set_clock NAME SECONDS: for the agent, from its next start on.
set_clock() {
  local dir=/etc/systemd/system/ece-agent.service.d library
  library=$(on "$1" sh -c 'echo /usr/lib/*/faketime/libfaketime.so.1')
  on "$1" mkdir -p "$dir"
  lab exec "$1" sh -c "cat >$dir/clock.conf" <<CONF
[Service]
Environment=LD_PRELOAD=$library FAKETIME=$2 FAKETIME_DONT_FAKE_MONOTONIC=1
CONF
  on "$1" systemctl daemon-reload
}
skew_is() { # NAME SECONDS: to a second or two
  local skew
  skew=$(on "$1" ece-agent status --json | jq .agent.skew_ms)
  ((skew > $2 * 1000 - 2000 && skew < $2 * 1000 + 2000)) || fail "the skew is $skew ms"
}
last_beat() { on "$1" ece-agent status --json | jq .agent.last_heartbeat_boot_ms; }
beat_after() { (($(last_beat "$1") > $2)); }

@test "13: a host whose clock is ten minutes behind joins, is connected, and says so" {
  new_host n81
  set_clock n81 -600
  in_ms exits 0 join n81
  saw "joined in $took: $(describe n81)"
  is_connected n81
  saw "its status: $(agent_status n81 | head -n 1)"
  skew_is n81 -600
  journal_has n81 "clock" -u ece-agent -p warning
}

@test "13: ten minutes ahead: the same" {
  need_host n81
  set_clock n81 +600
  on n81 systemctl restart ece-agent
  within 10 skew_is n81 600
  agent_says n81 '^connected'
  saw "its status: $(agent_status n81 | head -n 1)"
  beat=$(last_beat n81)
  within "$INTERVAL" beat_after n81 "$beat"
  is_connected n81
  saw "the next heartbeat was accepted $took later"
}
