# shellcheck shell=bash
# Bash completion of ece-agent and ece-coordinator (installed under both names). It asks the programs themselves: --help
# names the commands, COMMAND --help the flags, so that nothing here can grow old.

_ece_programs() {
  local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words=$("$program" --help 2>/dev/null | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p')" --help --version"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    return
  fi
  case $before in
  --config | --coordinator-ca | --tls-cert | --tls-key)
    compopt -o filenames 2>/dev/null || true
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
    ;;
  --state-dir | --runtime-dir | --artifacts-dir)
    compopt -o filenames 2>/dev/null || true
    mapfile -t COMPREPLY < <(compgen -d -- "$word")
    return
    ;;
  --roles) words="director coordinator proxy allocator" ;;
  --user) words="admin readonly" ;;
  --log-level) words="error warning notice info debug" ;;
  token) words=inspect ;;
  *) words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u) ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _ece_programs ece-agent ece-coordinator
