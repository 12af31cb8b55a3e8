#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# Roles tokens as the platform API makes, lists and deletes them.

load helpers

setup_file() {
  export KEEPER=$BATS_FILE_TMPDIR
  new_site "$BATS_FILE_TMPDIR/site"
  start_coordinator
}
teardown_file() { end_file; }
teardown() { end_test; }

create() { api_json POST "$TOKENS_PATH" "$1"; }
# claim NAME: of the token in the last reply.
claim() { json '.token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d' | jq -r ".$1"; }
token_ids() {
  api GET "$TOKENS_PATH"
  json '[.tokens[].token_id] | sort | join(" ")'
}
# probe TOKEN: what the coordinator thinks of it. [EN-8]
probe() { request GET /agent/v1/runner-ids/probe -H "Authorization: Bearer $1"; }

@test "the list of a new installation shows the three tokens of the bootstrap" {
  api GET "$TOKENS_PATH"
  replies 200
  equal "$(json '[.tokens[].roles | sort | join("+")] | sort | join(",")')" \
    ",allocator,coordinator+director+proxy"
  # They are the ones of bootstrap-secrets.json, whose names of fields people's scripts read.
  for name in bootstrap_runner_roles_token allocator_only_token emergency_all_roles_except_allocator_token; do
    probe "$(jq -r ".$name" "$SITE/coordinator/bootstrap-secrets.json")"
    replies 200
  done
  # The texts of tokens are shown once, when they are made.
  equal "$(json '.tokens // [] | map(has("token")) | any')" false
}

@test "a persistent token has an id, no end, and is listed with its roles" {
  create '{"persistent": true, "roles": ["allocator", "proxy"]}'
  replies 200
  id=$(json .token_id)
  equal "$(claim sub)" "$id"
  equal "$(claim persistent)" true
  equal "$(claim exp)" null
  api GET "$TOKENS_PATH"
  equal "$(json ".tokens[] | select(.token_id == \"$id\") | .roles | sort | join(\",\")")" allocator,proxy
}

@test "an ephemeral token has no id, ends after an hour and is not listed" {
  before=$(token_ids)
  create '{"persistent": false, "roles": ["allocator"]}'
  replies 200
  equal "$(json 'has("token_id")')" false
  equal "$(claim persistent)" null
  left=$(($(claim exp) - $(date +%s)))
  ((left > 3590 && left <= 3601)) || fail "it ends in $left s"
  probe "$(json .token)"
  replies 200
  equal "$(token_ids)" "$before"
}

@test "validity_in_seconds sets the end of an ephemeral token" {
  create '{"persistent": false, "roles": [], "validity_in_seconds": 120}'
  replies 200
  left=$(($(claim exp) - $(date +%s)))
  ((left > 110 && left <= 121)) || fail "it ends in $left s"
  for bad in 0 -5 1.5 '"60"' 99999999999999; do
    create "{\"persistent\": false, \"roles\": [], \"validity_in_seconds\": $bad}"
    replies 400 enrollment_tokens.invalid_token_request
  done
}

@test "a token that has ended is refused as expired" {
  # [TK-3]
  create '{"persistent": false, "roles": [], "validity_in_seconds": 1}'
  replies 200
  token=$(json .token)
  probe_is_expired() {
    probe "$token"
    replies 401 agent.roles_token_expired
  }
  wait_until 4 probe_is_expired
}

@test "roles may be null, empty or absent: a token without roles" {
  for body in '{"persistent": true, "roles": null}' '{"persistent": true, "roles": []}' '{"persistent": true}'; do
    create "$body"
    replies 200
    equal "$(claim 'roles | length')" 0
  done
}

@test "bad requests are refused with the documented code and make nothing" {
  before=$(token_ids)
  for body in '{"persistent": true, "roles": ["chief"]}' '{"persistent": true, "roles": ["allocator", 7]}' \
    '{"persistent": true, "roles": "allocator"}' '{"persistent": "yes", "roles": []}' '{"roles": ["allocator"]}' \
    '{"persistent": true, "roles": [], "validity_in_seconds": 60}' '[]' 'null' '' '{' '{"persistent": true} x'; do
    create "$body"
    replies 400 enrollment_tokens.invalid_token_request || fail "body: $body"
  done
  create '{"persistent": true, "roles": ["chief"]}'
  contains "$(json '.errors[0].message')" chief
  equal "$(token_ids)" "$before"
}

@test "a token can be deleted by its id, once" {
  create '{"persistent": true, "roles": ["allocator"]}'
  id=$(json .token_id) token=$(json .token)
  probe "$token"
  replies 200
  api DELETE "$TOKENS_PATH/$id"
  replies 200
  equal "$(jq -c . <<<"$reply_body")" '{}'
  api DELETE "$TOKENS_PATH/$id"
  replies 404 enrollment_tokens.invalid_token_id
  probe "$token"
  replies 401 agent.roles_token_revoked # [TK-3]
  lacks "$(token_ids)" "$id"
}

@test "a token can be deleted by its whole text, once" {
  create '{"persistent": true, "roles": ["allocator"]}'
  id=$(json .token_id) token=$(json .token)
  api DELETE "$TOKENS_PATH/$token"
  replies 200
  api DELETE "$TOKENS_PATH/$token"
  replies 404 enrollment_tokens.invalid_token_id
  probe "$token"
  replies 401 agent.roles_token_revoked
  lacks "$(token_ids)" "$id"
}

@test "a text that is no token and an id that is nobody's are 404" {
  for name in nonsense 00000000-0000-4000-8000-000000000000 a.b.c '%2e%2e' "$(printf 'x%.0s' {1..300})"; do
    api DELETE "$TOKENS_PATH/$name"
    [[ $reply_status == 404 ]] || fail "$name: $reply_status"
  done
}

@test "a restart forgets no token and brings none back" {
  create '{"persistent": true, "roles": ["proxy"]}'
  kept=$(json .token_id) kept_token=$(json .token)
  create '{"persistent": true, "roles": ["proxy"]}'
  deleted=$(json .token_id) deleted_token=$(json .token)
  api DELETE "$TOKENS_PATH/$deleted"
  replies 200
  before=$(token_ids)
  contains "$before" "$kept"
  # What was answered is durable: the hardest of stops loses none of it.
  kill_hard "$(coordinator_pid)"
  start_coordinator
  equal "$(token_ids)" "$before"
  probe "$kept_token"
  replies 200
  probe "$deleted_token"
  replies 401 agent.roles_token_revoked
}
