#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# What only a machine of its own with cgroup v2 shows. The virtual machine joins the lab's
# installation; what is looked at stands in vm-payload.sh, which runs in it.

load helpers

setup_file() {
  need_installation
  # Its kernel comes from the machine's mirror once; without it there is nothing to boot.
  "$ECE_ROOT/tests/acceptance/lab/vm.sh" build >"$(kept vm.log)" 2>&1 || true
}
teardown() { end_test coord; }

@test "14: capacity, limits and instances on a virtual machine with cgroup v2" {
  why=$(sed -n 's/^vm: \(no kernel\|is made\)/\1/p' "$(kept vm.log)")
  [[ -z $why ]] || skip "$why"
  mkdir "$BATS_TEST_TMPDIR/payload"
  cp "$ECE_ROOT/tests/acceptance/vm-payload.sh" "$BATS_TEST_TMPDIR/payload/run.sh"
  cp "$ECE_ROOT/tests/support/assertions.bash" "$(kept packages)/$SCRIPT" "$(kept ca.pem)" \
    "$(kept admin.curl)" "$BATS_TEST_TMPDIR/payload/"
  (umask 077 && secret allocator_only_token >"$BATS_TEST_TMPDIR/payload/token")
  in_ms exits 0 "$ECE_ROOT/tests/acceptance/lab/vm.sh" run "$(address_of n90)" \
    "$BATS_TEST_TMPDIR/payload" 3>&- 4>&-
  while IFS= read -r line; do saw "$line"; done < <(sed -n 's/^saw: //p' <<<"$output")
  saw "all of it, from boot to power-off, in $took"
  within 5 is_disconnected n90
}
