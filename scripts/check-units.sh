#!/usr/bin/env bash
# The units hold what they promise: systemd takes every line (verify says nothing), the sandbox keeps its score, and
# systemd-sysusers makes the users that they name. Needs neither root nor a running systemd.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# exposure times ten, as systemd-analyze --threshold wants it
declare -A most=([ece-agent]=13 [ece-coordinator]=20)

if ! command -v systemd-analyze >/dev/null; then
  echo "SKIPPED: the units were not checked: systemd-analyze is not here (package systemd)"
  exit 0
fi
status=0
complain() {
  echo "$1"
  status=1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cp systemd/*.slice "$tmp"
for unit in "${!most[@]}"; do
  # verify wants a program that is there
  sed 's,@CMAKE_INSTALL_FULL_BINDIR@/[a-z-]*,/bin/true,' "systemd/$unit.service.in" >"$tmp/$unit.service"
  if grep -n '@[A-Z_]*@' "$tmp/$unit.service"; then
    complain "$unit.service.in: the lines above have a name that the build would have to fill in"
  fi
done

# An unknown key is only a warning and exit status 0: whatever it says is a fault.
for unit in "$tmp"/*.service "$tmp"/*.slice; do
  said=$(SYSTEMD_UNIT_PATH=$tmp: systemd-analyze verify --man=no "$unit" 2>&1) ||
    complain "${unit##*/}: systemd-analyze verify failed"
  [[ -z $said ]] || complain "${unit##*/}: ${said//$tmp\//}"
done

for unit in "${!most[@]}"; do
  if said=$(systemd-analyze security --offline=true --no-pager --threshold="${most[$unit]}" "$tmp/$unit.service" 2>&1); then
    tail -n 1 <<<"$said"
  else
    complain "$unit.service: exposed more than ${most[$unit]} tenths:"$'\n'"$(grep -e '✗' -e '→' <<<"$said" || echo "$said")"
  fi
done

if command -v systemd-sysusers >/dev/null && systemd-sysusers --help | grep -q -- --dry-run; then
  mkdir -p "$tmp/root/etc"
  for unit in "${!most[@]}"; do
    said=$(systemd-sysusers --dry-run --root="$tmp/root" "$PWD/systemd/$unit.sysusers" 2>&1) || complain "$unit.sysusers: $said"
    user=$(sed -n 's/^User=//p' "$tmp/$unit.service")
    [[ $said == *"user '$user'"* ]] || complain "$unit.sysusers does not make the user $user of $unit.service: $said"
  done
else
  echo "note: there is no systemd-sysusers --dry-run here: the users were not checked"
fi
exit "$status"
