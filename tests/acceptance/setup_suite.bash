# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Before the first test: the project's packages, the base tree of the hosts, and a guard that
# takes the lab down however this run ends. After the last: the same by itself.

# shellcheck source=tests/acceptance/helpers.bash
. "${BASH_SOURCE[0]%/*}/helpers.bash"

setup_suite() {
  # A lab of its own for every run: two at once do not meet.
  export LAB=ece$(($$ % 100000))
  lab guard $$
  mkdir "$(kept packages)"
  "$ECE_ROOT/scripts/package.sh"
  cp "$ECE_ROOT"/build/packages/* "$(kept packages)/"
  lab base
}

teardown_suite() {
  lab down
}
