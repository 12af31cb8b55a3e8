#!/usr/bin/env bash
# The completion offers every command and every flag that the programs in BUILD_DIR have, and the values of two flags.
# Usage: check-completion.sh BUILD_DIR
set -euo pipefail

build=$(cd "${1:?usage: check-completion.sh BUILD_DIR}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/completion/ece-programs.bash
. scripts/completion/ece-programs.bash

status=0
# offers WORD after COMMAND-LINE...: the last word given is the one being typed
offers() {
  local wanted=$1
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _ece_programs "$1"
  [[ " ${COMPREPLY[*]} " == *" $wanted "* ]] || {
    echo "after \"${*:1:$#-1}\" the completion does not offer $wanted but: ${COMPREPLY[*]}"
    status=1
  }
}

agent=$build/agent/ece-agent
coordinator=$build/coordinator/ece-coordinator
for command in run status check token leave --version; do
  offers "$command" "$agent" ''
done
for command in run reset-password --version; do
  offers "$command" "$coordinator" ''
done
for program in "$agent" "$coordinator"; do
  flags=$("$program" run --help | sed -nE 's/^ +(--[a-z-]+).*/\1/p')
  [[ -n $flags ]] || {
    echo "no flags found in $program run --help"
    status=1
  }
  for flag in $flags; do
    offers "$flag" "$program" run "${flag:0:4}"
  done
done
offers --json "$agent" status --
offers --local "$agent" leave --
offers inspect "$agent" token ''
offers allocator "$agent" run --roles al
offers --user "$coordinator" reset-password --
offers readonly "$coordinator" reset-password --user ''
offers debug "$coordinator" run --log-level ''
offers scripts "$agent" run --state-dir scr
exit "$status"
