#!/usr/bin/env bash
# Measures what docs/performance.md promises: each figure a ratio of two numbers from this run, on the loopback, in under two
# minutes. Exit 0 only when every figure was measured and is within its budget.
# Usage: bench.sh [--json] [NAME]...
#   NAME: agent-memory join-time beat-cost list-10000 agent-cpu      (all of them by default)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
log=$root/build/bench.log

for word in "$@"; do
  if [[ $word == --help || $word == -h ]]; then
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
  fi
done
"$root/scripts/packages.sh" bench
mkdir -p "$root/build"
if ! { cmake -S "$root" --preset release -DECE_BENCH=ON && cmake --build "$build"; } >"$log" 2>&1; then
  grep -E 'error|FAILED|Error' "$log" | head -n 20 >&2
  echo "bench.sh: the build failed; all of it is in $log" >&2
  exit 1
fi
unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY CREDENTIALS_DIRECTORY
exec python3 "$root/tests/bench/bench.py" "$build" "$@"
