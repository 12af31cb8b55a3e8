#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# What was installed goes without a trace, and at last so does the lab.

load helpers

teardown() { end_test coord n79; }

# gone NAME: files, packages, units, processes
gone() {
  nothing_left "$1"
  equal "$(on "$1" dpkg-query -W 'ece-*' 2>/dev/null || true)" "" packages
  equal "$(on "$1" systemctl list-units --all --plain --no-legend 'ece*')" "" units
  equal "$(on "$1" pgrep -af ece- || true)" "" processes
  equal "$(on "$1" systemctl is-system-running)" running
}

@test "10: uninstall takes a host out of the installation, and leaves nothing behind" {
  need_host n79
  in_ms exits 0 installer n79 uninstall
  saw "uninstalled in $took: ${lines[*]: -1}"
  is_unknown n79
  gone n79
}

@test "10: the first host is not uninstalled while others depend on it, but with --force" {
  need_host n80
  exits 1 installer coord uninstall
  contains "$output" "other host" --force
  is_connected coord
  in_ms exits 0 installer coord uninstall --force
  saw "uninstalled in $took: ${lines[*]: -1}"
  gone coord
  rm -f "$(kept admin.curl)"
}

@test "the lab is taken down, and nothing of it is left" {
  in_ms lab down
  nothing_of_lab "$LAB"
  saw "taken down in $took: no process, control group, mount, namespace or folder is left"
}
