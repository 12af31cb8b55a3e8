#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# Lists with a query and the searches, as curl and ecctl ask for them.

load helpers

# alpha and gamma in zone-a, beta in zone-b; beta is gone.
setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR AGENTS=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
  make_token '["allocator"]' >"$SITE/token"
  join alpha --availability-zone zone-a --capacity 1000 --allocator-tags disk:ssd
  join beta --availability-zone zone-b --capacity 2000 --allocator-tags disk:hdd
  kill_hard "$agent_pid"
  join gamma --availability-zone zone-a --capacity 3000 --allocator-tags disk:hdd,rack:7
  wait_until 10 runner_is_disconnected beta
}
teardown_file() { end_file; }
teardown() {
  coordinator_answers >/dev/null
  end_test
}

# list KIND PARAMETER...: GET the allocators or runners, each parameter (q=...) encoded by curl.
list() {
  local kind=$1 options=() parameter
  shift
  for parameter in "$@"; do options+=(--data-urlencode "$parameter"); done
  api GET "infrastructure/$kind" -G "${options[@]}"
}
# search KIND BODY
search() { api_json POST "infrastructure/$1/_search" "$2"; }
# found IDS: the ids of the last reply, as they come.
found() {
  replies 200 || return 1
  equal "$(json '[.zones[]?.allocators[].allocator_id, .runners[]?.runner_id] | join(" ")')" "$1" "found"
}
# refused CODE WORDS: the last request, with a message that has the words.
refused() {
  replies 400 "$1" || return 1
  contains "$(json '.errors[0].message')" "$2"
}

@test "a list has what its q matches" {
  list allocators
  found "alpha gamma beta"
  list allocators 'q=status.connected:true'
  found "alpha gamma"
  list allocators 'q=NOT status.connected:true'
  found "beta"
  list allocators 'q=status.maintenance_mode:true'
  found ""
  list allocators 'q=zone_id:zone-a AND metadata.value:(ssd OR 7) AND capacity.memory.total:[2000 TO *]'
  found "gamma"
  list allocators 'q=allocator_id:*a AND _exists_:metadata.key AND capacity.memory.total:<3000'
  found "alpha beta"
  list runners 'q=connected:false'
  found "beta"
  list runners 'q=tags.rack:7'
  found "gamma"
}

@test "a list is sorted, then cut, then grouped by zone" {
  list allocators 'sort=capacity.memory.total:desc'
  found "gamma alpha beta"
  equal "$(json '[.zones[].zone_id] | join(" ")')" "zone-a zone-b"
  list allocators 'sort=capacity.memory.total' from=1 size=1
  found "beta"
  list allocators 'sort=allocator_id' size=2
  found "alpha beta"
  list allocators 'q=zone_id:zone-a' from=1
  found "gamma"
  list allocators from=3
  found ""
}

@test "the searches of ecctl find what it asks for" {
  regional=/api/v1/regions/ece-region/platform/infrastructure
  request GET "$regional/allocators?q=status.maintenance_mode%3Afalse&size=100" --config "$SITE/admin.curl"
  found "alpha gamma beta"
  request POST "$regional/allocators/_search" --config "$SITE/admin.curl" -H 'Content-Type: application/json' \
    -H 'Accept: application/json' -d '{"query":{"term":{"allocator_id":{"value":"beta"}}},"sort":null}'
  found "beta"
  equal "$(json '.zones[0].allocators[0].status.connected')" false
  request POST "$regional/runners/_search" --config "$SITE/admin.curl" -H 'Content-Type: application/json' \
    -d '{"query":{"query_string":{"query":"connected:true"}},"sort":null}'
  found "alpha gamma"
}

@test "a search without a query finds all, with a body or without" {
  for kind in allocators runners; do
    all="alpha gamma beta"
    [[ $kind == allocators ]] || all="alpha beta gamma"
    api POST "infrastructure/$kind/_search"
    found "$all"
    for body in '{}' '{"query": null, "sort": null}' '{"query": {"match_all": {}}, "from": 0, "size": 100}'; do
      search "$kind" "$body"
      found "$all"
    done
  done
  search allocators '{"sort": [{"capacity.memory.total": {"order": "desc"}}], "from": 1, "size": 1}'
  found "beta"
}

@test "one element of a nested list meets all clauses" {
  both='{"term": {"metadata.key": "rack"}}, {"term": {"metadata.value": "hdd"}}'
  search allocators "{\"query\": {\"bool\": {\"must\": [$both]}}}"
  found "gamma"
  search allocators "{\"query\": {\"nested\": {\"path\": \"metadata\", \"query\": {\"bool\": {\"must\": [$both]}}}}}"
  found ""
}

@test "the user readonly may search" {
  for kind in allocators runners; do
    request POST "/api/v1/platform/infrastructure/$kind/_search" --config "$SITE/readonly.curl"
    replies 200
    request GET "/api/v1/platform/infrastructure/$kind?q=zone-a" --config "$SITE/readonly.curl"
    replies 200
    request POST "/api/v1/platform/infrastructure/$kind/_search"
    replies 401 root.unauthenticated
  done
}

@test "a malformed q or sort is refused with the place" {
  list allocators 'q=status.connected:(true'
  refused allocators.search_failed "at character "
  list allocators 'q=a AND "b'
  refused allocators.search_failed "at character 7"
  list runners 'q=)'
  refused runners.search_failed "at character 1"
  list allocators "q=$(printf '(%.0s' {1..2000})"
  refused allocators.search_failed "at character "
  list allocators 'sort=zone_id:up'
  refused allocators.search_failed sort
  list allocators size=-1
  refused root.bad_request "query parameter size"
  api GET 'infrastructure/allocators?q=%FF'
  replies 400 root.bad_request
}

@test "a malformed search is refused with its path" {
  while IFS='|' read -r body words; do
    search allocators "$body"
    refused allocators.search_failed "$words" || fail "body: $body"
    search runners "$body"
    refused runners.search_failed "$words" || fail "body: $body"
  done <<'BODIES'
[]|must be an object
{"limit": 1}|limit: unknown member
{"size": "ten"}|size: must be an integer
{"from": -1}|from: must be from 0 to 100000
{"cursor": "abc"}|cursor
{"sort": "zone_id"}|sort: must be an array
{"query": "zone_id:a"}|query
{"query": {"fuzzy": {"zone_id": "a"}}}|query: unknown query
{"query": {"bool": {"must": [{}, {"term": {"zone_id": []}}]}}}|query.bool.must[1].term
{"query": {"query_string": {"query": "zone_id:["}}}|at character
BODIES
}

@test "a hostile search is refused and changes nothing" {
  body=$BATS_TEST_TMPDIR/body
  while read -r status code program; do
    python3 -c "import sys; sys.stdout.buffer.write($program)" >"$body"
    api_json POST infrastructure/allocators/_search "@$body"
    replies "$status" "$code" || fail "$program"
  done <<'BODIES'
400 root.bad_request b'{"query":' + b'{"bool":{"must":[' * 3000
400 root.bad_request b'[' * 60000
400 root.bad_request b'{"query":{"term":{"zone_id":"\xff\xfe"}}}'
400 root.bad_request b'{"size":1e999}'
400 root.bad_request b'{"size":' + b'9' * 5000 + b'}'
400 allocators.search_failed b'{"query":{"bool":{"should":[' + b'{},' * 2000 + b'{}]}}}'
400 allocators.search_failed b'{"query":{"term":{"zone_id":"' + b'x' * 50000 + b'"}}}'
400 allocators.search_failed b'{"' + b'k' * 60000 + b'":1}'
413 root.payload_too_large b' ' * 70000
BODIES
  list allocators
  found "alpha gamma beta"
}
