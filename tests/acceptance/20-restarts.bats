#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# A host, its agent, or both end without a word, and are back by themselves.

load helpers

setup_file() { need_host n79 n80; }
teardown() { end_test coord n79; }

has_new_agent() { # NAME OLD-PID
  local pid
  pid=$(agent_pid "$1")
  ((pid > 0 && pid != $2))
}

@test "4: a host is rebooted, and back by itself" {
  cursor=$(cursor coord)
  in_ms lab reboot n79
  saw "rebooted in $took"
  within 20 is_connected n79
  within 20 agent_says n79 '^connected to'
  saw "connected $took after that: $(describe n79)"
  journal_has coord "runner.connected: 192.168.40.79" --after-cursor "$cursor"
}

@test "4: a host loses its power, and is back by itself when that returns" {
  lab kill n79
  lab up n79
  within 20 is_connected n79
  saw "connected $took after it was up again"
}

@test "4: the first host is rebooted, and the others come back to it" {
  in_ms lab reboot coord
  saw "rebooted in $took"
  within $((RETRY + 5)) agent_says n79 '^connected to'
  saw "n79 is connected again $took later"
  within $((RETRY + 5)) agent_says n80 '^connected to'
  within 20 is_connected coord
  is_connected n79
}

@test "5: kill -9 of the agent: disconnected within 3 s, and back by systemd" {
  pid=$(agent_pid n79)
  started=$(now_ms)
  on n79 kill -KILL "$pid"
  within 3 is_disconnected n79
  ms=$(($(now_ms) - started))
  saw "disconnected after $took"
  ((ms <= 3000)) || fail "it took $ms ms"
  within 10 has_new_agent n79 "$pid"
  within 10 is_connected n79
  since "$started"
  saw "back as process $(agent_pid n79), connected $took after the kill"
  journal_has n79 "code=killed, status=9/KILL" -u ece-agent
}

@test "8: a wedged agent (SIGSTOP) is ended by the watchdog, and started again" {
  pid=$(agent_pid n79)
  cursor=$(cursor n79)
  started=$(now_ms)
  on n79 kill -STOP "$pid"
  within $((LEASE + 1)) is_disconnected n79
  saw "disconnected after $took, when its lease had ended"
  within 2 not agent_says n79 '^connected'
  saw "its status: $(agent_status n79 | head -n 1)"
  # Half of WatchdogSec=60s may have passed since the last sign of life; then it is ended.
  within 75 has_new_agent n79 "$pid"
  within 15 is_connected n79
  since "$started"
  saw "connected again after $took"
  journal_has n79 "Failed with result 'watchdog'" -u ece-agent --after-cursor "$cursor"
}
