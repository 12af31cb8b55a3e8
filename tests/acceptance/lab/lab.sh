#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A lab of several hosts on one machine. Each is a systemd-nspawn container that boots real
# systemd, has a disk that survives reboots, a memory limit, and an address of its own on one
# bridge. README.md beside the tests says how it is made and where it differs from real hosts.
#
#   lab.sh check                 say why it cannot run here (exit 77), or make what it needs
#   lab.sh base                  build the base tree if there is none; prints its path
#   lab.sh up HOST [ADDRESS]     start HOST (boot it again, on its old disk, if it was off)
#   lab.sh exec HOST CMD...      run CMD in HOST as root; its stdin, stdout and exit status
#   lab.sh push HOST SRC DST     copy a file (mode kept) or a folder's contents into HOST
#   lab.sh journal HOST [ARG...] HOST's journal, also when it is off (ARG: for journalctl)
#   lab.sh root HOST             the path of HOST's disk, out here
#   lab.sh reboot HOST           reboot and wait for it
#   lab.sh kill HOST             the power goes (SIGKILL), the disk is kept
#   lab.sh cut HOST / heal HOST  take HOST's cable off the bridge: packets vanish / put it back
#   lab.sh net HOST CMD...       run a command of this machine in HOST's network
#   lab.sh status                what is up
#   lab.sh guard [PID]           when PID (default: the caller) is gone, take everything down
#   lab.sh down [HOST...]        end hosts and forget their disks; without names: all there is
#
# Environment: LAB (name, lab), LAB_CACHE (/var/cache/ece-acceptance), LAB_PACKAGES (where the
# packages are that hosts can install, build/packages), LAB_MIRROR, LAB_MEM (a host's memory
# limit, 512M), LAB_DISK (a host's whole writable disk is a tmpfs of this size), LAB_WAIT
# (seconds, 60).
set -euo pipefail
shopt -s nullglob

here=$(dirname "$(readlink -f "$0")")
LAB=${LAB:-lab}
LAB_ROOT=/var/lib/machines/.$LAB
LAB_CACHE=${LAB_CACHE:-/var/cache/ece-acceptance}
LAB_PACKAGES=${LAB_PACKAGES:-$here/../../../build/packages}
LAB_MEM=${LAB_MEM:-512M}
LAB_DISK=${LAB_DISK:-}
LAB_WAIT=${LAB_WAIT:-60}

die() {
  echo "lab: $*" >&2
  exit 1
}
note() { echo "lab: $*" >&2; }
# shellcheck source=tests/acceptance/lab/base.bash
. "$here/base.bash"
# shellcheck source=tests/acceptance/lab/groups.bash
. "$here/groups.bash"
# shellcheck source=tests/acceptance/lab/network.bash
. "$here/network.bash"

host_dir() { echo "$LAB_ROOT/hosts/$1"; }
known() { [[ -d $(host_dir "$1") ]] || die "no host $1"; }
name_ok() {
  [[ $1 =~ ^[a-z][a-z0-9-]{0,10}$ && $1 != br && $1 != vm ]] ||
    die "bad host name '$1' (a-z, 0-9, -, at most 11; not br or vm)"
}
locked() { # a function under the lock of all labs; what it starts must close fd 9
  mkdir -p "$LAB_CACHE"
  (
    flock 9
    "$@"
  ) 9>"$LAB_CACHE/lab.lock"
}

# ---- making and booting hosts

mount_disk() { # HOST: the base tree below, what the host writes above
  local dir=$1
  [[ -z $(mounts_under "$dir/root") ]] || return 0
  # An overlay cannot be the upper layer of another: in a container the disk is in memory.
  if [[ -z $LAB_DISK && $(stat -f -c %T "$dir") == overlayfs ]]; then LAB_DISK=512M; fi
  if [[ -n $LAB_DISK && -z $(mounts_under "$dir/rw") ]]; then
    mount -t tmpfs -o "size=$LAB_DISK,mode=755" "$LAB" "$dir/rw"
  fi
  mkdir -p "$dir/rw/upper" "$dir/rw/work"
  mount -t overlay -o "lowerdir=$(base_tree),upperdir=$dir/rw/upper,workdir=$dir/rw/work" \
    "$LAB" "$dir/root"
}
make_host() { # HOST [ADDRESS]: disk, network and groups, up to the point of booting
  local host=$1 dir is_new=''
  dir=$(host_dir "$host")
  [[ -d $dir ]] || is_new=yes
  mkdir -p "$dir/rw" "$dir/root"
  mount_disk "$dir"
  if [[ $is_new ]]; then
    echo "$host" >"$dir/root/etc/hostname"
    tr -d - </proc/sys/kernel/random/uuid >"$dir/root/etc/machine-id"
  fi
  cable_up "$host"
  [[ -z ${2:-} ]] || set_address "$host" "$2"
  make_groups "$host" "$LAB_MEM"
}

# The keeper: boots the host, and again whenever systemd-nspawn ends with 133, which is how one
# with --keep-unit says "reboot". It gets the groups of the host as its first arguments.
# shellcheck disable=SC2016 # expanded there
keeper='
  groups=()
  while [[ $1 != -- ]]; do groups+=("$1"); shift; done
  shift
  while :; do
    (
      for group in "${groups[@]}"; do
        # A group of cgroup v2 takes processes only while it hands no controller down, which it
        # does as long as what the last boot left is below it.
        control=$group/cgroup.subtree_control
        for ((i = 0; i < 50; i++)); do
          on=$(<"$control") && [[ -n $on ]] || break
          find "$group"/{payload,supervisor} -depth -type d -exec rmdir {} +
          echo "-${on// / -}" >"$control" && break
          sleep 0.05
        done
        echo "$BASHPID" >"$group/cgroup.procs"
      done 2>/dev/null
      exec "$@"
    )
    rc=$?
    ((rc == 133)) || exit "$rc"
  done'

boot() { # HOST: away from the caller's terminal, pipes and groups
  local host=$1 dir groups=()
  dir=$(host_dir "$host")
  mapfile -t groups < <(hierarchies)
  (
    join_groups "$host/keeper"
    cd /
    # Without the capabilities PrivateNetwork=, IPAddressDeny= and their like do nothing.
    # CAP_SYS_TIME is not among them: the machine's clock is no host's to set.
    exec setsid bash -c "$keeper" "$LAB-$host" "${groups[@]/%//$LAB/$host}" -- \
      env SYSTEMD_NSPAWN_API_VFS_WRITABLE=network \
      systemd-nspawn --settings=no --directory="$dir/root" --machine="$LAB-$host" \
      --hostname="$host" --register=no --keep-unit --link-journal=no --resolv-conf=off \
      --timezone=off --console=read-only --kill-signal=SIGRTMIN+3 \
      --network-namespace-path="/run/netns/$LAB-$host" \
      --capability=CAP_NET_ADMIN,CAP_IPC_LOCK,CAP_BPF,CAP_PERFMON --system-call-filter=bpf \
      /usr/local/lib/lab/init
  ) </dev/null >>"$dir/console.log" 2>&1 9>&- &
  disown
  for _ in {1..100}; do
    is_kept "$host" && return
    sleep 0.02
  done
}

wait_up() { # HOST [OLD-LEADER]
  local host=$1 old=${2:-} state='' pid end=$((SECONDS + LAB_WAIT))
  while ((SECONDS < end)); do
    if pid=$(leader "$host") && [[ $pid != "$old" ]]; then
      limit_payload "$host" "$LAB_MEM"
      state=$(cmd_exec "$host" systemctl is-system-running 2>/dev/null) || true
      [[ $state != running ]] || return 0
      if [[ $state == degraded ]]; then
        note "$host is up, but: $(cmd_exec "$host" systemctl --failed --plain --no-legend)"
        return 0
      fi
    elif [[ -z $old ]] && ! is_kept "$host"; then
      break
    fi
    sleep 0.05
  done
  note "$host did not come up (${state:-no PID 1}); the end of its console:"
  tail -n 15 "$(host_dir "$host")/console.log" >&2 2>/dev/null || true
  return 1
}

start_one() { # HOST [ADDRESS]
  if is_kept "$1"; then
    [[ -z ${2:-} ]] || set_address "$1" "$2"
    return 0
  fi
  power_off "$1" # half-started, or its systemd-nspawn was killed, which does not end the host
  make_host "$@"
  boot "$1"
}
cmd_up() {
  name_ok "${1:?lab.sh up HOST [ADDRESS]}"
  [[ -n ${2:-} ]] || known "$1"
  cmd_base >/dev/null
  locked start_one "$@"
  wait_up "$1"
}

# ---- in a host

cmd_exec() {
  local host=${1:?} pid
  shift
  (($#)) || set -- bash
  pid=$(leader "$host") || die "$host is not up"
  # Into the host's own groups: then it is counted, and ended, with the host.
  join_payload "$host" 2>/dev/null || true
  # setpriv: CMD ends when this nsenter is killed.
  exec nsenter -t "$pid" -m -u -i -n -p -C -- /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LANG=C.UTF-8 TERM="${TERM:-dumb}" setpriv --pdeathsig KILL -- "$@"
}
cmd_push() {
  local host=${1:?} src=${2:?} dst=${3:?} mode
  if [[ -d $src ]]; then
    # shellcheck disable=SC2016 # expanded in the host
    tar -C "$src" -cf - . | (cmd_exec "$host" sh -c \
      'mkdir -p "$1" && tar -C "$1" --no-same-owner -xf -' - "$dst")
    return
  fi
  [[ -r $src ]] || die "cannot read $src"
  mode=$(stat -Lc %a "$src")
  # shellcheck disable=SC2016 # expanded in the host
  (cmd_exec "$host" sh -c '
    d=$1
    case $d in */) mkdir -p "$d" ;; esac
    [ -d "$d" ] && d=${d%/}/$2
    mkdir -p "$(dirname "$d")" && cat >"$d.new" && chmod "$3" "$d.new" && mv "$d.new" "$d"
  ' - "$dst" "${src##*/}" "$mode") <"$src"
}
cmd_root() {
  known "${1:?}"
  echo "$(host_dir "$1")/root"
}
cmd_journal() {
  local host=${1:?}
  known "$host"
  shift
  exec journalctl -D "$(host_dir "$host")/root/var/log/journal" --no-pager "$@"
}

# ---- power and cables

cmd_reboot() {
  local host=${1:?} pid
  pid=$(leader "$host") || die "$host is not up"
  (cmd_exec "$host" systemctl reboot) || true # may lose its connection
  wait_up "$host" "$pid"
}
power_off() { # HOST: SIGKILL to everything that is in its groups
  local i pids
  for ((i = 0; i < 100; i++)); do
    pids=$(group_pids "$1")
    [[ -n $pids ]] || return 0
    # shellcheck disable=SC2086 # a list
    kill -KILL $pids 2>/dev/null || true
    sleep 0.05
  done
  die "$1 has processes that do not end: $pids"
}
cmd_kill() {
  known "${1:?}"
  power_off "$1"
}
cmd_cut() {
  known "${1:?}"
  ip -n "$BRIDGE" link set "v-$1" nomaster
}
cmd_heal() {
  known "${1:?}"
  ip -n "$BRIDGE" link set "v-$1" master br0
}
cmd_net() {
  local host=${1:?}
  shift
  exec ip netns exec "$LAB-$host" "$@"
}
cmd_status() {
  local dir host pid
  for dir in "$LAB_ROOT"/hosts/*/; do
    host=$(basename "$dir")
    if pid=$(leader "$host"); then
      printf '%-11s up   %-15s pid %s\n' "$host" "$(<"${dir}address")" "$pid"
    else
      printf '%-11s %s\n' "$host" "$(is_up "$host" && echo 'starting or stopping' || echo off)"
    fi
  done
}

# ---- the end

forget() { # HOST: every trace, whatever state it is in
  local host=$1 dir lock
  dir=$(host_dir "$host")
  power_off "$host"
  cable_down "$host"
  remove_groups "$host"
  lock=$(stat -c 'inode-%d:%i' "$dir/root" 2>/dev/null || true)
  [[ -z $lock ]] || rm -f "/run/systemd/nspawn/locks/$lock"
  drop_tree "$dir"
  rm -rf --one-file-system "/run/systemd/nspawn/propagate/$LAB-$host" \
    "/run/systemd/nspawn/unix-export/$LAB-$host"
}
all_hosts() { # also those of which only a part is left
  local x
  for x in "$LAB_ROOT"/hosts/*/ "$(main_hierarchy)/$LAB"/*/; do basename "$x"; done
  for x in /run/netns/"$LAB"-*; do
    x=${x##*/"$LAB"-}
    [[ $x == br ]] || echo "$x"
  done
}
down_all() { # [HOST...]
  local host hosts
  mapfile -t hosts < <(if (($#)); then printf '%s\n' "$@"; else all_hosts | sort -u; fi)
  for host in "${hosts[@]}"; do forget "$host"; done
  if [[ -n $(all_hosts) ]]; then
    write_hosts
    return 0
  fi
  ! have_namespace "$BRIDGE" || ip netns del "$BRIDGE"
  rmdir "$LAB_ROOT/hosts" "$LAB_ROOT" 2>/dev/null || true
}
cmd_down() {
  local host
  for host; do name_ok "$host"; done
  locked down_all "$@"
  (($#)) || rm -f "$LAB_CACHE/$LAB.guard"
}
cmd_guard() {
  local pid=${1:-$PPID} mine=$LAB_CACHE/$LAB.guard
  [[ $pid =~ ^[0-9]+$ && -d /proc/$pid ]] || die "no process $pid"
  mkdir -p "$LAB_CACHE"
  # 'down' removes it: a lab that comes later is not this guard's.
  echo "$pid $EPOCHREALTIME" >"$mine"
  # shellcheck disable=SC2016 # expanded there
  (cd / && exec setsid bash -c '
    tail --pid="$1" -f /dev/null &
    while kill -0 $! 2>/dev/null && [[ $(cat "$2" 2>/dev/null) == "$3" ]]; do sleep 1; done
    kill $! 2>/dev/null
    [[ $(cat "$2" 2>/dev/null) == "$3" ]] || exit
    # Again and again: what is left of a killed script may go on for a while.
    for ((i = 0; i < 30; i++)); do
      "$4" down
      sleep 2
      [[ ! -e $2 ]] || exit
    done
  ' - "$pid" "$mine" "$(<"$mine")" "$here/lab.sh") </dev/null >/dev/null 2>&1 &
  disown
}

# ---- can it run here

cannot() {
  echo "$*" >&2
  exit 77
}
try() { # WHAT COMMAND...: the command's last words, if it fails
  local said
  said=$("${@:2}" 2>&1) || cannot "$1: ${said##*$'\n'}"
}
try_nspawn() {
  join_groups try
  systemd-nspawn --quiet --settings=no --directory="$(base_tree)" --read-only --register=no \
    --keep-unit --machine="$LAB-try" --pipe /bin/true </dev/null
}
cmd_check() {
  local dir
  dir=$(host_dir try)
  [[ -n $BASE_SUITE ]] || cannot "this is no Debian or Ubuntu"
  trap 'locked down_all try >/dev/null 2>&1' EXIT
  try "no namespaces" unshare --mount --net --pid --fork true
  try "no network namespaces" locked cable_up try
  try "no control groups" make_groups try "$LAB_MEM"
  try "no base tree" cmd_base
  try "no containers" try_nspawn
  mkdir -p "$dir/rw" "$dir/root"
  try "no overlays" mount_disk "$dir"
}

cmd=${1:-}
case $cmd in
check | base | up | exec | push | journal | root | reboot | kill | cut | heal | net | status | \
  guard | down)
  [[ $(id -u) == 0 ]] || die "needs root"
  for tool in systemd-nspawn debootstrap ip nsenter journalctl flock; do
    command -v "$tool" >/dev/null || die "needs $tool: run scripts/packages.sh acceptance"
  done
  [[ $LAB =~ ^[a-z][a-z0-9]{0,7}$ ]] || die "bad LAB name '$LAB'"
  shift
  "cmd_$cmd" "$@"
  ;;
*)
  sed -n '/^#   lab.sh check/,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
  [[ $cmd == help ]] || exit 64
  ;;
esac
