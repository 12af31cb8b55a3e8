#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# Newer packages on the first host and on the others, the way back from ones that do not work, and
# a new password.

load helpers

teardown() { end_test coord n79; }

# repacked FOLDER VERSION [BROKEN]: the packages of this build under another version; BROKEN: the
# agent in them ends at once.
repacked() {
  local folder deb tree
  folder=$(kept "$1")
  mkdir -p "$folder"
  for deb in "$(kept packages)"/*.deb; do
    tree=$(mktemp -d "$BATS_TEST_TMPDIR/tree.XXXX")
    dpkg-deb -R "$deb" "$tree"
    sed -i "s/^Version: .*/Version: $2/" "$tree/DEBIAN/control"
    if [[ -n ${3:-} && -e $tree/usr/bin/ece-agent ]]; then
      printf '#!/bin/sh\nexit 1\n' >"$tree/usr/bin/ece-agent"
    fi
    dpkg-deb --root-owner-group -b "$tree" \
      "$folder/$(basename "$deb" | sed "s/_[^_]*_/_$2_/")" >/dev/null
  done
  (cd "$folder" && sha256sum -- *.deb >SHA256SUMS)
}
# shellcheck disable=SC2016 # for dpkg-query
version_of() { on "$1" dpkg-query -W -f '${Version}' "$2"; }

@test "upgrade: the first host takes newer packages and hands them on to the others" {
  need_host n79
  repacked newer 9.0.0
  lab push coord "$(kept newer)" /tmp/newer
  exits 0 installer coord upgrade --package-dir /tmp/newer
  equal "$(version_of coord ece-coordinator) $(version_of coord ece-agent)" "9.0.0 9.0.0"
  wait_until 10 is_connected coord
  in_ms exits 0 installer n79 upgrade
  equal "$(version_of n79 ece-agent)" 9.0.0
  saw "upgraded in $took: $(describe n79)"
  allocator n79 .status.connected
  exits 0 installer n79 upgrade
  contains "$output" "Nothing to do"
  exits 0 join n79
  contains "$output" "Nothing to do"
}

@test "upgrade: packages with which the host is not connected are taken back" {
  need_host n79
  before=$(version_of n79 ece-agent)
  repacked broken 9.9.0 broken
  lab push n79 "$(kept broken)" /tmp/broken
  in_ms exits 1 installer n79 upgrade --package-dir /tmp/broken --timeout-factor 0.1
  saw "exit status 1 after $took: $(grep -o "The upgrade was taken back.*" <<<"$output")"
  contains "$output" "The upgrade was taken back"
  equal "$(version_of n79 ece-agent)" "$before"
  wait_until 10 is_connected n79
  agent_says n79 '^connected to '
}

@test "upgrade: an older package is refused, and nothing changed" {
  need_host n79
  before=$(version_of n79 ece-agent)
  repacked older 1.0.0
  lab push n79 "$(kept older)" /tmp/older
  exits 1 installer n79 upgrade --package-dir /tmp/older
  contains "$output" "older than what is installed"
  equal "$(version_of n79 ece-agent)" "$before"
  is_connected n79
}

@test "reset-adminconsole-password: the new one is right, the old one wrong, and nobody is disconnected" {
  need_host n79
  since=$(cursor coord)
  cp "$(kept admin.curl)" "$(kept old.curl)"
  exits 0 installer coord reset-adminconsole-password
  keep_credentials
  api GET infrastructure/runners >/dev/null
  [[ $(lab net coord curl -sS -o /dev/null -w '%{http_code}' --config "$(kept old.curl)" \
    --cacert "$(kept ca.pem)" "https://$COORDINATOR:12443/api/v1/platform") == 401 ]]
  exits 0 installer coord reset-adminconsole-password --user readonly --pwd 'a "new" \one'
  equal "$(on coord cat "$SECRETS" | jq -r .adminconsole_readonly_password)" 'a "new" \one'
  wait_until 10 is_connected n79
  ! journal_has coord "disconnected: 192.168.40.79" --after-cursor "$since" ||
    fail "n79 was called disconnected"
}
