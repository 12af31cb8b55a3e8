#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # helpers.bash sets the variables
# A first host, and hosts that join it by the documented command and by the Ansible role's.

load helpers

teardown() { end_test coord n78 n79 n80; }

# watch NAME TOKEN: looks for the token in all command lines and environments of the host, but
# those of the command that was typed, until `watched`, which prints where it was seen.
watch() {
  on "$1" touch /run/watching
  {
    printf 'token=%q\n' "$2"
    cat <<'WATCH'
while [[ -e /run/watching ]] && ((SECONDS < 120)); do
  for process in /proc/[0-9]*; do
    mapfile -d '' -t words <"$process/cmdline"
    mapfile -d '' -t variables <"$process/environ"
    [[ "${words[*]} ${variables[*]}" != *"$token"* ||
      ${words[*]} == *elastic-cloud-enterprise.sh* ]] || echo "${words[*]}"
  done 2>/dev/null
  sleep 0.01
done
WATCH
  } | lab exec "$1" bash -s >"$(kept "$1.watched")" &
  watcher=$!
}
watched() {
  on "$1" rm /run/watching
  wait "$watcher"
  sort -u "$(kept "$1.watched")"
}

@test "1: the first host installs, and curl as documented makes a token" {
  boot coord
  in_ms install_first
  saw "installed in $took: $(describe coord)"
  contains "$output" "https://$COORDINATOR:12443" "$SECRETS" \
    "install --coordinator-host $COORDINATOR --roles-token '$(secret allocator_only_token)'" \
    "--availability-zone $ZONE"
  runner coord '[.roles[].role_name] |
    contains(["director", "coordinator", "proxy", "allocator"])'
  allocator coord ".zone_id == \"$ZONE\" and .capacity.memory.total == $OFFERED"

  # What others read: the Ansible role the end of the log, people the secrets, with grep or jq.
  contains "$(on coord tail -n 5 "${SECRETS%/*/*}/logs/bootstrap-logs/bootstrap.log")" "$LOG_END"
  equal "$(on coord stat -c %a "$SECRETS")" 600 "mode of the secrets"
  password=$(on coord grep -oP '(?<=adminconsole_root_password":")[^"]*' "$SECRETS")
  equal "$password" "$(secret adminconsole_root_password)"

  # By the words of the documentation, but for -k: there is no need of it.
  reply=$(on coord curl --cacert /var/lib/ece-coordinator/ca.pem -sS \
    -H 'Content-Type: application/json' -u "admin:$password" \
    "https://$COORDINATOR:12443/api/v1/platform/$TOKENS" \
    -d '{ "persistent": true, "roles": [ "allocator"] }')
  id=$(jq -r .token_id <<<"$reply")
  contains "$reply" 'token": "'
  contains "$(api GET "$TOKENS")" "$id"
  saw "a token with the roles [\"allocator\"], id $id"
}

@test "2: host 192.168.40.79 joins by the documented command" {
  need_installation
  new_host n79
  token=$(secret allocator_only_token)
  watch n79 "$token"
  in_ms exits 0 join n79
  saw "joined in $took: $(describe n79)"
  allocator n79 ".allocator_id == \"192.168.40.79\" and .host_ip == \"192.168.40.79\"
    and .zone_id == \"ece-zone-1\" and .status.connected and .status.healthy
    and .capacity.memory == {total: $OFFERED, used: 0} and .instances == []"
  agent_says n79 "^connected to $COORDINATOR:12443 as allocator 192.168.40.79 .* $OFFERED MB, 0 MB"
  contains "$output" 192.168.40.79 connected

  equal "$(watched n79)" "" "command lines of processes that have the token"
  lacks "$output$(lab journal n79)" "$token"
  # What systemd handed to the agent is in memory, for the agent alone, until its next start.
  found=$(echo "$token" | lab exec n79 \
    grep -rlsF -D skip -f - /etc /var /mnt /root /run /tmp /usr/local || true)
  equal "$found" "/run/credentials/ece-agent.service/roles-token" "files that have the token"
  saw "the token is in no file on disk, no journal, no command line, no environment"
}

@test "2: the same command again changes nothing, and says so" {
  need_host n79
  pid=$(agent_pid n79)
  files_of n79 >"$BATS_TEST_TMPDIR/before"
  in_ms exits 0 join n79
  saw "$took: ${lines[*]: -1}"
  contains "$output" "Nothing to do"
  diff "$BATS_TEST_TMPDIR/before" <(files_of n79)
  equal "$(agent_pid n79)" "$pid" "the agent's process"
}

@test "2: a host that is installed and not connected is started again, whatever the cause" {
  need_host n79
  on n79 systemctl disable --now ece-agent
  wait_until 5 is_disconnected n79
  in_ms exits 0 join n79
  saw "stopped: connected again after $took"
  # An installation is not taken away because it cannot connect: here it was deleted, and the token is no good.
  on n79 systemctl stop ece-agent
  wait_until 5 is_disconnected n79
  api DELETE "infrastructure/runners/$(address_of n79)" >/dev/null
  but_log() { files_of "$1" | grep -vE '^(mnt/data/elastic/logs/|var/lib/ece-agent/lock )'; }
  but_log n79 >"$BATS_TEST_TMPDIR/before"
  exits 1 installer n79 install --coordinator-host "$COORDINATOR" --roles allocator --timeout-factor 0.1 \
    --roles-token "$(make_token | jq -r .token | sed 's/.....$/AAAAA/')"
  contains "$output" "this host is not connected" "not signed by this installation"
  diff "$BATS_TEST_TMPDIR/before" <(but_log n79)
  in_ms exits 0 join n79
  saw "deleted there: joined again after $took: $(describe n79)"
}

@test "2: the lines that the first host printed join another one as they are" {
  need_installation
  fresh_host n78
  in_ms exits 0 lab exec n78 bash -s \
    < <(grep -E '^  (curl .* -O |bash .* install )' "$(kept first.output)")
  saw "script fetched and joined in $took: $(describe n78)"
  allocator n78 ".status.connected and .zone_id == \"$ZONE\""
  cmp "$(lab root n78)/$SCRIPT" "$(kept packages)/$SCRIPT"
}

@test "3: a third host joins by the Ansible role's line, as an ordinary user with sudo" {
  need_installation
  fresh_host n80
  on n80 useradd --create-home elastic
  on n80 sh -c 'echo "elastic ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/elastic'
  lab push n80 "$(kept packages)/$SCRIPT" /home/elastic/
  on n80 chmod 755 "/home/elastic/$SCRIPT"
  token=$(make_token | jq -r .token)
  watch n80 "$token"
  in_ms exits 0 on n80 runuser -u elastic -- "/home/elastic/$SCRIPT" \
    --coordinator-host coord --roles-token "$token" --roles 'allocator' \
    --availability-zone ece-zone-1b --cloud-enterprise-version 2.0.0 \
    --docker-registry docker.elastic.co --ece-docker-repository cloud-enterprise \
    --host-storage-path /mnt/data/elastic \
    --memory-settings ' {"runner":{"xms":"128M","xmx":"128M"}}' --runner-id 192.168.40.80 \
    --podman --host-docker-host /run/podman/podman.sock --force
  saw "joined in $took: $(describe n80)"
  allocator n80 '.zone_id == "ece-zone-1b" and .status.connected'
  contains "$output" --memory-settings --podman
  equal "$(watched n80)" "" "command lines of processes that have the token"
}
