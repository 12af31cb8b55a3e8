#!/usr/bin/env bash
# Everything that says whether the project is sound: an ASan+UBSan build, unit and integration
# tests, the checks of style and documents, and acceptance tests of the packages on booted hosts.
# Ends with one line that counts what passed and failed; exit 0 only when nothing failed. Where
# hosts cannot be booted a line "SKIPPED acceptance: WHY" says so, which is no failure.
# Usage: test.sh [unit|integration|checks|acceptance]...   (all of them by default)
#        test.sh --acceptance                              (the same as acceptance)
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
build=$root/build/sanitize
logs=$root/build/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0

say() { printf '\n== %s\n' "$*"; }
count() { # count PASSED FAILED
  passed=$((passed + $1))
  failed=$((failed + $2))
}
# check NAME COMMAND...: one check, whose output is shown only when it fails.
check() {
  local name=$1 log
  log=$logs/check-${1//[^a-z0-9]/-}.log
  shift
  if "$@" >"$log" 2>&1; then
    printf 'ok      %s\n' "$name"
    count 1 0
  else
    printf 'FAILED  %s\n' "$name"
    head -n 60 "$log"
    count 0 1
  fi
}

build_sanitized() {
  cmake --preset sanitize >"$logs/configure.log" 2>&1 && cmake --build "$build" >"$logs/build.log" 2>&1
}

unit_tests() {
  say "unit tests"
  ctest --test-dir "$build" -j "$(nproc)" --output-on-failure -V >"$logs/unit.log" 2>&1
  local status=$? cases bad
  cases=$(grep -oE '\[  PASSED  \] [0-9]+ test' "$logs/unit.log" | awk '{n += $4} END {print n + 0}')
  bad=$(grep -cE '\[  FAILED  \] [a-z_0-9]+$' "$logs/unit.log")
  if ((status != 0)); then
    grep -E 'FAILED|ERROR|error:|runtime error|\*\*\*' "$logs/unit.log" | head -n 60
    ((bad > 0)) || bad=1
  fi
  printf '%s cases passed, %s failed\n' "$cases" "$bad"
  count "$cases" "$bad"
  say "unit tests of the installer"
  bats_tests unit
}

# bats_tests NAME [COMMAND...]: those in the folder tests/NAME, run by the command
bats_tests() {
  local name=$1 status good bad left_out
  shift
  ECE_BIN=$build "$@" bats --formatter tap --timing "tests/$name" | tee "$logs/$name.bats.log"
  status=${PIPESTATUS[0]}
  good=$(grep -cE '^ok ' "$logs/$name.bats.log")
  bad=$(grep -cE '^not ok ' "$logs/$name.bats.log")
  left_out=$(grep -cE '^ok .* # skip' "$logs/$name.bats.log")
  ((status == 0 || bad > 0)) || bad=1
  count $((good - left_out)) "$bad"
  skipped=$((skipped + left_out))
}

integration_tests() {
  say "integration tests"
  bats_tests integration
}

# why_no_hosts: 0 and the reason, if booted hosts cannot be had here.
why_no_hosts() {
  if ((EUID != 0)); then
    echo "it needs root"
  elif ! scripts/packages.sh acceptance >"$logs/acceptance-packages.log" 2>&1; then
    echo "packages are missing: $(tail -n 1 "$logs/acceptance-packages.log")"
  else
    tests/acceptance/lab/lab.sh check 2>&1
    (($? == 77))
  fi
}

acceptance_tests() {
  local why
  say "acceptance tests"
  if ! scripts/package.sh >"$logs/acceptance-build.log" 2>&1; then
    cat "$logs/acceptance-build.log"
    count 0 1
  elif why=$(why_no_hosts); then
    echo "SKIPPED acceptance: $why"
    skipped=$((skipped + $(cat tests/acceptance/*.bats | grep -c '^@test')))
  else
    # Each test ends by itself; these are for what nobody thought of.
    bats_tests acceptance env BATS_TEST_TIMEOUT=200 timeout --kill-after=30 900
  fi
}

sources() { git ls-files -co --exclude-standard "$@"; }
format_check() { sources '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror; }
shell_check() { sources '*.sh' '*.bash' '*.bats' '.ci/run' | xargs shellcheck -x; }
# gcc's own flags are unknown to clang: .clang-tidy says to take no offence.
tidy_check() {
  sources 'common/*.c' 'agent/*.c' 'coordinator/*.c' | xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p "$build"
}
man_check() { sources 'docs/man/*.[1-8]' | xargs -r mandoc -Tlint -Wwarning; }

style_checks() {
  say "checks"
  check "format (clang-format)" format_check
  check "shellcheck" shell_check
  check "clang-tidy" tidy_check
  check "layers: who includes whom" scripts/check-includes.sh
  check "protocol requirements are tested" scripts/check-requirements.sh
  check "man pages" man_check
  check "option tables of the man pages" scripts/man-options.sh --check "$build"
  check "units (systemd-analyze)" scripts/check-units.sh
  check "journal catalog" scripts/check-catalog.sh
  check "bash completion" scripts/check-completion.sh "$build"
  check "packages (lintian)" scripts/check-packages.sh
}

parts=("${@#--}")
((${#parts[@]})) || parts=(unit integration checks acceptance)
for part in "${parts[@]}"; do
  case $part in
  unit | integration | checks) needs_build=yes ;;
  acceptance) ;;
  *)
    echo "test.sh: \"$part\" is none of unit, integration, checks, acceptance" >&2
    exit 64
    ;;
  esac
done

scripts/packages.sh test || exit 1
if [[ ${needs_build:-} ]]; then
  say "ASan and UBSan build (build/sanitize)"
  if ! build_sanitized; then
    grep -E 'error|FAILED|Error' "$logs/configure.log" "$logs/build.log" 2>/dev/null | head -n 40
    count 0 1
    parts=()
  fi
fi
for part in ${parts[@]+"${parts[@]}"}; do
  case $part in
  unit) unit_tests ;;
  integration) integration_tests ;;
  checks) style_checks ;;
  acceptance) acceptance_tests ;;
  esac
done

printf '\n%d passed, %d failed' "$passed" "$failed"
((skipped == 0)) || printf ', %d skipped' "$skipped"
echo
((failed == 0))
