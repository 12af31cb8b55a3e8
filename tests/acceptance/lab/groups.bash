# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Control groups. They, not pid files, say which processes are a host's: everything of HOST is
# below <hierarchy>/$LAB/HOST, in every hierarchy. On a machine with cgroup v2 alone there is
# one hierarchy; with v1 or both, the host gets those that systemd would use.
#
#   $LAB/HOST/keeper       the loop that boots the host anew when it reboots
#   $LAB/HOST/supervisor   systemd-nspawn
#   $LAB/HOST/payload      the host's own processes, its PID 1 in init.scope

CG=/sys/fs/cgroup

is_v2_alone() { [[ -e $CG/cgroup.controllers ]]; }
hierarchies() { # all but cpuset, which would need setting up first
  local h
  if is_v2_alone; then
    echo "$CG"
    return
  fi
  for h in systemd unified memory pids cpu cpuacct blkio devices freezer; do
    [[ ! -e $CG/$h/cgroup.procs ]] || echo "$CG/$h"
  done
}
main_hierarchy() { # where systemd-nspawn and the host's systemd keep book
  if [[ -d $CG/systemd ]]; then echo "$CG/systemd"; else echo "$CG"; fi
}

make_groups() { # HOST MEMORY
  local h limit
  for h in $(hierarchies); do mkdir -p "$h/$LAB/$1/keeper"; done
  if is_v2_alone; then
    for h in "$CG" "$CG/$LAB"; do
      echo "+memory +pids +cpu" >"$h/cgroup.subtree_control" 2>/dev/null || true
    done
    limit=$CG/$LAB/$1/memory.max
  else
    limit=$CG/memory/$LAB/$1/memory.limit_in_bytes
  fi
  [[ -e $limit ]] || die "the memory controller cannot be used: there is no $limit"
  echo "$2" >"$limit"
}
limit_payload() { # HOST MEMORY: with cgroup v2 a host sees no limit above its own top group
  ! is_v2_alone || echo "$2" >"$CG/$LAB/$1/payload/memory.max"
}
join_groups() { # SUBGROUP: the calling shell
  local h
  for h in $(hierarchies); do
    mkdir -p "$h/$LAB/$1" && echo "$BASHPID" >"$h/$LAB/$1/cgroup.procs"
  done
}
join_payload() { # HOST: only where systemd-nspawn made it; elsewhere the host's is the top
  local h group
  for h in $(hierarchies); do
    group=$h/$LAB/$1
    [[ ! -d $group/payload ]] || group+=/payload
    mkdir -p "$group/lab-exec" && echo "$BASHPID" >"$group/lab-exec/cgroup.procs"
  done
}
remove_groups() { # HOST
  local h i
  for h in $(hierarchies); do
    for i in 1 2 3 4 5; do
      [[ -d $h/$LAB/$1 ]] || break
      find "$h/$LAB/$1" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep "0.$i" # the last process may still be on its way out
    done
    rmdir "$h/$LAB" 2>/dev/null || true
  done
}

group_pids() {
  find "$(main_hierarchy)/$LAB/$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true
}
is_up() { [[ -n $(group_pids "$1") ]]; }
is_kept() { [[ -n $(cat "$(main_hierarchy)/$LAB/$1/keeper/cgroup.procs" 2>/dev/null) ]]; }
leader() { # the pid, out here, of HOST's PID 1; fails when the host is not up
  local pid
  while read -r pid; do
    if awk '/^NSpid:/ { exit !($NF == 1 && NF > 2) }' "/proc/$pid/status" 2>/dev/null; then
      echo "$pid"
      return 0
    fi
  done < <(cat "$CG"/{systemd/,unified/,}"$LAB/$1/payload/init.scope/cgroup.procs" 2>/dev/null)
  return 1
}
