#!/usr/bin/env bash
# The option tables of the man pages come from the programs' own tables. Writes them anew between the marks in docs/man,
# or with --check says whether they are as the programs in BUILD_DIR have them.
# Usage: man-options.sh [--check] BUILD_DIR
set -euo pipefail

check=''
[[ ${1:-} != --check ]] || {
  check=yes
  shift
}
build=${1:?usage: man-options.sh [--check] BUILD_DIR}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
status=0
for program in agent/ece-agent coordinator/ece-coordinator; do
  page=$root/docs/man/$(basename "$program").8
  fresh=$(mktemp)
  {
    sed '/^\.\\" options begin/q' "$page"
    "$build/$program" --mdoc-options
    sed -n '/^\.\\" options end/,$p' "$page"
  } >"$fresh"
  if [[ -n $check ]]; then
    diff -u "$page" "$fresh" || status=1
  else
    cat "$fresh" >"$page"
  fi
  rm -f "$fresh"
done
exit "$status"
