#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # helpers.bash sets the variables; every test is a subshell of its own
# A runner that an operator removes, and what its host makes of that.

load helpers

setup() {
  new_site "$BATS_TEST_TMPDIR/site"
  start_coordinator
  token=$(make_token '["allocator"]')
}
teardown() { end_test; }

remove() { api DELETE "infrastructure/runners/$1"; }
join() { start_agent "$1" --coordinator-host "127.0.0.1:$PORT" --roles-token "@$(token_file "$1" "$2")" --roles allocator; }

@test "a connected runner is not removed, an unknown one is not found, and the reader may not try" {
  join host1 "$token"
  wait_until 10 runner_is_connected host1
  remove host1
  replies 400 runners.runner_deletion_failed
  runner_is_connected host1
  remove nobody
  replies 404 runners.runner_not_found
  request DELETE /api/v1/platform/infrastructure/runners/host1 --config "$SITE/readonly.curl"
  replies 403 root.unauthorized.rbac
}

# [AC-4], [AC-5], [RT-4]: its access ends at once; the host says so and stays up; a new token joins it again.
@test "the host of a removed runner is rejected, says so, and joins again with a new token" {
  join host1 "$token"
  wait_until 10 runner_is_connected host1
  kill_hard "$agent_pid"
  wait_until 5 runner_is_disconnected host1
  remove host1
  replies 200
  equal "$(jq -c . <<<"$reply_body")" '{}'
  remove host1
  replies 404 runners.runner_not_found

  join host1 "$token"
  agent_args host1
  rejected() { "$AGENT" status "${args[@]}" --json | jq -e '.agent.state == "rejected"'; }
  wait_until 10 rejected
  runner_is_unknown host1

  token_file host1 "$(make_token '["allocator"]')" >/dev/null
  kill -HUP "$agent_pid"
  wait_until 10 runner_is_connected host1
}

@test "the audit keeps who removed it" {
  command -v sqlite3 >/dev/null || skip "no sqlite3"
  join host1 "$token"
  wait_until 10 runner_is_connected host1
  stop_gently "$agent_pid"
  wait_until 5 runner_is_disconnected host1
  remove host1
  replies 200
  stop_coordinator
  entries=$(sqlite3 "$SITE/coordinator/coordinator.db" "select value from kv where key like 'audit/%'" |
    jq -rs 'map(select(.action == "runner.deleted")) | map("\(.actor) \(.from) \(.subject)") | join(",")')
  equal "$entries" "user admin 127.0.0.1 host1"
}
