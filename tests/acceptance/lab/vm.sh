#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A virtual machine on the lab's bridge (qemu with an emulated processor: KVM is not needed):
# the base tree with a kernel of its own and cgroup v2 alone, whatever the machine has. It runs
# one payload and ends.
#
#   vm.sh build                  kernel, initrd and disk image, if they are not in the cache
#   vm.sh run ADDRESS FOLDER     boot; in the VM, as root: bash ./run.sh in a copy of FOLDER;
#                                its output here, and its exit status
#
# Environment: LAB, LAB_CACHE, LAB_PACKAGES as for lab.sh; VM_MEM (MiB, 512), VM_TIME (seconds
# until it is ended, 180).
set -euo pipefail
shopt -s nullglob

here=$(dirname "$(readlink -f "$0")")
LAB=${LAB:-lab}
LAB_CACHE=${LAB_CACHE:-/var/cache/ece-acceptance}
LAB_PACKAGES=${LAB_PACKAGES:-$here/../../../build/packages}
GATEWAY=192.168.40.1

die() {
  echo "vm: $*" >&2
  exit 1
}
# shellcheck source=tests/acceptance/lab/base.bash
. "$here/base.bash"
# shellcheck source=tests/acceptance/lab/groups.bash
. "$here/groups.bash"

image_dir() {
  local tree
  tree=$(base_tree)
  echo "$LAB_CACHE/vm-${tree##*-}"
}

get_kernel() { # FOLDER: unpacked in FOLDER/k, its version in $version
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ { print $2; exit }')
  [[ -n $package ]] || die "no kernel: apt knows no linux-image-cloud-amd64"
  (cd "$1" && apt-get -q download "$package" >apt.log 2>&1 && dpkg -x "$package"_*.deb k) ||
    die "no kernel: $(tail -n 1 "$1/apt.log")"
  version=$(ls "$1/k/lib/modules")
  depmod -b "$1/k" "$version"
}

make_initrd() { # FOLDER: virtio, and then the real root; ext4 is built in
  local dir=$1 module path
  mkdir -p "$dir/i"/{bin,m,new,proc,dev}
  cp "$(command -v busybox)" "$dir/i/bin/busybox"
  for module in virtio_pci virtio_blk virtio_net; do
    modprobe -d "$dir/k" -S "$version" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$dir/modules"
  while read -r path; do
    cp "$path" "$dir/i/m/"
    basename "$path"
  done <"$dir/modules" >"$dir/i/order"
  cat >"$dir/i/init" <<'INIT'
#!/bin/busybox sh
B=/bin/busybox
$B mount -t devtmpfs d /dev; $B mount -t proc p /proc
while read m; do $B insmod /m/$m; done </order
i=0; while [ ! -b /dev/vda ] && [ $i -lt 100 ]; do $B sleep 0.1; i=$((i+1)); done
$B mount -t ext4 /dev/vda /new
$B mount --move /dev /new/dev; $B umount /proc
exec $B switch_root /new /lib/systemd/systemd
INIT
  chmod 755 "$dir/i/init"
  (cd "$dir/i" && find . | cpio -o -H newc --quiet) | gzip -1 >"$dir/initrd"
}

make_root() { # FOLDER: the disk's content
  local root=$1/root unit system
  cp -a "$(base_tree)" "$root"
  system=$root/etc/systemd/system
  echo vm >"$root/etc/hostname"
  # There is neither udev nor kmod in it: one would be waited for, the other fail.
  for unit in serial-getty@ttyS0.service kmod-static-nodes.service; do
    ln -s /dev/null "$system/$unit"
  done
  cat >"$system/payload.service" <<UNIT
[Unit]
After=multi-user.target
DefaultDependencies=no
[Service]
Type=exec
StandardOutput=file:/dev/ttyS1
StandardError=inherit
Environment=HOME=/root LANG=C.UTF-8
ExecStart=/bin/bash /usr/local/lib/lab/payload
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT
  cat >"$root/usr/local/lib/lab/payload" <<PAYLOAD
address=\$(sed -n 's/.*lab.address=\\([^ ]*\\).*/\\1/p' /proc/cmdline)
ip link set eth0 up && ip addr add "\$address/24" dev eth0 &&
  ip route add default via $GATEWAY && mkdir -p /run/payload &&
  tar -C /run/payload -xf /dev/vdb && cd /run/payload && bash ./run.sh
echo "payload rc=\$?"
PAYLOAD
  mkdir -p "$system/graphical.target.wants"
  ln -s ../payload.service "$system/graphical.target.wants/"
}

make_image() { # under a lock
  local out tmp version
  out=$(image_dir)
  [[ ! -d $out ]] || return 0
  "$here/lab.sh" base >/dev/null
  tmp=$LAB_CACHE/tmp.vm.$$
  # shellcheck disable=SC2064 # now
  trap "rm -rf '$tmp'" EXIT
  mkdir -p "$tmp/image"
  get_kernel "$tmp"
  make_initrd "$tmp"
  make_root "$tmp"
  mv "$tmp/initrd" "$tmp/image/initrd"
  mv "$tmp/k/boot/vmlinuz-$version" "$tmp/image/vmlinuz"
  truncate -s 2G "$tmp/image/root.img"
  mkfs.ext4 -q -F -d "$tmp/root" "$tmp/image/root.img"
  mv "$tmp/image" "$out"
}

cmd_build() {
  [[ $(dpkg --print-architecture) == amd64 ]] || die "is made for amd64 only"
  mkdir -p "$LAB_CACHE"
  (
    flock 9
    make_image 9>&-
  ) 9>"$LAB_CACHE/vm.lock" || exit
}

cmd_run() {
  local address=${1:?vm.sh run ADDRESS FOLDER} folder=${2:?} image tmp rc
  cmd_build
  image=$(image_dir)
  tmp=$(mktemp -d)
  # shellcheck disable=SC2064 # now
  trap "rm -rf '$tmp'; ip -n $LAB-br link del vm0 2>/dev/null || true" EXIT
  tar -C "$folder" -cf "$tmp/payload.tar" .
  ip netns exec "$LAB-br" ip tuntap add vm0 mode tap
  ip -n "$LAB-br" link set vm0 master br0 up
  (
    join_groups vm # `lab.sh down` ends what is in there
    exec ip netns exec "$LAB-br" timeout --foreground "${VM_TIME:-180}" \
      qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "${VM_MEM:-512}" -M pc \
      -nodefaults -display none -no-reboot -kernel "$image/vmlinuz" -initrd "$image/initrd" \
      -append "console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 lab.address=$address" \
      -drive "file=$image/root.img,format=raw,if=virtio,snapshot=on" \
      -drive "file=$tmp/payload.tar,format=raw,if=virtio,readonly=on" \
      -serial "file:$tmp/console" -serial "file:$tmp/out" \
      -netdev tap,id=n,ifname=vm0,script=no,downscript=no -device virtio-net-pci,netdev=n,romfile=
  ) </dev/null || echo "vm: qemu ended with $?" >&2
  remove_groups vm
  tr -d '\r' <"$tmp/out" | grep -a -v '^payload rc=' || true
  rc=$(tr -d '\r' <"$tmp/out" | sed -n 's/^payload rc=//p')
  [[ -n $rc ]] || {
    tail -c 2000 "$tmp/console" >&2
    die "the payload did not finish"
  }
  return "$rc"
}

case ${1:-} in
build | run)
  [[ $(id -u) == 0 ]] || die "needs root"
  cmd=$1
  shift
  "cmd_$cmd" "$@"
  ;;
*)
  sed -n '/^#   vm.sh build/,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
  exit 64
  ;;
esac
