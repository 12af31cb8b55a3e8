#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# An installation that is killed at any moment can be run again, and completes.

load helpers

setup_file() {
  need_installation
  new_host n83
}
teardown() { end_test coord n83; }

# kill_after MS HOW: SIGKILL to the script, all of it at that moment, or its host's power goes.
# 1: the installation was complete before.
kill_after() {
  local pid
  join n83 >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
  pid=$!
  sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
  if [[ $2 == power ]]; then
    lab kill n83
    lab up n83
  else
    on n83 pkill -KILL -f "$SCRIPT install|bash -s -- install" || true
  fi
  ! wait "$pid" 2>/dev/null
}

@test "11: an installation is killed at twenty random moments, and then completed" {
  # How long it takes on another host is how long killing it matters here.
  new_host n84
  in_ms exits 0 join n84
  whole=$ms
  RANDOM=$((seed = $(date +%s) % 32768))
  saw "an installation takes $took; seed $seed"
  killed=0
  steps=()
  while ((killed < 20)); do
    # The power goes at every fourth kill; every fifth half installation is taken away.
    how=$( ((killed % 4 == 3)) && echo power || echo script)
    if kill_after $((RANDOM % whole)) "$how"; then
      killed=$((killed + 1))
      step=$(grep -oE '^\[[0-9]/[0-9]\]' "$BATS_TEST_TMPDIR/output" | tail -n 1)
      steps+=("${step:-start}")
      ((killed % 5)) || take_away
    else
      take_away
    fi
  done
  saw "killed in these steps:" \
    "$(printf '%s\n' "${steps[@]}" | sort | uniq -c | tr -s ' \n' ' ')"
  in_ms exits 0 join n83
  saw "completed in $took: $(describe n83)"
  is_connected n83
  equal "$(on n83 dpkg --audit)" "" "half-installed packages"
  exits 0 join n83
  contains "$output" "Nothing to do"
  take_away
  is_unknown n83
}
take_away() {
  exits 0 installer n83 uninstall
  nothing_left n83
}
