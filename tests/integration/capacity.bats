#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# Memory as the API shows it: what is offered, and what instances were assigned, without any restart.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() {
  [[ -z ${slice_dir:-} ]] || find "$slice_dir" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  end_test
}

# make_slice: $slice (its name) and $slice_dir, a memory cgroup at the root of the hierarchy; $limit is the file that bounds a child.
make_slice() {
  slice=eceit$$x$RANDOM.slice
  local root=/sys/fs/cgroup
  limit=memory.max
  if [[ -e $root/memory/memory.limit_in_bytes ]]; then
    root=$root/memory limit=memory.limit_in_bytes
  fi
  mkdir "$root/$slice" 2>/dev/null || skip "no memory cgroup can be made here"
  slice_dir=$root/$slice
  if [[ $limit == memory.max ]]; then
    echo +memory >"$slice_dir/cgroup.subtree_control" 2>/dev/null || skip "the memory controller is not delegated here"
  fi
}
start_instance() { # NAME MIB
  mkdir "$slice_dir/$1"
  echo $(($2 * 1024 * 1024)) >"$slice_dir/$1/$limit"
}
memory_is() { allocator host ".capacity.memory.used == $1 and ([.instances[].node_memory] | add // 0) == $1"; }

@test "memory that instances were assigned shows as used while they are there" {
  # [HB-2]
  make_slice
  join host --instances-slice "$slice" --capacity 8192
  memory_is 0
  start_instance elasticsearch-1.scope 1024
  wait_until 3 memory_is 1024
  start_instance kibana-1.scope 512
  wait_until 3 memory_is 1536
  allocator host '[.instances[] | .cluster_type + "=" + (.node_memory | tostring)] | sort == ["elasticsearch=1024", "kibana=512"]'
  allocator host '.status.health_checks.has_instances'
  exits 0 agent_status host
  contains "$output" "8192 MB" "1536 MB used" "2 instances"
  # A new limit is a new assignment.
  echo $((2048 * 1024 * 1024)) >"$slice_dir/kibana-1.scope/$limit"
  wait_until 3 memory_is 3072
  echo $((2064 * 1024 * 1024)) >"$slice_dir/kibana-1.scope/$limit"
  wait_until 3 memory_is 3088
  echo $((2048 * 1024 * 1024)) >"$slice_dir/kibana-1.scope/$limit"
  rmdir "$slice_dir/elasticsearch-1.scope"
  wait_until 3 memory_is 2048
  # A host that dies takes its instances with it: an allocator that has something to lose is not healthy.
  kill_hard "$agent_pid"
  wait_until 4 allocator host '.status.connected == false and .status.healthy == false'
  memory_is 2048
}

@test "without --capacity the host offers at most 85 % of its memory, and says how that was found" {
  join host
  total=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  allocator host ".capacity.memory.total > 0 and .capacity.memory.total <= ($total * 0.85 | ceil)"
  [[ -n $(status_field host .agent.memory.source) ]]
  equal "$(status_field host .agent.memory.total)" "$(json .capacity.memory.total)"
}
