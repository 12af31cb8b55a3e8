#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# What a host that has nothing but curl fetches from the coordinator.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR SHELF=$BATS_FILE_TMPDIR/artifacts
  new_site "$BATS_FILE_TMPDIR/site"
  mkdir "$SHELF"
  head -c 700000 /dev/urandom >"$SHELF/ece-agent_2.0.0~rc1+b1_amd64.deb"
  printf '#!/usr/bin/env bash\necho installing\n' >"$SHELF/elastic-cloud-enterprise.sh"
  : >"$SHELF/empty"
  (cd "$SHELF" && sha256sum -- *.deb *.sh empty >SHA256SUMS)
  start_coordinator --artifacts-dir "$SHELF"
}
teardown_file() { end_file; }
setup() { export KEEPER=$BATS_TEST_TMPDIR AGENTS=$BATS_TEST_TMPDIR; }
teardown() { end_test; }

# fetch PATH FILE [CURL_OPTION...]
fetch() { curl -fsS --max-time 30 --cacert "$SITE/coordinator/ca.pem" "${@:3}" -o "$2" "https://127.0.0.1:$PORT$1"; }

@test "a host finds the packages by their index and checks them" {
  # [AR-1] [AR-4]
  cd "$BATS_TEST_TMPDIR"
  fetch /artifacts/SHA256SUMS SHA256SUMS
  while read -r _ name; do
    fetch "/artifacts/$name" "$name"
  done <SHA256SUMS
  sha256sum --strict --check SHA256SUMS
  equal "$(wc -l <SHA256SUMS)" 3 "files in the index"
}

@test "each kind of file has its type, and HEAD tells it without the file" {
  # [AR-3] [AR-5]
  while read -r path type size; do
    for options in "" --head; do
      # shellcheck disable=SC2086 # none is none
      fetch "$path" "$BATS_TEST_TMPDIR/body" -D "$BATS_TEST_TMPDIR/headers" $options
      headers=$(tr -d '\r' <"$BATS_TEST_TMPDIR/headers")
      grep -qix "content-type: ${type/_/ }" <<<"$headers" || fail "$path has another type:" "$headers"
      grep -qix "content-length: $size" <<<"$headers" || fail "$path has another length:" "$headers"
    done
  done <<LIST
/artifacts/ece-agent_2.0.0~rc1+b1_amd64.deb application/vnd.debian.binary-package 700000
/artifacts/elastic-cloud-enterprise.sh text/x-shellscript;_charset=utf-8 36
/elastic-cloud-enterprise.sh text/x-shellscript;_charset=utf-8 36
/artifacts/SHA256SUMS text/plain;_charset=utf-8 $(stat -c %s "$SHELF/SHA256SUMS")
/artifacts/empty application/octet-stream 0
LIST
  equal "$(bash <(fetch /elastic-cloud-enterprise.sh -))" installing
}

@test "nothing but the files of the directory is served, and there is no listing" {
  # [AR-1] [AR-2]
  ln -s /etc/passwd "$SHELF/passwd"
  mkdir "$SHELF/more"
  echo x >"$SHELF/more/x"
  for path in /artifacts /artifacts/ /artifacts/. /artifacts/.. /artifacts/../artifacts/SHA256SUMS /artifacts/more/x; do
    request GET "$path" --path-as-is
    replies 404 root.not_found
  done
  for name in passwd more nothing .hidden %2e%2e%2fsite%2fcoordinator%2fca.pem more%2fx; do
    request GET "/artifacts/$name" --path-as-is
    replies 404 artifacts.artifact_not_found
  done
  request PUT /artifacts/SHA256SUMS
  replies 405 root.method_not_allowed
  # What is there and not served is told to the operator.
  grep -q 'not served: .*/passwd' "$SITE/coordinator.log"
}

@test "a file that is replaced while it is fetched arrives whole, as the old one" {
  # [AR-1]
  cd "$BATS_TEST_TMPDIR"
  head -c 12000000 /dev/urandom >"$SHELF/large"
  old=$(fingerprint "$SHELF/large")
  fetch /artifacts/large old --limit-rate 6M 3>&- &
  fetching=$!
  wait_until 5 test -s old
  echo new >"$SHELF/large.new"
  mv "$SHELF/large.new" "$SHELF/large"
  alive "$fetching"
  wait "$fetching"
  equal "$(fingerprint old)" "$old" "what arrived"
  fetch /artifacts/large new
  equal "$(cat new)" new
}

@test "a coordinator without artifacts says what an operator does about it" {
  new_site "$BATS_TEST_TMPDIR/site"
  start_coordinator --artifacts-dir "$BATS_TEST_TMPDIR/nowhere"
  request GET /elastic-cloud-enterprise.sh
  replies 404 artifacts.artifact_not_found
  contains "$(json '.errors[0].message')" "artifacts directory" "elastic-cloud-enterprise.sh install"
}
