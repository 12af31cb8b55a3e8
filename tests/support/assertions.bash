# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What all bats tests share: waiting for what must become true, and saying what is not. Every
# wait polls and has a deadline.

# ---- waiting

now_ms() {
  local us=${EPOCHREALTIME/[.,]/}
  echo "${us%???}"
}

# wait_until SECONDS COMMAND...: until it succeeds. Says what did not come true.
wait_until() {
  local seconds=$1 end
  shift
  end=$(($(now_ms) + seconds * 1000))
  until "$@" >/dev/null 2>&1; do
    if (($(now_ms) > end)); then
      echo "not within $seconds s: $*" >&2
      return 1
    fi
    sleep 0.05
  done
}

# holds_for MS COMMAND...: it is true the whole time.
holds_for() {
  local ms=$1 end
  shift
  end=$(($(now_ms) + ms))
  while (($(now_ms) < end)); do
    if ! "$@" >/dev/null 2>&1; then
      echo "not true all the $ms ms: $*" >&2
      return 1
    fi
    sleep 0.05
  done
}

not() { ! "$@"; }

# ---- saying what is wrong

fail() {
  printf '%s\n' "$@" >&2
  return 1
}

# equal ACTUAL EXPECTED [WHAT]
equal() { [[ $1 == "$2" ]] || fail "${3:-value}: expected \"$2\", got \"$1\""; }

# contains TEXT PART...: every part stands in the text.
contains() {
  local text=$1 part
  shift
  for part in "$@"; do
    [[ $text == *"$part"* ]] || fail "\"$part\" is not in:" "$text" || return 1
  done
}

lacks() {
  local text=$1 part
  shift
  for part in "$@"; do
    [[ $text != *"$part"* ]] || fail "\"$part\" is in:" "$text" || return 1
  done
}

# exits STATUS COMMAND...: stdout and stderr are in $output.
exits() {
  local expected=$1
  shift
  run "$@"
  # shellcheck disable=SC2154
  [[ $status == "$expected" ]] || fail "exit status $status, not $expected: $*" "$output"
}
