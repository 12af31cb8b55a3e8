#!/usr/bin/env bash
# Installs the Debian packages that this project needs; does nothing, quickly, when they are there.
# Usage: packages.sh build|test|bench|acceptance      (names are those of Debian 12 and Ubuntu 24.04)
set -euo pipefail

build=(build-essential cmake ninja-build pkg-config git
  libuv1-dev libcurl4-openssl-dev libjansson-dev libjwt-dev libsystemd-dev libssl-dev
  libmicrohttpd-dev libgnutls28-dev libsqlite3-dev libcrypt-dev
  ca-certificates curl jq openssl file)
test=(libcmocka-dev bats shellcheck clang-14 clang-format-14 clang-tidy-14 mandoc sqlite3 python3 faketime
  procps iproute2 systemd lintian)

bench=(nginx-light python3 iproute2)

# booted hosts: containers, and a virtual machine with an emulated processor
acceptance=(bats curl jq openssl procps python3 iproute2 systemd-container debootstrap
  qemu-system-x86 busybox-static kmod cpio e2fsprogs)

case ${1:-} in
build) wanted=("${build[@]}") ;;
test) wanted=("${build[@]}" "${test[@]}") ;;
bench) wanted=("${build[@]}" "${bench[@]}") ;;
acceptance) wanted=("${acceptance[@]}") ;;
*)
  echo "usage: packages.sh build|test|bench|acceptance" >&2
  exit 64
  ;;
esac

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "packages.sh: these packages are missing and there is no sudo; as root run: apt-get install ${missing[*]}" >&2
    exit 77
  }
  as_root=(sudo)
fi
echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >"$log" 2>&1
}
# Package lists are brought up to date only when the packages cannot be had without.
if ! install && ! { "${as_root[@]}" apt-get update -qq >"$log" 2>&1 && install; }; then
  cat "$log" >&2
  echo "packages.sh: the packages could not be installed; the lines above say why" >&2
  exit 69
fi
