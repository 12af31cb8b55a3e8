#!/usr/bin/env bash
# The message ids of common/base/message_ids.h, the journal catalogs in systemd/ and the calls of log_event belong together:
# every id is used, explained exactly once, and documented in docs/operations.md; journalctl takes the catalogs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

header=common/base/message_ids.h
catalogs=(systemd/*.catalog)
status=0
complain() {
  echo "$1"
  status=1
}

declare -A name_of=()
while read -r name id; do
  [[ $id =~ ^[0-9a-f]{32}$ ]] || complain "$header: $name: \"$id\" is not 32 lower-case hexadecimal digits"
  [[ ! -v name_of[$id] ]] || complain "$header: $name has the id of ${name_of[$id]}"
  name_of[$id]=$name
  grep -rqw --include='*.c' "$name" agent common coordinator || complain "$header: nothing says $name"
  grep -q "$id" docs/operations.md || complain "docs/operations.md: $name ($id) is not there"
  count=$(cat "${catalogs[@]}" | grep -cx -- "-- $id" || true)
  ((count == 1)) || complain "$name ($id) is explained $count times in ${catalogs[*]}"
done < <(sed -nE 's/^#define (MESSAGE_[A-Z_]+) "(.*)"$/\1 \2/p' "$header")
((${#name_of[@]} > 0)) || complain "$header: no ids found"

while read -r _ id _; do
  [[ -v name_of[$id] ]] || complain "${catalogs[*]}: $header has no $id"
done < <(cat "${catalogs[@]}" | grep '^-- ')

if command -v journalctl >/dev/null; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  mkdir -p "$root/usr/lib/systemd/catalog" "$root/var/lib/systemd/catalog"
  cp "${catalogs[@]}" "$root/usr/lib/systemd/catalog"
  said=$(journalctl --update-catalog --root="$root" 2>&1) || complain "journalctl --update-catalog failed"
  [[ -z $said ]] || complain "journalctl --update-catalog: $said"
  list=$(journalctl --list-catalog --root="$root" 2>/dev/null || true)
  for id in "${!name_of[@]}"; do
    [[ $list == *"$id"* ]] || complain "journalctl does not find ${name_of[$id]} ($id) in the catalogs"
  done
else
  echo "note: journalctl is not here: it was not asked whether it takes the catalogs"
fi
exit "$status"
