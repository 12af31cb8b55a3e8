# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The base tree: a small system made by debootstrap, the lower layer of every host's disk and
# the content of the virtual machine's. Made once, kept in $LAB_CACHE under a name that says
# what is in it. Sourced by lab.sh and vm.sh.

# Count up when prepare_tree changes: it is part of the tree's name.
BASE_RECIPE=1
# The hosts have the machine's own release: what is built on the one is installed on the others.
BASE_SUITE=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
BASE_PACKAGES=systemd,systemd-sysv,dbus,libnss-systemd,iproute2,iputils-ping,netbase
BASE_PACKAGES+=,ca-certificates,procps,curl,jq,openssl,sudo,libfaketime

base_mirror() { # the one that the machine's own apt uses
  # shellcheck disable=SC2016 # apt-get's own words
  apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$BASE_SUITE" '$2 == suite { print $1; exit }'
}

base_packages() { # and the libraries of the project's packages: no host reaches a mirror
  local package packages=("$LAB_PACKAGES"/*.deb)
  [[ -e ${packages[0]:-} ]] || die "no packages in $LAB_PACKAGES: run scripts/package.sh"
  {
    echo "$BASE_PACKAGES"
    for package in "${packages[@]}"; do dpkg-deb -f "$package" Depends; done
  } | tr ',' '\n' | sed -E 's/[(|].*//; s/[[:blank:]]//g' | sort -u | paste -sd,
}
base_tree() { # the path that it has, or will have
  local content
  content=$({ echo "$BASE_RECIPE $BASE_SUITE" && base_packages; } | sha256sum)
  echo "$LAB_CACHE/base-${content:0:12}"
}

prepare_tree() { # TREE: what debootstrap made becomes a host's
  local tree=$1 unit
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
  rm -f "$tree/var/lib/dbus/machine-id"
  : >"$tree/etc/machine-id"
  echo '# no name server in the lab' >"$tree/etc/resolv.conf"
  echo localhost >"$tree/etc/hostname"
  mkdir -p "$tree/var/log/journal" # keeps the journal on disk
  for unit in apt-daily{,-upgrade}.timer console-getty.service getty@tty1.service; do
    ln -sfn /dev/null "$tree/etc/systemd/system/$unit"
  done
  mkdir -p "$tree/usr/local/lib/lab"
  cat >"$tree/usr/local/lib/lab/init" <<'INIT'
#!/bin/sh
# systemd-nspawn mounts the controllers of cgroup v1 read-only. systemd looks once, when it
# starts, which it may write: so this comes before it, at every boot.
for c in memory pids cpu cpuacct blkio devices; do
  [ -e /sys/fs/cgroup/$c/cgroup.procs ] && mount -o remount,bind,rw /sys/fs/cgroup/$c
done
exec /lib/systemd/systemd
INIT
  chmod 755 "$tree/usr/local/lib/lab/init"
}

make_base() { # under a lock
  local tree tmp started=$SECONDS log=$LAB_CACHE/debootstrap.log
  tree=$(base_tree)
  [[ ! -d $tree ]] || return 0
  for tmp in "$LAB_CACHE"/tmp.*; do drop_tree "$tmp"; done # of a run that was killed
  tmp=$LAB_CACHE/tmp.$$
  debootstrap --variant=minbase --include="$(base_packages)" \
    ${BASE_COMPONENTS:+--components="$BASE_COMPONENTS"} \
    "$BASE_SUITE" "$tmp" "${LAB_MIRROR:-$(base_mirror)}" >"$log" 2>&1 || {
    drop_tree "$tmp"
    die "debootstrap $BASE_SUITE: $(tail -n 1 "$log") (all of it: $log)"
  }
  prepare_tree "$tmp"
  mv "$tmp" "$tree"
  note "base tree $tree made in $((SECONDS - started)) s"
}

cmd_base() {
  mkdir -p "$LAB_CACHE"
  (
    flock 9
    make_base 9>&-
  ) 9>"$LAB_CACHE/base.lock" || exit
  base_tree
}

# ---- folders that may have mounts in them

mounts_under() {
  awk -v d="$1" '$5 == d || index($5, d "/") == 1 { print $5 }' /proc/self/mountinfo | tac
}
drop_tree() { # remove a folder of the lab's, never through a mount
  local mount
  [[ -e $1 ]] || return 0
  while read -r mount; do
    umount "$mount" 2>/dev/null || umount -l "$mount"
  done < <(mounts_under "$1")
  [[ -z $(mounts_under "$1") ]] || die "$1 still has mounts"
  rm -rf --one-file-system "$1"
}
