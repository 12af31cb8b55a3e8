#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# The network, or the coordinator at its other end, goes away and comes back.

load helpers

setup_file() { need_host n79 n80; }
teardown() { end_test coord n79; }

@test "6: the network is cut: disconnected within lease + 1 s, connected after healing" {
  cursor=$(cursor coord)
  others=$(cursor n80)
  started=$(now_ms)
  lab cut n79
  within $((LEASE + 1)) is_disconnected n79
  saw "disconnected after $took"
  # The host knows it too, by its own clock.
  within 10 not agent_says n79 '^connected'
  since "$started"
  saw "the host knows it after $took: $(agent_status n79 | head -n 1)"
  lab heal n79
  within $((RETRY + 5)) is_connected n79
  saw "connected $took after healing"
  within 5 agent_says n79 '^connected to'
  # No other host was disturbed.
  lacks "$(lab journal coord -o cat --after-cursor "$cursor")" "disconnected: 192.168.40.80"
  equal "$(lab journal n80 -o cat -u ece-agent --after-cursor "$others")" "" "its journal"
}

@test "7: the coordinator is stopped for a minute: agents say so, and come back" {
  pids=$(agent_pid n79)/$(agent_pid n80)
  on coord systemctl stop ece-coordinator
  started=$(now_ms)
  for host in n79 n80; do
    within 5 not agent_says "$host" '^connected'
    saw "$host after $took: $(agent_status "$host" | head -n 1)"
    exits 69 agent_status "$host"
  done
  holds_for $((60000 - ($(now_ms) - started))) not agent_says n79 '^connected'
  on coord systemctl start ece-coordinator
  since "$started"
  saw "started again after $took"
  started=$(now_ms)
  for host in n79 n80; do
    within $((RETRY + 5)) agent_says "$host" '^connected to'
    since "$started"
    saw "$host is connected $took later"
    is_connected "$host"
  done
  equal "$(agent_pid n79)/$(agent_pid n80)" "$pids" "processes of the agents"
}
