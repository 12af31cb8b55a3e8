#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Joins this host to an installation, or makes it the first host of a new one; upgrades it and takes it out again.
# `elastic-cloud-enterprise.sh help` lists commands and flags, docs/install.md explains them.
#
# One file, because a new host gets nothing else: bash 4.2, curl, openssl and the host's own package manager do the rest. It is
# all functions, and the last line calls main: a download that was cut off runs nothing. Read from nothing but its arguments
# and files, so it works as `bash <(curl ...)`. Its rooms, in the order in which an installation passes through them:
#
#   words        what is shown, what is logged, how it fails
#   arguments    flags and values, before anything else is done
#   privileges   to root, and with the secrets out of the process list
#   journal      every change is written down before it is made: rollback, resuming and uninstall read the same list
#   checks       everything that is wrong, in one list
#   token        what the roles token says of itself
#   trust        which CA is the installation's
#   packages     from where, verified how, installed
#   service      configuration, start, waiting until it is true
#   commands     install, upgrade, uninstall, reset-adminconsole-password, help
#
# "a && b || die" is meant as it stands: either failure is fatal.
# shellcheck disable=SC2015

set_defaults() {
  PROGRAM=elastic-cloud-enterprise.sh
  STATE=/var/lib/ece-installer         # journal, installed, installation, packages/, saved/
  ARTIFACTS=/var/lib/ece-artifacts     # what the coordinator of the first host serves to the others
  COORDINATOR_STATE=/var/lib/ece-coordinator
  AGENT_CONFIG=/etc/ece-agent/agent.conf
  AGENT_TOKEN=/etc/ece-agent/roles-token
  AGENT_CA=/etc/ece-agent/coordinator-ca.pem
  COORDINATOR_CONFIG=/etc/ece-coordinator/coordinator.conf
  PORT=12443
  ALL_ROLES=director,coordinator,proxy,allocator
  LC_ALL=C                             # [a-z] in patterns means ASCII, whatever the caller's language
  declare -gA OPT SECRET IGNORED       # the first bash 4.2 made them local when they had a value here
  OPT=()                               # flags that were given, without "--"
  SECRET=()                            # those whose values must not be seen
  IGNORED=()                           # flags of the original that have no meaning here
  ARGUMENTS=()
  HANDED_OVER=''
  FACTOR=100                           # --timeout-factor in hundredths
  STORAGE=/mnt/data/elastic
  LOG_FD='' EARLY_LOG=() WORK='' COMMAND=''
  UNDO_ON_EXIT='' GO_BACK='' RESTART='' # what a run that ends too early has to put right
  STEP=0 STEPS=0
  PROBLEMS=() PROBLEM_STATUS=0 WARNINGS=() BLOCKED=''
  SCRIPT_DIR='' HOST_IP='' COORDINATOR='' CA_SHA256='' TOKEN_CLAIMS=''
}

# ---- words --------------------------------------------------------------------------------------------------------------------

log() { # LEVEL TEXT
  local line
  printf -v line '[%(%Y-%m-%d %H:%M:%S)T][%-5s][installer] %s' -1 "$1" "$2"
  if [[ -n $LOG_FD ]]; then printf '%s\n' "$line" >&"$LOG_FD"; else EARLY_LOG+=("$line"); fi
}
say() {
  printf '%s\n' "$*"
  log INFO "$*"
}
step() {
  STEP=$((STEP + 1))
  say "[$STEP/$STEPS] $*"
}
detail() { say "      $*"; }
debug() {
  [[ -z ${OPT[debug]:-} ]] || printf '      . %s\n' "$*"
  log DEBUG "$*"
}
complain() { # TEXT [REMEDY]
  printf '%s: %s\n' "$PROGRAM" "$1" >&2
  log ERROR "$1"
  [[ -z ${2:-} ]] || {
    printf '  -> %s\n' "$2" >&2
    log ERROR "-> $2"
  }
}
die() { # STATUS TEXT [REMEDY]
  complain "$2" "${3:-}"
  exit "$1"
}

# seconds N: N times --timeout-factor, at least 1
seconds() {
  local n=$((($1 * FACTOR + 99) / 100))
  echo $((n > 0 ? n : 1))
}

# logged COMMAND...: its output goes to the log (to the screen too with --debug) and stays in $WORK/output for show_output.
logged() {
  local status line
  debug "run: $*"
  "$@" >"$WORK/output" 2>&1
  status=$?
  while IFS= read -r line; do debug "  $line"; done <"$WORK/output"
  ((status == 0)) || debug "exit status $status"
  return "$status"
}
show_output() { tail -n "${1:-12}" "$WORK/output" | sed 's/^/      | /' >&2; }

# within SECONDS COMMAND...: until it succeeds; 1 when the time is over
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# ---- arguments ----------------------------------------------------------------------------------------------------------------

# flag_kind COMMAND FLAG: value, secret, switch; "ignored-" before what is accepted for compatibility and has no meaning here.
flag_kind() {
  case $2 in
  --debug) echo switch && return ;;
  --timeout-factor) echo value && return ;;
  esac
  case $1:$2 in
  install:--roles-token) echo secret ;;
  install:--coordinator-host | install:--roles | install:--host-storage-path | install:--runner-id | install:--host-ip | \
    install:--availability-zone | install:--capacity | install:--external-hostname | install:--allocator-tags | \
    install:--coordinator-ca | install:--package-dir | install:--proxy) echo value ;;
  install:--force | install:--dry-run) echo switch ;;
  install:--host-docker-host | install:--cloud-enterprise-version | install:--docker-registry | \
    install:--ece-docker-repository | install:--memory-settings | install:--api-base-url | \
    install:--proxy-protocol-version | install:--proxy-tags | install:--environment-metadata | install:--config-file | \
    install:--client-forwarder-observers-tag | install:--latest-stack-pre-release | \
    install:--previous-stack-pre-release) echo ignored-value ;;
  install:--overwrite-existing-image | install:--podman | install:--selinux | install:--proxy-protocol-lenient | \
    install:--skip-cloud-enterprise-version-check) echo ignored-switch ;;
  upgrade:--package-dir) echo value ;;
  upgrade:--dry-run) echo switch ;;
  upgrade:--pass) echo ignored-secret ;;
  upgrade:--cloud-enterprise-version | upgrade:--docker-registry | upgrade:--ece-docker-repository | \
    upgrade:--host-docker-host | upgrade:--user | upgrade:--secrets | upgrade:--api-base-url | \
    upgrade:--skip-steps) echo ignored-value ;;
  upgrade:--overwrite-existing-image | upgrade:--podman | upgrade:--selinux | upgrade:--force-upgrade | \
    upgrade:--skip-pending-plan-check | upgrade:--disable-rollback) echo ignored-switch ;;
  uninstall:--local | uninstall:--force | uninstall:--dry-run) echo switch ;;
  reset-adminconsole-password:--pwd) echo secret ;;
  reset-adminconsole-password:--user | reset-adminconsole-password:--secrets | \
    reset-adminconsole-password:--host-storage-path) echo value ;;
  reset-adminconsole-password:--host-docker-host) echo ignored-value ;;
  reset-adminconsole-password:--podman) echo ignored-switch ;;
  esac
}

trimmed() {
  local text=$1
  text=${text#"${text%%[![:space:]]*}"}
  printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# shown WORD: what can be repeated of a word that we do not know: it may be a secret whose flag was mistyped
shown() {
  local word=${1%%=*}
  case $word in *eyJ*) word=${word%%eyJ*}eyJ... ;; esac
  printf '%s' "${word:0:40}"
}

# bad_argument TEXT: the value that offends stands in it; a secret never does
bad_argument() { die 3 "$COMMAND: $1" "$PROGRAM help lists the flags"; }

take_flag() { # KIND NAME VALUE
  case $1 in
  secret) SECRET[$2]=$3 ;;
  ignored-secret) SECRET[$2]='' IGNORED[$2]='(not kept)' ;;
  ignored-*) IGNORED[$2]=$3 ;;
  *) OPT[$2]=$3 ;;
  esac
}

# ARGUMENTS is left with everything but the secrets, for the process that goes on in our place.
parse_arguments() {
  local kind name value
  while (($#)); do
    case $1 in help | --help)
      usage
      exit 0
      ;;
    --?*=*) [[ -z $(flag_kind "$COMMAND" "${1%%=*}") ]] ||
      bad_argument "${1%%=*} and its value are two arguments: write \"${1%%=*} VALUE\"" ;;
    esac
    kind=$(flag_kind "$COMMAND" "$1")
    [[ -n $kind ]] || bad_argument "unknown argument \"$(shown "$1")\""
    name=${1#--}
    if [[ $kind == *switch ]]; then
      take_flag "$kind" "$name" yes
      ARGUMENTS+=("$1")
      shift
      continue
    fi
    value=$(trimmed "${2:-}")
    [[ -n $value && $value != --* ]] || bad_argument "$1 has no value"
    [[ $kind != ignored-value ]] || value=${value//[[:cntrl:]]/ } # JSON over several lines
    [[ $value != *[[:cntrl:]]* ]] || bad_argument "the value of $1 has control characters in it"
    take_flag "$kind" "$name" "$value"
    [[ $kind == *secret ]] || ARGUMENTS+=("$1" "$2")
    shift 2
  done
}

# need NAME PATTERN WHAT: the value, if given, matches the whole pattern
need() {
  [[ -z ${OPT[$1]:-} || ${OPT[$1]} =~ ^($2)$ ]] || bad_argument "--$1 \"${OPT[$1]}\" is not $3"
}

normalise_roles() {
  local role list=()
  IFS=', ' read -r -a list <<<"${OPT[roles]}"
  OPT[roles]=''
  for role in ${list[@]+"${list[@]}"}; do
    case $role in
    director | coordinator | proxy | allocator) OPT[roles]+=${OPT[roles]:+,}$role ;;
    '' | beats-runner | services-forwarder) ;; # every host has these
    *) bad_argument "--roles: \"$role\" is none of director, coordinator, proxy, allocator" ;;
    esac
  done
}

parse_factor() {
  local whole part
  need timeout-factor '[0-9]{1,3}(\.[0-9]{1,3})?' 'a number such as 1.5'
  IFS=. read -r whole part <<<"${OPT[timeout-factor]:-1}"
  part=${part:-0}00
  FACTOR=$((10#$whole * 100 + 10#${part:0:2}))
  ((FACTOR > 0)) || bad_argument "--timeout-factor must be at least 0.01"
}

check_values() {
  local name
  parse_factor
  need host-storage-path '/.*' 'an absolute path'
  [[ /${OPT[host-storage-path]:-}/ != */../* ]] || bad_argument "--host-storage-path must not have \"..\" in it"
  STORAGE=${OPT[host-storage-path]:-$STORAGE}
  need runner-id '[A-Za-z0-9][A-Za-z0-9._:-]{0,127}' 'a runner id (letters, digits, ". _ - :", at most 128)'
  need availability-zone '[A-Za-z0-9][A-Za-z0-9._-]{0,63}' 'a zone (letters, digits, ". _ -", at most 64)'
  need host-ip '[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*' 'an IP address'
  need capacity '[0-9]{3,10}' 'a number of MB (at least 256)'
  [[ -z ${OPT[capacity]:-} ]] || ((10#${OPT[capacity]} >= 256)) || bad_argument "--capacity ${OPT[capacity]} is below 256 MB"
  [[ -z ${OPT[coordinator-host]:-} ]] || OPT[coordinator-host]=${OPT[coordinator-host]// /}
  need coordinator-host '[][A-Za-z0-9.:,_-]{1,1024}' 'a name or address (HOST, HOST:PORT, [IPV6]:PORT)'
  need external-hostname '[A-Za-z0-9.:,_-]{1,1024}' 'a list of names and addresses'
  need proxy 'http://[^[:space:]/@]+/?' 'a URL such as http://proxy:3128, without a password'
  need user 'admin|readonly|[A-Za-z0-9._-]{1,64}' 'a user name'
  for name in coordinator-ca secrets; do
    [[ $COMMAND == upgrade || -z ${OPT[$name]:-} || -r ${OPT[$name]} ]] || bad_argument "--$name ${OPT[$name]} cannot be read"
  done
  [[ -z ${OPT[package-dir]:-} || -d ${OPT[package-dir]} ]] || bad_argument "--package-dir ${OPT[package-dir]} is no directory"
  [[ -z ${OPT[roles]:-} ]] || normalise_roles
}

check_install_values() {
  if [[ -n ${OPT[coordinator-host]:-} ]]; then
    [[ -n ${SECRET[roles-token]:-} ]] ||
      bad_argument "--coordinator-host needs --roles-token: a host cannot join without one"
    read_token_file
    check_token
    set_aside external-hostname
  else
    set_aside coordinator-ca proxy roles
    [[ -z ${SECRET[roles-token]:-} ]] ||
      bad_argument "--roles-token needs --coordinator-host: which installation shall it join?"
  fi
}

# Flags that mean something, but not on this kind of host, join those that mean nothing.
set_aside() { # NAME...
  local name
  for name; do
    [[ -n ${OPT[$name]:-} ]] || continue
    IGNORED[$name]=${OPT[$name]}
    unset "OPT[$name]"
  done
}

# --roles-token @FILE: read by who calls us, not by root in their place
read_token_file() {
  local file=${SECRET[roles-token]#@} text
  [[ ${SECRET[roles-token]} == @* ]] || return 0
  [[ -f $file && -r $file ]] || bad_argument "--roles-token @$file: no such file, or it cannot be read"
  IFS= read -r -d '' -n 16384 text <"$file" || true
  text=$(trimmed "$text")
  [[ -n $text ]] || bad_argument "--roles-token @$file: the file is empty"
  SECRET[roles-token]=$text
}

# ---- privileges ---------------------------------------------------------------------------------------------------------------

# What a process that goes on in our place has to be told: all functions, and the secrets. It reads them from a pipe, so they
# stand in no command line and no file.
handed_program() {
  local name
  declare -f
  echo 'set -uo pipefail; set_defaults; HANDED_OVER=yes'
  printf 'SCRIPT_DIR=%q\n' "$SCRIPT_DIR"
  for name in "${!SECRET[@]}"; do printf 'SECRET[%q]=%q\n' "$name" "${SECRET[$name]}"; done
  for name in "${!IGNORED[@]}"; do printf 'IGNORED[%q]=%q\n' "$name" "${IGNORED[$name]}"; done
  echo 'go_on "$@" </dev/null; exit'
}

# The service needs root (the original must not be root: it needs its container engine's group). An ordinary user gets there
# with sudo; root itself only starts anew when a secret stands in its command line.
take_privileges() {
  local sudo=(sudo -n)
  [[ -z $HANDED_OVER ]] || return 0
  if ((EUID == 0)); then
    ((${#SECRET[@]})) || return 0
    exec bash -s -- "$COMMAND" ${ARGUMENTS[@]+"${ARGUMENTS[@]}"} < <(handed_program)
  fi
  command -v sudo >/dev/null ||
    die 4 "$COMMAND needs root, and there is no sudo here" "run it as root: su - -c 'bash $PROGRAM $COMMAND ...'"
  if ! sudo -n true 2>/dev/null; then
    [[ -r /dev/tty && -w /dev/tty ]] && (: </dev/tty) 2>/dev/null ||
      die 4 "$COMMAND needs root: sudo asks for a password, and there is no terminal" "run it as root, or permit sudo without password"
    echo "$PROGRAM: $COMMAND needs root: sudo may ask for your password"
    sudo=(sudo)
  fi
  exec "${sudo[@]}" -- bash -s -- "$COMMAND" ${ARGUMENTS[@]+"${ARGUMENTS[@]}"} < <(handed_program)
}

# As root: nothing of the caller's environment, and nothing readable for others unless it is meant to be.
secure_environment() {
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export PATH LC_ALL=C
  unset BASH_ENV ENV CDPATH CURL_HOME CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR OPENSSL_CONF
  IFS=$' \t\n'
  umask 077
}

owner() { echo "${SUDO_UID:-0}:${SUDO_GID:-0}"; }

# One run at a time. The one before us may have taken $STATE away with the lock in it: then what we hold is nobody's.
take_lock() {
  [[ -L $STATE ]] && die 1 "$STATE is a symbolic link" "look who made it, and remove it"
  until [[ $STATE/lock -ef /dev/fd/9 ]]; do
    mkdir -p "$STATE" || die 1 "$STATE cannot be made"
    chown 0:0 "$STATE" && chmod 0700 "$STATE" || die 1 "$STATE cannot be made root's own"
    exec 9>"$STATE/lock" || die 1 "$STATE/lock cannot be made: is the disk full?" "make room there"
    flock -n 9 || {
      echo "Another run of this script is under way on this host; waiting for it ..."
      flock -w "$(seconds 120)" 9 || die 1 "another run of this script is still under way" "see: fuser -v $STATE/lock"
    }
  done
}

begin_as_root() {
  secure_environment
  take_lock
  rm -rf --one-file-system "$STATE"/work.*
  WORK=$(mktemp -d "$STATE/work.XXXXXX") || die 1 "no working directory can be made in $STATE: is the disk full?" \
    "make room in $(df -P "$STATE" | awk 'NR == 2 { print $6 }')"
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 141' PIPE
}

# The end of every run, whatever ended it.
finish() {
  local status=$?
  trap - EXIT
  trap '' HUP INT TERM PIPE
  [[ -z $RESTART ]] || systemctl start "$RESTART"
  if ((status != 0)); then
    # shellcheck disable=SC2086 # names
    [[ -z $GO_BACK ]] || (go_back $GO_BACK)
    [[ -z $UNDO_ON_EXIT ]] || roll_back
  fi
  [[ -z $LOG_FD ]] || {
    log INFO "$COMMAND ends with exit status $status"
    printf '[%(%Y-%m-%d %H:%M:%S)T][INFO ][no.found.util.LogApplicationExit$] Application is exiting {}\n' -1 >&"$LOG_FD"
  }
  [[ -z $WORK ]] || rm -rf --one-file-system "$WORK"
  # nothing to remember: do not stay on a host where nothing was done
  [[ -s $STATE/journal || -s $STATE/installed || -e $STATE/installation ]] || rm -rf --one-file-system "$STATE"
  exit "$status"
}

# ---- journal ------------------------------------------------------------------------------------------------------------------

# Each line says how one change is taken back, and is on disk before the change is made. $STATE/journal is this run's (or that
# of a run that was killed); what was completed stands in $STATE/installed, for uninstall.
record_change() { # KIND ARG...
  local IFS=$'\t'
  ! grep -qsxF -- "$*" "$STATE/journal" "$STATE/installed" || return 0
  # a line that a full disk or a lost power cut off stays by itself
  [[ -z $(tail -c 1 "$STATE/journal" 2>/dev/null) ]] || echo >>"$STATE/journal"
  printf '%s\n' "$*" >>"$STATE/journal" && sync "$STATE/journal" 2>/dev/null ||
    die 1 "$STATE/journal cannot be written: is the disk full?" "make room, and run the same command again"
}

# make_dir PATH MODE [KIND]: with what is missing above it
make_dir() {
  local parent=${1%/*}
  [[ ! -d $1 ]] || return 0
  [[ -z $parent || -d $parent ]] || make_dir "$parent" 0755 "${3:-dir}"
  record_change "${3:-dir}" "$1"
  mkdir -m "$2" -- "$1" || die 1 "$1 cannot be made" "see that its file system is writable and has room"
}

# put_file PATH MODE [OWNER]: standard input becomes PATH in one step; a symbolic link there is replaced, not followed. What a
# kill leaves half written is found again by its name.
put_file() {
  if [[ -e $1 || -L $1 ]]; then keep_file "$1"; else record_change file "$1"; fi
  replace_file "$@"
}
replace_file() { # PATH MODE [OWNER]
  local new
  new=$(half_written "$1")
  # by its descriptor: who owns the folder may exchange the name for a link at any moment
  rm -f -- "$new" && (
    set -C
    umask 077
    exec 7>"$new" && cat >&7 && chmod "$2" /proc/self/fd/7 && chown "${3:-0:0}" /proc/self/fd/7 && sync /proc/self/fd/7
  ) && mv -fT -- "$new" "$1" && return 0
  rm -f -- "$new"
  die 1 "$1 cannot be written: is the disk full?" "make room there, and run the same command again"
}
half_written() { echo "${1%/*}/.${1##*/}.new"; }

# keep_file PATH: a copy of what was there before us, once
keep_file() {
  local copy
  copy=$STATE/saved/${1//\//_}
  ! grep -qsxF -- "file"$'\t'"$1" "$STATE/journal" "$STATE/installed" || return 0
  ! grep -qsxF -- "restore"$'\t'"$1"$'\t'"$copy" "$STATE/journal" || return 0
  mkdir -p "$STATE/saved" && cp -aT -- "$1" "$copy.new" && mv -fT -- "$copy.new" "$copy" ||
    die 1 "$1 cannot be kept in $STATE/saved: is the disk full?"
  record_change restore "$1" "$copy"
}

undo_change() { # KIND ARG...
  case $1 in
  dir | log-dir) rmdir -- "$2" 2>/dev/null ;;
  file | log-file) rm -f -- "$2" "$(half_written "$2")" ;;
  tree) rm -rf --one-file-system -- "$2" ;;
  restore)
    rm -f -- "$(half_written "$2")"
    [[ ! -e $3 && ! -L $3 ]] || [[ ! -d ${2%/*} ]] || cp -aT --remove-destination -- "$3" "$2"
    ;;
  package)
    purge_package "$2"
    return
    ;;
  dependency) purge_dependency "$2" ;;
  user) ! getent passwd "$2" >/dev/null || logged userdel "$2" ;;
  service) undo_service "$2" ;;
  esac
  return 0
}

# undo_changes FILE [SKIP-PATTERN]: the newest first. What could not be taken back stays in FILE; 1 then.
undo_changes() {
  local line fields lines=() failed=() i
  [[ -s $1 ]] || return 0
  while IFS= read -r line; do lines+=("$line"); done <"$1"
  for ((i = ${#lines[@]} - 1; i >= 0; i--)); do
    # shellcheck disable=SC2053 # a pattern
    [[ -z ${2:-} || ${lines[i]} != $2 ]] || continue
    IFS=$'\t' read -r -a fields <<<"${lines[i]}"
    debug "take back: ${fields[*]}"
    undo_change "${fields[@]}" 9>&- || failed=("${lines[i]}" ${failed[@]+"${failed[@]}"})
  done
  ((${#failed[@]})) || return 0
  printf '%s\n' ${failed[@]+"${failed[@]}"} >"$1.new" && mv -f "$1.new" "$1"
  return 1
}

# What was there before is there again; only the log stays, and the note that it is ours.
roll_back() {
  local lines left=''
  UNDO_ON_EXIT=''
  [[ -s $STATE/journal ]] || return 0
  lines=$(grep -s '^log-' "$STATE/journal")
  if grep -qv '^log-' "$STATE/journal"; then
    echo "Putting back what was there before ..." >&2
    log INFO "putting back what was there before"
    undo_changes "$STATE/journal" 'log-*' || left=$(cat "$STATE/journal")
  fi
  [[ -z $lines$left ]] || printf '%s\n' ${lines:+"$lines"} ${left:+"$left"} >>"$STATE/installed"
  rm -f "$STATE/journal"
  [[ $(recorded state) == complete ]] || rm -rf --one-file-system "$STATE/installation" "$STATE/saved" "$STATE/packages"
  systemctl daemon-reload 2>/dev/null
  if [[ -n $left ]]; then
    complain "some of it could not be taken back" "when nothing is in the way any more: $PROGRAM uninstall"
  else
    echo "This host is as it was. The log stays: $STORAGE/logs/bootstrap-logs/bootstrap.log" >&2
  fi
}

# complete_changes: from now on they are the installation's, and uninstall takes them back
complete_changes() {
  { cat "$STATE/installed" "$STATE/journal" 2>/dev/null || true; } | awk '!seen[$0]++' >"$STATE/installed.new" &&
    sync "$STATE/installed.new" && mv -f "$STATE/installed.new" "$STATE/installed" && sync "$STATE" ||
    die 1 "$STATE/installed cannot be written: is the disk full?" "make room, and run the same command again"
  rm -f "$STATE/journal"
  UNDO_ON_EXIT=''
}

# The installation record: key=value, one a line, never sourced. Secrets do not stand in it.
show_record() { # begun|complete
  local name
  echo "state=$1"
  echo "kind=$(install_kind)"
  echo "storage=$STORAGE"
  for name in $(printf '%s\n' "${!OPT[@]}" | sort); do
    case $name in debug | force | dry-run | timeout-factor | package-dir) ;; *) echo "flag.$name=${OPT[$name]}" ;; esac
  done
  for name in $(printf '%s\n' "${!IGNORED[@]}" | sort); do echo "ignored.$name=${IGNORED[$name]}"; done
}
write_record() { # begun|complete
  show_record "$1" >"$STATE/installation.new" && mv -f "$STATE/installation.new" "$STATE/installation" ||
    die 1 "$STATE/installation cannot be written: is the disk full?"
}
recorded() { # KEY
  [[ -e $STATE/installation ]] && sed -n "s/^$1=//p" "$STATE/installation" | head -n 1
}
packages_of_kind() { [[ $(install_kind) == additional ]] || echo ece-coordinator; echo ece-agent; }
# A whole installation; a run that was killed on its last step left only the journal to put away.
is_complete() {
  [[ $(recorded state) == complete ]] || return 1
  [[ ! -s $STATE/journal ]] || complete_changes
}
install_kind() { [[ -n ${OPT[coordinator-host]:-} ]] && echo additional || echo first; }

# ---- checks -------------------------------------------------------------------------------------------------------------------

# problem STATUS TEXT REMEDY: the first one decides the exit status
problem() {
  PROBLEMS+=("$2"$'\n'"$3")
  ((PROBLEM_STATUS)) || PROBLEM_STATUS=$1
}
warning() { WARNINGS+=("$1"$'\n'"${2:-}"); }

show_findings() { # TITLE FINDING...
  local finding
  say "      $1"
  shift
  for finding; do
    say "      - ${finding%%$'\n'*}"
    [[ -z ${finding#*$'\n'} ]] || say "        -> ${finding#*$'\n'}"
  done
}

# All that was found, at once. --force goes on, unless something is BLOCKED: there would be nothing to go on with.
judge_checks() {
  ((${#WARNINGS[@]} == 0)) || show_findings "Worth knowing:" "${WARNINGS[@]}"
  WARNINGS=()
  ((${#PROBLEMS[@]})) || return 0
  show_findings "In the way of the installation:" "${PROBLEMS[@]}"
  if [[ -n ${OPT[force]:-} && -z $BLOCKED ]]; then
    say "      going on all the same, for --force was given"
    PROBLEMS=() PROBLEM_STATUS=0
    return 0
  fi
  die "$PROBLEM_STATUS" "${#PROBLEMS[@]} of the checks failed" "mend what is listed above, then run the same command again"
}

# unsafe_path PATH: why root should not trust what is there, nothing if it may. Every part of it belongs to root or to who
# called us, and nobody else can exchange it under our hands.
unsafe_path() {
  local part='' owner mode rest=${1#/}/
  while [[ -n $rest ]]; do
    part+=/${rest%%/*} rest=${rest#*/}
    [[ -e $part ]] || break
    read -r owner mode < <(stat -c '%u %a' -- "$part")
    if [[ -L $part || ! -d $part && -n $rest ]]; then
      echo "$part is not a directory of its own"
    elif [[ $owner != 0 && $owner != "${SUDO_UID:-0}" ]]; then
      echo "$part belongs to user $owner, who could put anything there"
    elif ((8#$mode & 8#22)) && ! { ((8#$mode & 8#1000)) && [[ -n $rest && -e $part/${rest%%/*} ]]; }; then
      echo "$part can be written by others (mode $mode)"
    else
      continue
    fi
    return
  done
}

check_storage() {
  local part why
  STORAGE=$(readlink -m -- "$STORAGE")
  [[ ! -e $STORAGE || -d $STORAGE ]] || die 1 "storage path $STORAGE is not a directory" "give another --host-storage-path"
  for part in '' /logs/bootstrap-logs /bootstrap-state; do
    why=$(unsafe_path "$STORAGE$part")
    [[ -z $why ]] || die 1 "storage path $STORAGE: $why" \
      "chown or chmod it, run this script with sudo as that user, or give another --host-storage-path"
  done
}

open_log() {
  local dir=$STORAGE/logs/bootstrap-logs new line
  make_dir "$dir" 0755 log-dir
  record_change log-file "$dir/bootstrap.log"
  record_change log-file "$dir/bootstrap.log.1"
  new=$(half_written "$dir/bootstrap.log")
  rm -f -- "$new"
  set -C
  exec {LOG_FD}>"$new" && set +C && chmod 0644 "/proc/self/fd/$LOG_FD" ||
    die 1 "the log $dir/bootstrap.log cannot be written" "see that $STORAGE is writable and has room"
  [[ ! -f $dir/bootstrap.log || -L $dir/bootstrap.log ]] || mv -fT "$dir/bootstrap.log" "$dir/bootstrap.log.1"
  mv -fT "$new" "$dir/bootstrap.log" || die 1 "the log $dir/bootstrap.log cannot be written"
  for line in ${EARLY_LOG[@]+"${EARLY_LOG[@]}"}; do printf '%s\n' "$line" >&"$LOG_FD"; done
}

check_host() {
  local tool version
  [[ -d /run/systemd/system ]] ||
    problem 5 "systemd does not run this host" "the services need it: use a host that systemd booted"
  if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
    problem 5 "this host has no dpkg and apt-get" "use Debian 12; for others see docs/install.md, \"Without packages\""
  fi
  for tool in curl openssl; do
    command -v "$tool" >/dev/null || problem 5 "$tool is not here" "apt-get install $tool"
  done
  if [[ -e /var/lib/ece-agent/identity.json ]] && ! grep -qsx $'service\tece-agent' "$STATE/journal" "$STATE/installed"; then
    problem 5 "this host has joined an installation, and not by this script" "ece-agent leave, then the same command again"
  fi
  ((PROBLEM_STATUS == 0)) || BLOCKED=yes
  version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [[ -z $version ]] || ((version >= 249)) || problem 5 "systemd $version is too old" "249 or newer is needed (Debian 12, Ubuntu 22.04)"
  check_space /var 64
  check_space /usr 32
  check_space /etc 1
}
check_space() { # DIR MB
  local free
  free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }')
  ((free >= $2)) || problem 5 "only $free MB are free in $1" "make room: $2 MB are needed there"
}

check_first_host() {
  if [[ -e $COORDINATOR_STATE/coordinator.db ]] && ! grep -qsx $'package\tece-coordinator' "$STATE/journal" "$STATE/installed"; then
    problem 5 "$COORDINATOR_STATE holds an installation that this script did not make" \
      "to keep it, join hosts to it with --coordinator-host; to give it up, apt-get purge ece-coordinator"
    BLOCKED=yes
  elif ! systemctl --quiet is-active ece-coordinator.service && (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
    problem 5 "port $PORT is in use on this host" "see: ss -ltnp 'sport = :$PORT'"
  fi
}

# run_doctor AGENT: ece-agent's own checks join our list. Sets HOST_IP.
run_doctor() {
  local agent=$1 line status code message next
  logged "$agent" check --config "$WORK/agent.conf" ${OPT[coordinator-ca]:+--coordinator-ca "${OPT[coordinator-ca]}"} \
    ${SECRET[roles-token]:+--roles-token "@$WORK/roles-token"}
  while IFS= read -r line <&8; do
    [[ $line =~ ^(ok|warning|failure|skipped)\ +([a-z_.]+)\ +(.*)$ ]] || continue
    status=${BASH_REMATCH[1]} code=${BASH_REMATCH[2]} message=${BASH_REMATCH[3]} next=''
    [[ $status == ok || $status == skipped ]] || { IFS= read -r next <&8 && next=${next#*-> }; }
    [[ $code != host.address || ! ${message%%[, ]*} =~ ^[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+$ ]] || HOST_IP=${message%%[, ]*}
    sort_finding "$status" "$code" "$message" "$next"
  done 8<"$WORK/output"
}

sort_finding() { # STATUS CODE MESSAGE NEXT
  # the first host's coordinator and token are yet to be made
  [[ $(install_kind) == additional || $2 == host.* || $2 == state.* || $2 == memory.* || $2 == cgroup.* ]] || return 0
  # with a runner id of its own an agent needs no address, the first coordinator does
  [[ $(install_kind):$1:$2:$HOST_IP != first:warning:host.address: ]] || set -- failure "${@:2}"
  case $1:$2 in
  warning:*) warning "$3 ($2)" "$4" ;;
  failure:config.* | failure:token.form | failure:token.expiry | failure:token.roles) problem 3 "$3 ($2)" "$4" ;;
  failure:token.* | failure:coordinator.* | failure:proxy.* | failure:runner.*) problem 1 "$3 ($2)" "$4" ;;
  failure:*) problem 5 "$3 ($2)" "$4" ;;
  esac
}

# ---- token --------------------------------------------------------------------------------------------------------------------

# json_value NAME TEXT: the text or number of a field; enough for the small, flat answers of a coordinator that proved itself
# and for a first look at the token, which ece-agent judges in earnest.
json_value() {
  [[ $2 =~ \"$1\"[[:space:]]*:[[:space:]]*(\"([^\"]*)\"|[^][,{}\"[:space:]]+) ]] || return 1
  [[ ${BASH_REMATCH[1]} == \"* ]] && printf '%s' "${BASH_REMATCH[2]}" || printf '%s' "${BASH_REMATCH[1]}"
}

base64url_decode() {
  local text=$1
  text=${text//-/+} text=${text//_//}
  while ((${#text} % 4)); do text+='='; done
  printf '%s' "$text" | openssl base64 -d -A 2>/dev/null | tr -d '\0'
}

# A token that can never work is refused before a byte is sent. Sets TOKEN_CLAIMS and CA_SHA256.
check_token() {
  local token=${SECRET[roles-token]} expiry role roles
  ((${#token} <= 8192)) || bad_argument "the roles token has ${#token} characters; 8192 is the most"
  [[ $token =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] ||
    bad_argument "the roles token is not whole: three parts with two dots between them are expected"
  command -v openssl >/dev/null || return 0 # check_host says so
  TOKEN_CLAIMS=$(base64url_decode "$(cut -d. -f2 <<<"$token")")
  [[ $TOKEN_CLAIMS == \{*\"sub\"*\"* && $TOKEN_CLAIMS =~ \"roles\"[[:space:]]*:[[:space:]]*\[([^]]*)\] ]] ||
    bad_argument "this is no roles token: its middle part does not say sub and roles"
  roles=${BASH_REMATCH[1]//[\" ]/}
  expiry=$(json_value exp "$TOKEN_CLAIMS") || expiry=''
  # within the last hour this host's clock may be wrong: the coordinator knows
  [[ ! $expiry =~ ^[0-9]{1,15}$ ]] || ((10#$expiry + 3600 > $(date +%s))) ||
    die 3 "install: the roles token has expired at $(date -u -d "@$expiry" '+%Y-%m-%d %H:%M:%S UTC')" \
      "make a new roles token on the coordinator"
  for role in $(tr , ' ' <<<"${OPT[roles]:-}"); do
    [[ ,$roles, == *,"$role",* ]] ||
      die 3 "install: the roles token does not permit the role $role; it permits: ${roles:-none}" \
        "ask for those roles only, or make a roles token with $role"
  done
  CA_SHA256=$(json_value ca_sha256 "$TOKEN_CLAIMS") || CA_SHA256=''
  [[ -z $CA_SHA256 || $CA_SHA256 =~ ^[0-9a-f]{64}$ ]] || bad_argument "the roles token's ca_sha256 is not 64 hexadecimal digits"
}

# ---- trust --------------------------------------------------------------------------------------------------------------------

# fetch URL FILE MAX-BYTES SECONDS [CURL-ARGUMENT...]: over HTTPS. What went wrong is one line in $WORK/fetch-error.
fetch() {
  local url=$1 file=$2 max=$3 seconds=$4 status via=(--noproxy '*')
  shift 4
  [[ -z ${OPT[proxy]:-} ]] || via=(--noproxy '' --proxy "${OPT[proxy]}")
  ( # curl before 8.4 bounds only what announces its length
    ulimit -f $((max / 1024 + 1))
    curl -q --silent --show-error --fail --proto '=https' --tlsv1.2 "${via[@]}" --connect-timeout "$(seconds 10)" \
    --max-time "$(seconds "$seconds")" --max-filesize "$max" --output "$file" "$@" -- "$url" 2>"$WORK/fetch-error"
  )
  status=$?
  ((status == 0)) && (($(stat -c %s "$file" 2>/dev/null || echo 0) <= max)) && return 0
  sed -i 's/^curl: ([0-9]*) *//; q' "$WORK/fetch-error"
  debug "$url: $(cat "$WORK/fetch-error") (curl's exit status $status)"
  return 1
}

# split_endpoint TEXT: sets EP_HOST (an IPv6 address in brackets) and EP_PORT
split_endpoint() {
  local whole='^(\[[0-9A-Fa-f:.]+\]|[^]:[]+)(:([0-9]{1,5}))?$'
  EP_HOST=$1 EP_PORT=$PORT
  if [[ $1 =~ $whole ]]; then
    EP_HOST=${BASH_REMATCH[1]} EP_PORT=${BASH_REMATCH[3]:-$PORT}
    ((10#$EP_PORT >= 1 && 10#$EP_PORT <= 65535))
  else
    EP_HOST=[$1]
    [[ $1 =~ ^[0-9A-Fa-f:.]+$ && $1 == *:*:* ]]
  fi
}

ca_fingerprint() { openssl x509 -in "$1" -outform DER 2>/dev/null | openssl dgst -sha256 -r | cut -d' ' -f1; }

# The CA certificate out of the answer to GET /agent/v1/ca, and nothing else of it: $WORK/ca.pem
take_ca() {
  local answer pem
  answer=$(tr -d '\0\n' <"$WORK/ca.json")
  pem=$(json_value ca_certificate "$answer") || return 1
  pem=${pem//\\n/$'\n'} pem=${pem//\\\//\/}
  printf '%s\n' "$pem" | openssl x509 -out "$WORK/ca.pem" 2>/dev/null
}

# nothing else of a file is shown to others
certificates_of() { sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' -- "$1"; }
is_given_ca() { # the CA is one of those in --coordinator-ca
  awk -v dir="$WORK" '/-----BEGIN CERTIFICATE-----/ { n++ } n { print > (dir "/given." n ".pem") }' "${OPT[coordinator-ca]}"
  local file
  for file in "$WORK"/given.*.pem; do [[ $(ca_fingerprint "$file") != "$1" ]] || return 0; done
  return 1
}

# The rules of docs/protocol.md, [TR-1] and [TR-2], for the coordinator of EP_HOST and EP_PORT. Only this first request goes
# over a connection that is not verified; what it brings is compared with what the token says before it counts.
prove_coordinator() {
  local url=https://$EP_HOST:$EP_PORT/agent/v1/ca sha
  fetch "$url" "$WORK/ca.json" 65536 20 --insecure || return 1
  take_ca && [[ -n $(installation_of_ca) ]] || {
    echo "what answers there is no coordinator of an installation" >"$WORK/fetch-error"
    return 1
  }
  sha=$(ca_fingerprint "$WORK/ca.pem")
  if [[ -n ${CA_SHA256:-} ]]; then
    [[ $sha == "$CA_SHA256" ]] && return 0
    echo "its CA has SHA-256 $sha, the roles token names $CA_SHA256: another installation, or somebody in between" >"$WORK/fetch-error"
    return 1
  fi
  if [[ -n ${OPT[coordinator-ca]:-} ]]; then
    is_given_ca "$sha" && return 0
    fetch "$url" "$WORK/ca.json" 65536 20 --cacert "${OPT[coordinator-ca]}" --capath "$WORK/none" && take_ca && return 0
    echo "--coordinator-ca ${OPT[coordinator-ca]} does not vouch for it: $(cat "$WORK/fetch-error")" >"$WORK/fetch-error"
    return 1
  fi
  fetch "$url" "$WORK/ca.json" 65536 20 && take_ca && return 0
  echo "the roles token has no ca_sha256, and the system's certificates do not vouch for it: $(cat "$WORK/fetch-error")" \
    >"$WORK/fetch-error"
  return 1
}

# The installation's id is the CN of its CA's subject.
installation_of_ca() {
  local id
  id=$(openssl x509 -in "$WORK/ca.pem" -noout -subject -nameopt RFC2253 | sed -n 's/^subject=.*CN=\([^,]*\).*/\1/p')
  [[ $id =~ ^[A-Za-z0-9-]{1,64}$ ]] && printf '%s' "$id"
}

# Sets COORDINATOR (host:port that proved itself) and INSTALLATION_ID, with $WORK/ca.pem. A problem when none did.
establish_trust() {
  local endpoint reasons='' list=()
  IFS=', ' read -r -a list <<<"${OPT[coordinator-host]}"
  mkdir -p "$WORK/none"
  for endpoint in "${list[@]}"; do
    split_endpoint "$endpoint" || bad_argument "--coordinator-host \"$endpoint\" is none of HOST, HOST:PORT, [IPV6]:PORT"
    if prove_coordinator; then
      INSTALLATION_ID=$(installation_of_ca)
      COORDINATOR=$EP_HOST:$EP_PORT
      detail "$COORDINATOR is the coordinator of installation $INSTALLATION_ID"
      return 0
    fi
    reasons+="${reasons:+; }$endpoint: $(cat "$WORK/fetch-error")"
  done
  problem 1 "the coordinator cannot be reached or trusted: $reasons" \
    "check --coordinator-host, the network and its name service; a token that this coordinator made says whom to trust"
  BLOCKED=yes
}

# fetch_verified PATH FILE MAX-BYTES SECONDS [CURL-ARGUMENT...]: from the coordinator that proved itself; chain and name are
# verified against the installation's CA and nothing else ([TR-3]).
fetch_verified() {
  local path=$1 name=$INSTALLATION_ID.ece.internal
  shift
  fetch "https://$name:$PORT$path" "$@" --cacert "$WORK/ca.pem" --capath "$WORK/none" --connect-to "$name:$PORT:$COORDINATOR"
}

# ---- packages -----------------------------------------------------------------------------------------------------------------

package_version() { dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed -n 's/^installed //p'; }
deb_field() { dpkg-deb -f "$1" "$2" 2>/dev/null; }

# newest_of NAME FILE...: of those that are NAME_VERSION_ARCHITECTURE.deb for this host, the newest
newest_of() {
  local name=$1 best='' best_version='' version file arch
  arch=$(dpkg --print-architecture)
  shift
  for file; do
    [[ ${file##*/} =~ ^${name}_([A-Za-z0-9.+~-]+)_($arch|all)\.deb$ ]] || continue
    version=${BASH_REMATCH[1]}
    [[ -z $best ]] || dpkg --compare-versions "$version" gt "$best_version" || continue
    best=$file best_version=$version
  done
  [[ -n $best ]] && printf '%s\n' "$best"
}

# has_listed_sum FILE SUMS: the line for it in a list as sha256sum(1) writes
has_listed_sum() {
  local listed
  listed=$(awk -v name="${1##*/}" '{ sub(/^\*/, "", $2) } $2 == name && length($1) == 64 { print $1; exit }' "$2")
  [[ -n $listed && $(sha256sum <"$1" | cut -d' ' -f1) == "$listed" ]]
}

# Where packages are at hand: --package-dir, else beside the script, else in the build directory of a clone.
package_folder() {
  local folder file why
  [[ -z ${OPT[package-dir]:-} ]] || {
    printf '%s\n' "${OPT[package-dir]}"
    return
  }
  for folder in "$SCRIPT_DIR" "${SCRIPT_DIR:+${SCRIPT_DIR%/*}/build/packages}"; do
    [[ -n $folder && -n $(newest_of ece-agent "$folder"/*.deb) ]] || continue
    why=$(for file in "$folder" "$folder"/*.deb; do unsafe_path "$file"; done | head -n 1)
    [[ -z $why ]] || {
      complain "the packages beside this script are passed over: $why" "give --package-dir $folder if you trust them"
      continue
    }
    printf '%s\n' "$folder"
    return
  done
  return 1
}

# take_local FOLDER NAME: a copy of our own first, then the look at it
take_local() {
  local file
  file=$(newest_of "$2" "$1"/*.deb) || {
    problem 5 "there is no package $2 for $(dpkg --print-architecture) in $1" "put it there, or give another --package-dir"
    return 1
  }
  cp -- "$file" "$WORK/packages/" || die 1 "$file cannot be copied to $WORK: is the disk full?"
  [[ ! -e $1/SHA256SUMS ]] || has_listed_sum "$WORK/packages/${file##*/}" "$1/SHA256SUMS" || {
    rm -f "$WORK/packages/${file##*/}"
    problem 5 "$file is not what $1/SHA256SUMS says" "copy the packages there anew"
    return 1
  }
  detail "${file##*/} from $1"
}

# take_remote NAME: from the coordinator's /artifacts/, over the trust that was established
take_remote() {
  local names name
  [[ -s $WORK/SHA256SUMS ]] || fetch_verified /artifacts/SHA256SUMS "$WORK/SHA256SUMS" 65536 30 || {
    problem 1 "the coordinator does not serve its packages: $(cat "$WORK/fetch-error")" \
      "put them into $ARTIFACTS there, or copy them to this host and give --package-dir DIR"
    return 1
  }
  mapfile -t names < <(awk '{ sub(/^\*/, "", $2) } $2 !~ "/" { print $2 }' "$WORK/SHA256SUMS")
  name=$(newest_of "$1" ${names[@]+"${names[@]}"}) || {
    problem 5 "the coordinator has no package $1 for $(dpkg --print-architecture)" \
      "put it into $ARTIFACTS there, or copy it to this host and give --package-dir DIR"
    return 1
  }
  fetch_verified "/artifacts/$name" "$WORK/packages/$name" 268435456 600 --retry 2 || {
    problem 1 "$name could not be fetched: $(cat "$WORK/fetch-error")" "run the same command again"
    return 1
  }
  has_listed_sum "$WORK/packages/$name" "$WORK/SHA256SUMS" || {
    rm -f "$WORK/packages/$name"
    problem 1 "$name from the coordinator is not what its SHA256SUMS says" "look at $ARTIFACTS there; then run the same command again"
    return 1
  }
  detail "$name from $COORDINATOR, SHA-256 verified"
}

# gather_packages NAME...: into $WORK/packages; what is installed already and not brought anew is left as it is. 1: a problem
gather_packages() {
  local folder name status=0
  mkdir -p "$WORK/packages"
  folder=$(package_folder) || folder=''
  for name; do
    if [[ -n $folder ]]; then
      take_local "$folder" "$name" || status=1
    elif [[ $COMMAND == install && -n $(package_version "$name") ]]; then
      detail "$name $(package_version "$name") is installed already"
    elif [[ -n $COORDINATOR ]]; then
      take_remote "$name" || status=1
    else
      problem 5 "there is no package $name at hand" \
        "put the packages beside this script, or give --package-dir DIR (scripts/package.sh makes them)"
      status=1
    fi
  done
  # dependencies that were brought along for a host without a mirror
  [[ -z ${OPT[package-dir]:-} || $status != 0 ]] || gather_companions "$folder"
  return "$status"
}
gather_companions() { # FOLDER
  local file name
  for file in "$1"/*.deb; do
    name=$(deb_field "$file" Package)
    [[ -z $name || $name == ece-agent || $name == ece-coordinator || -n $(package_version "$name") ]] ||
      cp -- "$file" "$WORK/packages/"
  done
}

# The program before it is installed, for its checks; empty when it does not run on this host yet.
unpacked_agent() {
  local deb
  deb=$(newest_of ece-agent "$WORK"/packages/*.deb) || {
    command -v ece-agent
    return
  }
  mkdir -p "$WORK/unpacked"
  dpkg-deb -x "$deb" "$WORK/unpacked" 2>/dev/null && "$WORK/unpacked/usr/bin/ece-agent" --version >/dev/null 2>&1 &&
    echo "$WORK/unpacked/usr/bin/ece-agent"
}

apt() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 logged apt-get -y -q -o "DPkg::Lock::Timeout=$(seconds 120)" \
    -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef "$@"
}
# what a kill in the middle of dpkg leaves
repair_dpkg() {
  [[ -z $(dpkg --audit 2>/dev/null) ]] || logged dpkg --configure -a --force-confold || apt -f install
}

# install_packages NAME...: those in $WORK/packages, with their dependencies
install_packages() {
  local debs=("$WORK"/packages/*.deb) name
  [[ -e ${debs[0]} ]] || return 0
  repair_dpkg
  # those that come along are known before they come; they go last, when nothing needs them
  for name in $(apt-get -s -q --no-install-recommends install "${debs[@]}" 2>/dev/null | sed -n 's/^Inst \([^ ]*\) .*/\1/p'); do
    [[ $name == ece-* || -n $(package_version "$name") ]] || record_change dependency "$name"
  done
  for name; do
    getent passwd "$name" >/dev/null || record_change user "$name"
    [[ -n $(package_version "$name") ]] || record_change package "$name"
  done
  apt --no-install-recommends install "${debs[@]}" ||
    { apt update && apt --no-install-recommends install "${debs[@]}"; } || {
    show_output
    die 1 "the packages could not be installed; the lines above say why" \
      "for a host without a mirror put the dependencies' packages into --package-dir too"
  }
}
# The packages that are installed now: the way back from the next upgrade.
keep_packages() {
  local deb
  mkdir -p "$STATE/packages"
  cp -f -- "$WORK"/packages/ece-*.deb "$STATE/packages/" 2>/dev/null
  for deb in "$STATE"/packages/ece-*.deb; do
    [[ $(deb_field "$deb" Version) == "$(package_version "$(deb_field "$deb" Package)")" ]] || rm -f -- "$deb"
  done
}

purge_package() {
  repair_dpkg
  [[ -z $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) ]] || apt purge "$1" ||
    logged dpkg --purge --force-remove-reinstreq "$1" || complain "the package $1 could not be removed" "apt-get purge $1"
  [[ $1 != ece-agent ]] || stop_empty_slices
}
# The units' slices go when their package does, but never with something in them: instances are the operator's.
stop_empty_slices() {
  local slice group
  for slice in ece-instances.slice ece.slice; do
    group=$(systemctl show -p ControlGroup --value "$slice" 2>/dev/null)
    [[ -n $group ]] || continue
    if [[ -n $(find /sys/fs/cgroup{,/systemd,/unified}"$group" -name cgroup.procs -exec cat {} + 2>/dev/null) ]]; then
      say "Processes still run in $slice; they were left alone."
    else
      logged systemctl stop "$slice"
    fi
  done
}
purge_dependency() { # refused by dpkg while something else needs it: then it stays
  [[ -z $(package_version "$1") ]] || logged dpkg --purge "$1" || debug "$1 stays: other packages need it"
}

# ---- service ------------------------------------------------------------------------------------------------------------------

# The agent's configuration for these flags, on standard output. Values were checked: none has a line end in it.
agent_config() {
  echo "# Written by $PROGRAM install. Change it with an editor, then: systemctl reload ece-agent. See ece-agent(8)."
  if [[ $(install_kind) == first ]]; then
    # its own coordinator, at the address by which the others know it
    echo "coordinator_host = ${HOST_IP:-127.0.0.1}"
    echo "roles = $ALL_ROLES"
  else
    echo "coordinator_host = ${OPT[coordinator-host]}"
    [[ -z ${OPT[roles]:-} ]] || echo "roles = ${OPT[roles]}"
    [[ -z ${OPT[proxy]:-} ]] || echo "proxy = ${OPT[proxy]}"
    [[ -z ${OPT[coordinator-ca]:-} || -n ${1:-} ]] || echo "coordinator_ca = $AGENT_CA"
  fi
  echo "availability_zone = ${OPT[availability-zone]:-ece-zone-1}"
  [[ -z ${OPT[runner-id]:-} ]] || echo "runner_id = ${OPT[runner-id]}"
  [[ -z ${OPT[host-ip]:-} ]] || echo "host_ip = ${OPT[host-ip]}"
  [[ -z ${OPT[capacity]:-} ]] || echo "capacity = ${OPT[capacity]}"
  [[ -z ${OPT[allocator-tags]:-} ]] || echo "allocator_tags = ${OPT[allocator-tags]}"
}

start_service() { # UNIT
  record_change service "$1"
  logged systemctl daemon-reload
  logged systemctl enable "$1.service" && logged systemctl restart "$1.service" && return 0
  show_output
  show_journal "$1"
  die 1 "the service $1 does not start" "journalctl -u $1 -x"
}

show_journal() { # UNIT
  local line
  echo "      the last of the journal (journalctl -u $1):" >&2
  journalctl --no-pager -o short-iso -n 12 -u "$1.service" 2>/dev/null | sed 's/^/      | /' >&2
  while IFS= read -r line; do log INFO "journal: $line"; done < <(journalctl --no-pager -o short-iso -n 12 -u "$1.service" 2>/dev/null)
}

# Off and stopped. The agent first says that it goes: its coordinator then does not wait for it.
undo_service() {
  if [[ $1 == ece-agent && -z ${NO_LEAVE:-} && -e /var/lib/ece-agent/identity.json ]]; then
    logged timeout "$(seconds 15)" ece-agent leave || debug "the coordinator was not told that this host goes"
  fi
  systemctl cat "$1.service" >/dev/null 2>&1 && logged systemctl disable --now "$1.service"
  systemctl reset-failed "$1.service" 2>/dev/null
}

agent_is_connected() { ece-agent status >"$WORK/status" 2>&1; }

# Until the coordinator accepted a heartbeat. What the agent says meanwhile is shown when it changes.
wait_until_connected() {
  local deadline=$((SECONDS + $(seconds 60))) line shown=''
  until agent_is_connected; do
    line=$(sed 's/ since [0-9:]* UTC//; q' "$WORK/status")
    [[ $line == "$shown" || -z $line ]] || detail "$line"
    shown=$line
    if ((SECONDS >= deadline)) || is_hopeless; then
      show_journal ece-agent
      die 1 "this host is not connected${line:+: $line}" "ece-agent check says what is in the way; then run the same command again"
    fi
    sleep 0.2
  done
  detail "$(head -n 1 "$WORK/status")"
}
is_hopeless() { # systemd does not try it again
  [[ $(systemctl show -p ActiveState --value ece-agent.service) == failed ]]
}

# ---- install ------------------------------------------------------------------------------------------------------------------

# differences: the flags that are not as they were when this host was installed, one a line
differences() {
  diff "$STATE/installation" <(show_record complete) |
    sed -n 's/^< flag\./  now:   --/p; s/^> flag\./  asked: --/p; s/^< \(kind\|storage\)=/  now:   \1 /p; s/^> \(kind\|storage\)=/  asked: \1 /p'
}

# An installation that is whole: nothing to do, or what other flags would mean. Returns only when there is work.
settle_if_installed() {
  local changes
  is_complete || return 0
  changes=$(differences)
  if [[ -n $changes ]]; then
    complain "this host is installed already, with other flags:"
    printf '%s\n' "$changes" >&2
    die 1 "nothing was changed" "capacity, addresses and coordinators: edit $AGENT_CONFIG, then systemctl reload ece-agent; \
zone, roles, tags, runner id and storage path belong to the registration: $PROGRAM uninstall, then install"
  fi
  if [[ -n $(package_version ece-agent) ]] && systemctl --quiet is-enabled ece-agent.service && agent_is_connected; then
    say "This host is installed, and $(head -n 1 "$WORK/status")."
    say "Nothing to do."
    exit 0
  fi
  [[ -n ${OPT[dry-run]:-} ]] || start_again
  say "This host is installed, and not connected. Would start its services again, and wait until it is."
  exit 0
}

restart_with_token() {
  [[ -z ${SECRET[roles-token]:-} ]] || printf '%s\n' "${SECRET[roles-token]}" | replace_file "$AGENT_TOKEN" 0600 || exit 1
  logged systemctl restart ece-agent.service
  rm -f "$AGENT_TOKEN" # systemd has handed it over
}
agent_is_judged() { agent_is_connected || [[ $(head -n 1 "$WORK/status") == rejected* ]]; }

# The coordinator no longer knows this host's key: it joins with a new one. If the token does not get it in either, the old
# key is put back: the coordinator's memory may come back too.
join_anew() {
  local identity=/var/lib/ece-agent/identity.json
  detail "the coordinator does not know this host any more: joining anew"
  cp -p -- "$identity" "$STATE/identity.before" || die 1 "$identity cannot be kept in $STATE: is the disk full?"
  logged ece-agent leave --local
  restart_with_token
  within "$(seconds 30)" agent_is_connected || {
    show_journal ece-agent
    cp -p -- "$STATE/identity.before" "$identity" && rm -f -- "$STATE/identity.before"
    logged systemctl restart ece-agent.service
    die 1 "this host is not connected: $(head -n 1 "$WORK/status")" "the lines above say why; a new roles token may help"
  }
  rm -f -- "$STATE/identity.before"
}

# An installation that is whole but not connected: nothing of it is made anew or taken away, whatever comes of it. The token
# helps a host that was deleted from the installation, or that has left.
start_again() {
  local name
  STEPS=1
  open_log
  # shellcheck disable=SC2046 # names
  for name in $(packages_of_kind); do
    [[ -n $(package_version "$name") ]] || die 1 "the package $name was removed from this host" "$PROGRAM uninstall, then install"
  done
  step "This host is installed, and not connected: starting its services again"
  [[ $(install_kind) == additional ]] || {
    logged systemctl enable --now ece-coordinator.service
    within "$(seconds 60)" coordinator_is_ready || {
      show_journal ece-coordinator
      die 1 "the coordinator does not answer on port $PORT" "journalctl -u ece-coordinator -x"
    }
  }
  logged systemctl enable ece-agent.service
  restart_with_token
  within "$(seconds 10)" agent_is_judged
  if [[ $(head -n 1 "$WORK/status") == rejected* && -n ${SECRET[roles-token]:-} ]]; then join_anew; fi
  wait_until_connected
  say "Done: $(head -n 1 "$WORK/status")"
  exit 0
}

say_what_is_ignored() {
  local kept=''
  [[ $COMMAND != install ]] || kept=", and kept in $STATE/installation"
  ((${#IGNORED[@]} == 0)) || say "Without meaning here$kept:$(printf ' --%s' "${!IGNORED[@]}")"
}

show_plan() {
  say "Would, if --dry-run were not given:"
  say "  - install $(cd "$WORK/packages" && echo *.deb) with their dependencies"
  if [[ $(install_kind) == first ]]; then
    say "  - serve the packages to other hosts from $ARTIFACTS"
    say "  - enable and start ece-coordinator: a new installation on port $PORT"
    say "  - put its secrets into $STORAGE/bootstrap-state/bootstrap-secrets.json"
  fi
  say "  - write $AGENT_CONFIG:"
  agent_config | sed -n 's/^\([a-z]\)/        \1/p'
  say "  - enable and start ece-agent, and wait until it is connected"
  say "Nothing was changed."
  exit 0
}

# check_everything PACKAGE...: looks at all before anything is changed. Leaves AGENT, the program if it runs here already.
check_everything() {
  step "Checking this host"
  check_host
  [[ $(install_kind) == additional ]] || check_first_host
  if [[ -z $BLOCKED && $(install_kind) == additional ]]; then
    step "Establishing trust in ${OPT[coordinator-host]}"
    establish_trust
  fi
  if [[ -z $BLOCKED ]]; then
    step "Getting the packages"
    gather_packages "$@" || BLOCKED=yes
  fi
  agent_config unproven >"$WORK/agent.conf"
  printf '%s\n' "${SECRET[roles-token]:-}" >"$WORK/roles-token"
  AGENT=''
  [[ -n $BLOCKED ]] || AGENT=$(unpacked_agent)
  [[ -z $AGENT ]] || run_doctor "$AGENT"
  judge_checks
}

# The agent's part, which is the same on every host.
install_agent() {
  step "Configuring the agent"
  agent_config | put_file "$AGENT_CONFIG" 0644 || exit 1 # die ends only its part of a pipe
  [[ -z ${OPT[coordinator-ca]:-} ]] || certificates_of "${OPT[coordinator-ca]}" | put_file "$AGENT_CA" 0644 || exit 1
  printf '%s\n' "${SECRET[roles-token]}" | put_file "$AGENT_TOKEN" 0600 || exit 1
  logged ece-agent run --check-config || {
    show_output
    die 1 "the agent refuses its configuration; the lines above say why"
  }
  step "Starting the agent and waiting until it is connected"
  start_service ece-agent
  wait_until_connected
  # it has done its work: the host's own key takes its place
  rm -f "$AGENT_TOKEN"
  RUNNER_ID=$(ece-agent status --json | tr -d '\n')
  RUNNER_ID=$(json_value runner_id "$RUNNER_ID")
}

command_install() {
  check_storage
  settle_if_installed
  [[ -z ${OPT[dry-run]:-} ]] || {
    STEPS=3
    say_what_is_ignored
    # shellcheck disable=SC2046 # names
    check_everything $(packages_of_kind)
    show_plan
  }
  UNDO_ON_EXIT=yes
  open_log
  [[ ! -s $STATE/journal || $(recorded state) != begun ]] || say "An earlier run was interrupted; this one completes it."
  say_what_is_ignored
  if [[ $(install_kind) == additional ]]; then install_additional_host; else install_first_host; fi
}

complete_install() {
  keep_packages
  write_record complete
  complete_changes
}

install_additional_host() {
  STEPS=6
  say "Joining this host to the installation of ${OPT[coordinator-host]}"
  check_everything ece-agent
  write_record begun
  step "Installing the packages"
  install_packages ece-agent
  [[ -n $AGENT ]] || { run_doctor ece-agent && judge_checks; }
  install_agent
  cp -f -- "$WORK/ca.pem" "$STATE/ca.pem" # for upgrade
  complete_install
  say "Done. The coordinator shows:"
  say "  $(coordinator_line)"
  [[ -n ${OPT[roles]:-} ]] || say "It has no role yet. The token permits: $(roles_of_token)"
}
roles_of_token() { [[ $TOKEN_CLAIMS =~ \"roles\"[[:space:]]*:[[:space:]]*\[([^]]*)\] ]] && tr -d '"' <<<"${BASH_REMATCH[1]:-none}"; }

# What the coordinator's registry has of this host now ([EN-9]).
coordinator_line() {
  local answer memory path=/agent/v1/runner-ids/$RUNNER_ID
  printf 'header = "Authorization: Bearer %s"\n' "${SECRET[roles-token]}" >"$WORK/bearer.conf"
  if [[ $(install_kind) == additional ]]; then
    fetch_verified "$path" "$WORK/runner.json" 65536 20 --config "$WORK/bearer.conf"
  else
    ask_coordinator "$path" "$WORK/runner.json" --config "$WORK/bearer.conf"
  fi || {
    echo "(nothing: $(cat "$WORK/fetch-error"))"
    return
  }
  answer=$(tr -d '\n' <"$WORK/runner.json")
  memory="$(json_value used "$answer") of $(json_value total "$answer") MB used"
  echo "$RUNNER_ID  $(json_value host_ip "$answer")  $(json_value zone "$answer")  $(state_word "$(json_value connected "$answer")")  $memory"
}
state_word() { [[ $1 == true ]] && echo connected || echo "NOT CONNECTED"; }

# ---- first host ---------------------------------------------------------------------------------------------------------------

# What the coordinator serves to other hosts: the packages, this script, and what their bytes must be. The list comes last:
# nobody is told of a file that is not whole.
fill_artifacts() {
  local file
  [[ -d $ARTIFACTS ]] || {
    record_change tree "$ARTIFACTS"
    mkdir -m 0755 -- "$ARTIFACTS" || die 1 "$ARTIFACTS cannot be made"
  }
  for file in "$WORK"/packages/ece-*.deb /usr/share/ece-coordinator/$PROGRAM; do
    [[ -e $file ]] || continue
    install -m 0644 -- "$file" "$ARTIFACTS/.new" && mv -f -- "$ARTIFACTS/.new" "$ARTIFACTS/${file##*/}" ||
      die 1 "$ARTIFACTS cannot be filled: is the disk full?"
  done
  compgen -G "$ARTIFACTS/ece-agent_*.deb" >/dev/null ||
    say "      there is no package in $ARTIFACTS: other hosts need --package-dir until you put one there"
  (cd "$ARTIFACTS" && find . -maxdepth 1 -type f ! -name '.*' ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 -r sha256sum -- >.sums &&
    chmod 0644 .sums && mv -f .sums SHA256SUMS) ||
    die 1 "$ARTIFACTS/SHA256SUMS cannot be written"
}

ask_coordinator() { # PATH FILE [CURL-ARGUMENT...]: on the first host itself
  local path=$1 file=$2
  shift 2
  mkdir -p "$WORK/none"
  fetch "https://127.0.0.1:$PORT$path" "$file" 1048576 20 --cacert "$COORDINATOR_STATE/ca.pem" --capath "$WORK/none" "$@"
}
coordinator_is_ready() { ask_coordinator /readyz "$WORK/ready"; }

start_coordinator() {
  step "Starting the coordinator"
  [[ -z ${OPT[external-hostname]:-} ]] || put_file "$COORDINATOR_CONFIG" 0644 <<<"# Written by $PROGRAM install. See ece-coordinator(8).
external_hostname = ${OPT[external-hostname]}"
  start_service ece-coordinator
  within "$(seconds 60)" coordinator_is_ready || {
    show_journal ece-coordinator
    die 1 "the coordinator does not answer on port $PORT: $(cat "$WORK/fetch-error")" "journalctl -u ece-coordinator -x"
  }
  detail "https://$HOST_IP:$PORT serves"
}

# The coordinator leaves them in its own directory; they move to where people look for them, and to who installed.
take_secrets() {
  local from=$COORDINATOR_STATE/bootstrap-secrets.json
  SECRETS_FILE=$STORAGE/bootstrap-state/bootstrap-secrets.json
  make_dir "$STORAGE/bootstrap-state" 0700
  chown "$(owner)" "$STORAGE/bootstrap-state"
  if [[ -f $from ]]; then
    put_file "$SECRETS_FILE" 0600 "$(owner)" <"$from"
    rm -f "$from"
  fi
  [[ -f $SECRETS_FILE && ! -L $SECRETS_FILE ]] ||
    die 1 "the first passwords are neither in $from nor in $SECRETS_FILE" "put the file back there"
  SECRETS_TEXT=$(cat "$SECRETS_FILE")
}

as_admin() { # PATH FILE [CURL-ARGUMENT...]: the password goes by a file that only root reads
  local path=$1 file=$2
  shift 2
  printf 'user = "admin:%s"\n' "$(json_value adminconsole_root_password "$SECRETS_TEXT")" >"$WORK/admin.conf"
  ask_coordinator "/api/v1/platform/$path" "$file" --config "$WORK/admin.conf" "$@"
}

# A token for this host alone, used at once.
make_own_token() {
  local roles=\"${ALL_ROLES//,/\",\"}\"
  as_admin configuration/security/enrollment-tokens "$WORK/token.json" -H 'Content-Type: application/json' \
    --data "{\"persistent\":false,\"roles\":[$roles]}" ||
    die 1 "no roles token was made for this host: $(cat "$WORK/fetch-error")" "journalctl -u ece-coordinator -x"
  SECRET[roles-token]=$(json_value token "$(tr -d '\n' <"$WORK/token.json")")
}

install_first_host() {
  STEPS=6
  say "Making this host the first of a new installation"
  check_everything ece-coordinator ece-agent
  write_record begun
  step "Installing the packages"
  install_packages ece-coordinator ece-agent
  fill_artifacts
  [[ -n $AGENT ]] || { run_doctor ece-agent && judge_checks; }
  HOST_IP=${OPT[host-ip]:-$HOST_IP}
  start_coordinator
  take_secrets
  make_own_token
  install_agent
  complete_install
  show_first_host
}

server_key_pin() { # what curl --pinnedpubkey takes
  openssl s_client -connect "127.0.0.1:$PORT" -servername "$HOST_IP" </dev/null 2>/dev/null | openssl x509 -noout -pubkey 2>/dev/null |
    openssl pkey -pubin -outform DER 2>/dev/null | openssl dgst -sha256 -binary | openssl base64 -A
}

# Shown, and not logged: there are secrets in it.
show_first_host() {
  local host=$HOST_IP zone=${OPT[availability-zone]:-ece-zone-1} allocator
  [[ $host != *:* ]] || host=[$host]
  allocator=$(json_value allocator_only_token "$SECRETS_TEXT")
  say "Done. The coordinator shows:"
  say "  $(coordinator_line)"
  cat <<TEXT

  URL             https://$host:$PORT
  users           admin, readonly
  passwords       $SECRETS_FILE (move it to a safe place)
  CA certificate  $COORDINATOR_STATE/ca.pem, for curl --cacert

Roles tokens. They are secrets, do not expire, and each can be revoked:
  to join without roles
    $(json_value bootstrap_runner_roles_token "$SECRETS_TEXT")
  for allocators
    $allocator
  for emergencies: all roles but allocator; keep it safe
    $(json_value emergency_all_roles_except_allocator_token "$SECRETS_TEXT")

The next host, as an allocator (another zone, for instance ece-zone-2, for high availability):
  curl -fsSk --pinnedpubkey 'sha256//$(server_key_pin)' -O https://$host:$PORT/$PROGRAM   # this pin ends with a restart
  bash $PROGRAM install --coordinator-host $host --roles-token '$allocator' --roles "allocator" --availability-zone $zone

A token for other roles, which expires (asks for admin's password):
  curl --cacert $COORDINATOR_STATE/ca.pem -u admin -H 'Content-Type: application/json' \\
    https://$host:$PORT/api/v1/platform/configuration/security/enrollment-tokens -d '{ "persistent": false, "roles": [ "proxy" ] }'
TEXT
}

# ---- upgrade ------------------------------------------------------------------------------------------------------------------

# What this host was installed with, for the commands that come later.
need_installed() {
  local name
  is_complete || die 1 "$COMMAND: this host was not installed by this script" "$PROGRAM install"
  STORAGE=$(recorded storage)
  for name in coordinator-host proxy; do
    [[ -z $(recorded "flag.$name") ]] || OPT[$name]=$(recorded "flag.$name")
  done
}

# The coordinator that this host joined: its CA is known.
find_coordinator() {
  local endpoint list=()
  [[ -n ${OPT[coordinator-host]:-} && -e $STATE/ca.pem ]] || return 0
  mkdir -p "$WORK/none" && cp "$STATE/ca.pem" "$WORK/ca.pem"
  INSTALLATION_ID=$(installation_of_ca)
  IFS=', ' read -r -a list <<<"${OPT[coordinator-host]}"
  for endpoint in "${list[@]}"; do
    split_endpoint "$endpoint" || continue
    COORDINATOR=$EP_HOST:$EP_PORT
    fetch_verified /readyz "$WORK/ready" 65536 20 && return 0
  done
  problem 1 "the coordinator cannot be reached: $(cat "$WORK/fetch-error")" "start it, or give --package-dir DIR"
  BLOCKED=yes
}

# services_are_well PACKAGE...: the health gate
services_are_well() {
  [[ $* != *ece-coordinator* ]] || within "$(seconds 60)" coordinator_is_ready || return 1
  systemctl --quiet is-active ece-agent.service || logged systemctl start ece-agent.service
  within "$(seconds 60)" agent_is_connected
}

is_newer_brought() { # PACKAGE...: 0 there is, 1 all are installed already; an older one is refused
  local name deb version newer=1
  for name; do
    deb=$(newest_of "$name" "$WORK"/packages/*.deb) || continue
    version=$(deb_field "$deb" Version)
    dpkg --compare-versions "$version" ge "$(package_version "$name")" ||
      die 1 "$name $version is older than what is installed ($(package_version "$name"))" "an upgrade only goes forward"
    [[ $version == "$(package_version "$name")" ]] || newer=0
  done
  return "$newer"
}

# However the upgrade ended, the packages from before come back. Called when the run ends.
go_back() { # PACKAGE...
  local debs=("$STATE"/packages/ece-*.deb)
  GO_BACK=''
  [[ -e ${debs[0]} ]] || die 1 "the packages from before are not in $STATE/packages: there is no way back"
  STEPS=4 STEP=3
  step "Going back to the packages from before"
  repair_dpkg
  apt --no-install-recommends --allow-downgrades install "${debs[@]}" || show_output
  services_are_well "$@" || die 1 "neither the new nor the old packages are well on this host" "journalctl -u ece-agent -u ece-coordinator"
  say "The upgrade was taken back: $(head -n 1 "$WORK/status")"
}

command_upgrade() {
  local packages=(ece-agent)
  need_installed
  [[ $(recorded kind) == additional ]] || packages=(ece-coordinator ece-agent)
  STEPS=3
  check_storage
  [[ -n ${OPT[dry-run]:-} ]] || {
    UNDO_ON_EXIT=yes
    open_log
  }
  say_what_is_ignored
  step "Getting the packages"
  check_host
  [[ -n $BLOCKED ]] || package_folder >/dev/null || find_coordinator
  [[ -n $BLOCKED ]] || gather_packages "${packages[@]}" || BLOCKED=yes
  compgen -G "$STATE/packages/ece-agent_*.deb" >/dev/null ||
    warning "the packages from before are not in $STATE/packages: there will be no way back"
  judge_checks
  if [[ -n ${OPT[dry-run]:-} ]]; then
    if is_newer_brought "${packages[@]}"; then
      say "Would install $(cd "$WORK/packages" && echo *.deb), and go back if this host is not connected after that."
    else
      say "Nothing to do: what is installed is as new."
    fi
  elif ! is_newer_brought "${packages[@]}" && services_are_well "${packages[@]}"; then
    complete_upgrade
    say "Nothing to do: ${packages[0]} $(package_version "${packages[0]}") is installed, and this host is connected."
  else
    upgrade_packages "${packages[@]}"
  fi
}

upgrade_packages() { # PACKAGE...
  GO_BACK=$*
  step "Installing the packages"
  install_packages "$@"
  step "Waiting until this host is connected"
  services_are_well "$@" || {
    show_journal ece-agent
    die 1 "with the new packages this host is not connected in time" "the lines above say why"
  }
  GO_BACK=''
  complete_upgrade
  say "Done: $(head -n 1 "$WORK/status")"
}

complete_upgrade() {
  [[ $(recorded kind) == additional ]] || fill_artifacts
  keep_packages
  complete_changes
}

# ---- uninstall ----------------------------------------------------------------------------------------------------------------

other_hosts() { # how many runners the coordinator of this host has beside it; nothing if it cannot be asked
  SECRETS_TEXT=$(cat "$STORAGE/bootstrap-state/bootstrap-secrets.json" 2>/dev/null) || return 1
  as_admin infrastructure/runners "$WORK/runners.json" || return 1
  echo $(($(grep -c '"runner_id"' "$WORK/runners.json") - 1))
}

leave_installation() {
  local others
  NO_LEAVE=yes
  if [[ $(recorded kind) == first ]]; then
    [[ -z ${OPT[force]:-} && -e $COORDINATOR_STATE/coordinator.db ]] || return 0
    logged systemctl start ece-coordinator.service
    within "$(seconds 20)" coordinator_is_ready || debug "the coordinator does not answer"
    others=$(other_hosts) || die 1 "this is the first host, and its coordinator cannot be asked whether others depend on it" \
      "for that it must run, and $STORAGE/bootstrap-state/bootstrap-secrets.json be there; uninstall --force asks nobody"
    ((others <= 0)) || die 1 "$others other hosts belong to this installation, which would end" \
      "uninstall them first; uninstall --force ends it all the same"
    return 0
  fi
  [[ -z ${OPT[local]:-} && -e /var/lib/ece-agent/identity.json ]] || return 0
  logged timeout "$(seconds 30)" ece-agent leave && {
    detail "the coordinator no longer knows this host"
    return 0
  }
  show_output 3
  die 1 "the coordinator could not be told that this host leaves; nothing was changed" \
    "when it is gone for good: uninstall --local; then delete the runner there, if it comes back"
}

command_uninstall() {
  STEPS=2
  STORAGE=$(recorded storage) || true
  if [[ ! -s $STATE/journal && ! -s $STATE/installed && ! -e $STATE/installation ]]; then
    [[ -z $(package_version ece-agent)$(package_version ece-coordinator) ]] ||
      die 1 "the packages on this host were not installed by this script" "ece-agent leave; apt-get purge ece-agent ece-coordinator"
    say "Nothing of an installation is on this host."
    return 0
  fi
  [[ -z ${OPT[dry-run]:-} ]] || {
    say "Would take back, the newest first:"
    cat "$STATE/installed" "$STATE/journal" 2>/dev/null | tac | sed 's/^/  /; s/\t/ /g'
    return 0
  }
  step "Leaving the installation"
  leave_installation
  step "Removing what the installation brought"
  { undo_changes "$STATE/journal" && undo_changes "$STATE/installed"; } ||
    die 1 "not everything could be removed; the messages above say what" "when nothing is in the way any more, run uninstall again"
  systemctl daemon-reload
  rm -f "$STATE/journal" "$STATE/installed" "$STATE/installation"
  say "Done: nothing of it is left on this host."
}

# ---- reset-adminconsole-password ----------------------------------------------------------------------------------------------

# The coordinator must not run while its password is written; its hosts stay connected over the second that it takes.
command_reset_password() {
  local user=${OPT[user]:-admin} file password status
  say_what_is_ignored
  [[ -n ${OPT[host-storage-path]:-} || ! -e $STATE/installation ]] || STORAGE=$(recorded storage)
  file=${OPT[secrets]:-$STORAGE/bootstrap-state/bootstrap-secrets.json}
  [[ $file == /* ]] || file=$PWD/$file
  command -v ece-coordinator >/dev/null && [[ -e $COORDINATOR_STATE/coordinator.db ]] ||
    die 3 "there is no coordinator on this host" "run this on the installation's first host"
  RESTART=ece-coordinator.service # whatever happens
  logged systemctl stop ece-coordinator.service
  if [[ -n ${SECRET[pwd]:-} ]]; then
    password=${SECRET[pwd]}
    printf '%s\n' "$password" | logged ece-coordinator reset-password --user "$user" --password -
    status=$?
  else
    password=$(ece-coordinator reset-password --user "$user" 2>"$WORK/output")
    status=$?
  fi
  ((status == 0)) || {
    show_output 3
    die 3 "the password of $user was not changed"
  }
  note_password "$user" "$password" "$file"
  logged systemctl start ece-coordinator.service
  RESTART=''
  within "$(seconds 60)" coordinator_is_ready || die 1 "the coordinator does not answer after the change" "journalctl -u ece-coordinator -x"
}

# note_password USER PASSWORD FILE: into the secrets file if it names this user; a generated one must be told somewhere
note_password() {
  local key='' text new
  case $1 in admin) key=adminconsole_root_password ;; readonly) key=adminconsole_readonly_password ;; esac
  new=${2//\\/\\\\} new=${new//\"/\\\"}
  if [[ -n $key && -f $3 && ! -L $3 ]] && text=$(cat "$3") && [[ $text =~ (.*\"$key\":)\"([^\"\\]|\\.)*\"(.*) ]]; then
    text=${BASH_REMATCH[1]}\"$new\"${BASH_REMATCH[3]}
    printf '%s\n' "$text" | replace_file "$3" 0600 "$(stat -c %u:%g "$3")" && {
      say "The password of $1 was changed; $3 has it."
      return
    }
  fi
  if [[ -n ${SECRET[pwd]:-} ]]; then
    say "The password of $1 was changed."
  else
    log INFO "the password of $1 was changed"
    printf 'The new password of %s, shown only here: %s\n' "$1" "$2"
  fi
}

# ---- commands -----------------------------------------------------------------------------------------------------------------

usage() {
  cat <<TEXT
Usage: $PROGRAM COMMAND [FLAG...]

  install                       make this host the first of a new installation, or, with --coordinator-host, join one
  upgrade                       install newer packages; back to the old ones if this host is not connected after that
  uninstall                     leave the installation and remove what install brought
  reset-adminconsole-password   a new password for a user of the first host's coordinator
  help                          this text

A first word that is a flag means install. Every value is an argument of its own: --flag VALUE. It needs root, or sudo.

install, to join an installation:
  --coordinator-host HOST[:PORT],...  its coordinators, tried in turn
  --roles-token TOKEN|@FILE           what permits this host to join; @FILE keeps it out of the shell's history
  --roles "ROLE,..."                  of director, coordinator, proxy, allocator; none: to be assigned later
  --coordinator-ca FILE               who vouches for the coordinator, when the token does not say it
  --proxy URL                         the HTTP proxy to reach the coordinator through
install, everywhere:
  --availability-zone ZONE            ece-zone-1; it cannot be changed later
  --runner-id ID                      the host ip
  --host-ip ADDRESS                   the address by which others reach this host; that of the default route
  --capacity MB                       memory offered to instances; measured
  --allocator-tags KEY:VALUE,...
  --external-hostname NAME,...        (first host) more names of the coordinator, for its certificate
  --host-storage-path DIR             logs and first secrets; /mnt/data/elastic
  --package-dir DIR                   install from the packages there: without a network, or the first host
  --force                             report what the checks find, and go on
  --dry-run                           check and say what would be done
upgrade:    --package-dir DIR, --dry-run
uninstall:  --local (without telling the coordinator), --force (the first host, though others belong to it), --dry-run
reset-adminconsole-password:  --user NAME, --pwd PASSWORD, --secrets FILE, --host-storage-path DIR
everywhere: --debug, --timeout-factor NUMBER

Flags of the original that have no meaning here are accepted, named once, and kept in the installation record.
Exit status: 0 done, 1 failed, 2 unknown command, 3 bad argument, 4 neither root nor sudo, 5 this host lacks something.
TEXT
}

# Sets COMMAND, and REST to what comes after it.
choose_command() {
  REST=("$@")
  case ${1-} in
  install | upgrade | uninstall | reset-adminconsole-password)
    COMMAND=$1
    REST=("${@:2}")
    ;;
  --help | -h | help | '')
    (($# == 0)) || [[ -n $1 ]] || die 3 "an empty argument" "$PROGRAM help"
    usage
    exit 0
    ;;
  --*) COMMAND=install ;;
  add-stack-version | set-logging-and-metrics-policy | configure-selinux-settings)
    die 2 "$1 is not offered: this installation runs no stack, keeps no metrics indices and uses no containers" "$PROGRAM help"
    ;;
  *) die 2 "unknown command \"${1:0:80}\"" "$PROGRAM help" ;;
  esac
}

go_on() {
  ((EUID)) || secure_environment # nothing of the caller's PATH runs as root
  choose_command "$@"
  parse_arguments ${REST[@]+"${REST[@]}"}
  check_values
  [[ $COMMAND != install ]] || check_install_values
  take_privileges
  begin_as_root
  case $COMMAND in
  install) command_install ;;
  upgrade) command_upgrade ;;
  uninstall) command_uninstall ;;
  reset-adminconsole-password) command_reset_password ;;
  esac
}

main() {
  set -uo pipefail
  set_defaults
  unset CDPATH
  ((EUID)) || secure_environment
  [[ ! -f ${BASH_SOURCE[0]:-} ]] || SCRIPT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
  go_on "$@"
}

# sourced, for its tests: functions only
(return 0 2>/dev/null) || { main "$@" </dev/null; exit; }
