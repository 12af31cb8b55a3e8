#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# Joins that must fail: the right message, the right exit status, and a host as it was before.

load helpers

setup_file() {
  need_installation
  new_host n82
}
teardown() { end_test coord n82; }

# join_fails STATUS HOST TOKEN PART...: with these in its words, and leaves nothing behind but the
# log that says why, which uninstall takes.
join_fails() {
  local expected=$1 host=$2 token=$3
  shift 3
  in_ms exits "$expected" join n82 --coordinator-host "$host" --roles-token "$token"
  saw "exit status $status after $took: $(reason)"
  printf "%s\n" "$output";   contains "$output" "$@"
  lacks "$output" "$token"
  exits 0 installer n82 uninstall
  nothing_left n82
  is_unknown n82
}
reason() { # the first problem in the list of those that were found, or why it stopped before
  { grep -m1 -A9 '^ *In the way' <<<"$output" | grep -m1 -oP '^ +- \K.*'; } ||
    grep -m1 "^$SCRIPT: " <<<"$output"
}
# forge CA_SHA256: a token of the right form, signed by nobody who may
forge() {
  python3 "$ECE_ROOT/tests/support/forge_token.py" '{"typ":"JWT","alg":"HS256"}' \
    "{\"sub\":\"4c8990df-1fb7-4820-b868-6bc9e8860814\",\"roles\":[\"allocator\"],
      \"iss\":\"current\",\"persistent\":true,\"ca_sha256\":\"$1\"}" --base64url-key=d3Jvbmc
}
ca_sha256() { openssl x509 -in "$(kept ca.pem)" -outform DER | sha256sum | cut -c1-64; }

@test "12: a token that is no token" {
  join_fails 3 "$COORDINATOR" not-a-token "roles token"
}

@test "12: a token that another key signed" {
  join_fails 1 "$COORDINATOR" "$(forge "$(ca_sha256)")" "not signed by this installation"
}

@test "12: a token that has been revoked" {
  reply=$(make_token)
  api DELETE "$TOKENS/$(jq -r .token_id <<<"$reply")" >/dev/null
  join_fails 1 "$COORDINATOR" "$(jq -r .token <<<"$reply")" revoked
}

@test "12: the token of another installation: another CA" {
  other=$(printf 'another' | sha256sum | cut -c1-64)
  join_fails 1 "$COORDINATOR" "$(forge "$other")" "$other" "another installation"
}

@test "12: no DNS" {
  join_fails 1 coordinator.example "$(secret allocator_only_token)" coordinator.example
}

@test "12: no coordinator there" {
  join_fails 1 192.168.40.99 "$(secret allocator_only_token)" 192.168.40.99
}

@test "12: too little room on the disk" {
  LAB_DISK=24M new_host n82
  join_fails 5 "$COORDINATOR" "$(secret allocator_only_token)" "MB are needed"
}

@test "12: a full disk" {
  exits 1 on n82 sh -c 'cat /dev/zero >/var/fill'
  remember_files n82
  join_fails 1 "$COORDINATOR" "$(secret allocator_only_token)" "disk full"
}
