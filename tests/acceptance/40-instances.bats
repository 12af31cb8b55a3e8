#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# Workloads in ece-instances.slice are the instances of the allocator.

load helpers

setup_file() { need_host n79; }
teardown() {
  on n79 systemctl stop es-1.service es-2.service 2>/dev/null || true
  end_test coord n79
}

start_instance() { # NAME LIMIT
  on n79 systemd-run --quiet --unit "$1" --slice ece-instances.slice -p "MemoryMax=$2" \
    sleep infinity
}
has() { allocator n79 ".capacity.memory.used == $1 and (.instances | length) == $2"; }

@test "9: an instance is started: used and instances follow at the next beat" {
  has 0 0
  start_instance es-1 64M
  within "$INTERVAL" has 64 1
  saw "after $took: $(describe n79)"
  allocator n79 '.instances[0] | .cluster_id == "es-1.service" and .node_memory == 64'
  start_instance es-2 100M
  on n79 systemctl set-property --runtime es-1.service MemoryMax=160M
  within "$INTERVAL" has 260 2
  saw "a second one, the limit of the first changed, after $took: $(describe n79)"
  on n79 systemctl stop es-1.service es-2.service
  within "$INTERVAL" has 0 0
  saw "none, after $took: $(describe n79)"
}
