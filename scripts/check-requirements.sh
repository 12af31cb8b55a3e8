#!/usr/bin/env bash
# Every requirement [XX-n] of docs/protocol.md is cited by at least one test, and tests cite none that is not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stated=$(grep -oE '\*\*\[[A-Z]{2}-[0-9]+\]\*\*' docs/protocol.md | tr -d '*[]' | sort -u)
cited=$(grep -rohE '\[?\b(TP|TK|TR|EN|AC|AR|HB|LV|CL|LE|RT|ST)-[0-9]+\b' tests --include='*.c' --include='*.h' --include='*.bats' |
  tr -d '[' | sort -u)
status=0
for id in $(comm -23 <(echo "$stated") <(echo "$cited")); do
  echo "$id is stated in docs/protocol.md, but no test cites it"
  status=1
done
for id in $(comm -13 <(echo "$stated") <(echo "$cited")); do
  echo "$id is cited by a test, but docs/protocol.md does not state it"
  status=1
done
exit "$status"
