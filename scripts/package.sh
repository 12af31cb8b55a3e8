#!/usr/bin/env bash
# Builds the Debian packages and the tarball into build/packages, puts the installer and SHA256SUMS beside them (all that a host
# without a network needs), and prints their names and SHA-256. Does nothing but print when nothing has changed.
# Usage: package.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/package
out=$root/build/packages
installer=elastic-cloud-enterprise.sh
stamp=$build/packaged-from
log=$build/package.log

(($# == 0)) || {
  echo "usage: package.sh" >&2
  exit 64
}
fail() {
  echo "package.sh: $1; the end of $log:" >&2
  tail -n 20 "$log" >&2
  exit 1
}

"$root/scripts/packages.sh" build
mkdir -p "$build" "$out"

# The same sources give the same bytes: times are those of the last commit.
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CMakeLists.txt")
export SOURCE_DATE_EPOCH

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DECE_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr >"$log" 2>&1 ||
  fail "the build could not be configured"
cmake --build "$build" >>"$log" 2>&1 || fail "the build failed"

# What goes into the packages, as one number.
content=$({
  echo "$SOURCE_DATE_EPOCH"
  cd "$root"
  cat "$build"/agent/ece-agent "$build"/coordinator/ece-coordinator "$build"/CPackConfig.cmake
  find systemd packaging "scripts/$installer" scripts/completion docs/man "$build/packaging" -type f -print0 | sort -z | xargs -0 cat
} | sha256sum)

if [[ $(cat "$stamp" 2>/dev/null) != "$content" ]] || ! (cd "$out" && sha256sum --quiet --check SHA256SUMS) >/dev/null 2>&1; then
  rm -f "$out"/*.deb "$out"/*.tar.gz "$out/$installer" "$out/SHA256SUMS" "$stamp"
  (cd "$build" && umask 022 && cpack -B "$out") >>"$log" 2>&1 || fail "the packages could not be made"
  rm -rf "$out/_CPack_Packages"
  install -m 0755 "$root/scripts/$installer" "$out/$installer"
  (cd "$out" && sha256sum -- *.deb *.tar.gz "$installer" >SHA256SUMS)
  echo "$content" >"$stamp"
fi
cat "$out/SHA256SUMS"
