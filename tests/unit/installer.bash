# shellcheck shell=bash
# shellcheck disable=SC2034 # the script's variables
# SPDX-License-Identifier: Apache-2.0
# What the installer's unit tests share: the script's functions in this shell, with every path that they write to below the
# test's own directory. No test here installs anything, and only those that call need_root need it.

ECE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
INSTALLER=$ECE_ROOT/scripts/elastic-cloud-enterprise.sh

# shellcheck source=tests/support/assertions.bash
. "$ECE_ROOT/tests/support/assertions.bash"
# shellcheck source=scripts/elastic-cloud-enterprise.sh
. "$INSTALLER"

# What setup calls: the state of a run that has just begun.
new_run() {
  local dir=$BATS_TEST_TMPDIR
  set_defaults
  STATE=$dir/state ARTIFACTS=$dir/artifacts STORAGE=$dir/storage WORK=$dir/work
  AGENT_CONFIG=$dir/etc/agent.conf AGENT_TOKEN=$dir/etc/roles-token AGENT_CA=$dir/etc/coordinator-ca.pem
  COORDINATOR_STATE=$dir/coordinator COORDINATOR_CONFIG=$dir/etc/coordinator.conf
  COMMAND=install
  mkdir -p "$STATE" "$WORK" "$dir/etc"
  cd "$dir" || return 1
}

# Runs a command as the script runs: unset variables are errors, failures are not. In a subshell, for it may end the shell.
as_script() (
  set +e -uo pipefail
  "$@"
)

need_root() { ((EUID == 0)) || skip "only root can do this"; }

# Nobody's mistake shows as a message of bash itself.
no_bash_error() { lacks "$output" "unbound variable" "syntax error" "command not found" "bad substitution" "too great for base" "line "; }

# parse WORD...: go_on up to the point where privileges would be taken; then what it understood, one a line.
parse() {
  take_privileges() {
    show_parsed
    exit 0
  }
  run as_script go_on "$@"
}
show_parsed() {
  local name
  echo "COMMAND=$COMMAND FACTOR=$FACTOR STORAGE=$STORAGE"
  for name in "${!OPT[@]}"; do echo "$name=${OPT[$name]}"; done | sort
  for name in "${!SECRET[@]}"; do echo "secret $name=${SECRET[$name]}"; done | sort
  for name in "${!IGNORED[@]}"; do echo "ignored $name=${IGNORED[$name]}"; done | sort
  ((${#ARGUMENTS[@]} == 0)) || printf 'argument <%s>\n' "${ARGUMENTS[@]}"
}

# understood LINE...: every line is among what parse understood.
understood() {
  local line
  [[ $status == 0 ]] || fail "refused with $status:" "$output" || return 1
  for line; do grep -qxF -- "$line" <<<"$output" || fail "\"$line\" is not in:" "$output" || return 1; done
}

# refused STATUS PART...: with that exit status, and all these in the message
refused() {
  local expected=$1
  shift
  [[ $status == "$expected" ]] || fail "exit status $status, not $expected:" "$output" || return 1
  no_bash_error && contains "$output" "$@"
}

# ---- tokens

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# token_of CLAIMS: a roles token that says so; nobody signed it
token_of() { printf '%s.%s.%s' "$(printf '{"typ":"JWT","alg":"HS256"}' | base64url)" "$(printf '%s' "$1" | base64url)" c2lnbmF0dXJl; }
GOOD_CLAIMS='{"sub":"c0ffee00-1111-4222-8333-444455556666","roles":["allocator","proxy","director","coordinator"],"iss":"current","persistent":true}'
