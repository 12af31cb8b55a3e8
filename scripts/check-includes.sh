#!/usr/bin/env bash
# The layers of docs/architecture.md as data: each folder, and the folders whose headers its files may include (its own always).
# Says file, line and rule for every include that points the wrong way. A new folder needs a line here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

declare -A may=(
  [common/base]=""
  [common/codec]="common/base"
  [common/wire]="common/base common/codec"
  [common/loop]="common/base"

  [agent/measure]="common/base common/wire"
  [agent/link]="common/base common/codec common/wire common/loop"
  [agent/join]="common/base common/codec common/wire common/loop agent/link"
  [agent]="common/base common/codec common/wire common/loop agent/measure agent/link agent/join"
  [agent/check]="common/base common/codec common/wire common/loop agent agent/measure agent/link agent/join"
  [agent/commands]="common/base common/codec common/wire common/loop agent agent/measure agent/link agent/join agent/check"

  [coordinator/store]="common/base"
  [coordinator/http]="common/base common/codec common/wire"
  [coordinator/audit]="common/base common/codec coordinator/store"
  [coordinator/registry]="common/base common/codec common/wire coordinator/store"
  [coordinator/auth]="common/base common/codec common/wire coordinator/store coordinator/http"
  [coordinator/installation]="common/base common/codec common/wire coordinator/store coordinator/auth"
  [coordinator/query]="common/base"
  [coordinator/views]="common/base common/codec common/wire coordinator/registry"
  [coordinator/handlers]="common/base common/codec common/wire coordinator/store coordinator/http coordinator/audit coordinator/registry coordinator/auth coordinator/installation coordinator/query coordinator/views"
  [coordinator]="common/base common/codec common/wire common/loop coordinator/store coordinator/http coordinator/audit coordinator/registry coordinator/auth coordinator/installation coordinator/query coordinator/views coordinator/handlers"
  [coordinator/commands]="common/base common/codec common/wire common/loop coordinator coordinator/store coordinator/audit coordinator/auth"
)

status=0
complain() {
  echo "$1"
  status=1
}
while IFS=: read -r file line include; do
  from=$(dirname "$file")
  target=${include#*\"}
  target=${target%%\"*}
  to=$(dirname "$target")
  [[ $target == version.h ]] && continue
  if [[ ! -v may[$from] ]]; then
    complain "$file: the folder $from has no line in scripts/check-includes.sh"
  elif [[ $to != "$from" && " ${may[$from]} " != *" $to "* ]]; then
    complain "$file:$line: includes $target: $from may include only: ${may[$from]:-nothing of ours}"
  fi
done < <(grep -rnE '^#include "' common agent coordinator --include='*.c' --include='*.h')

# Tests may include everything; nothing includes them.
if grep -rnE '^#include "tests/' common agent coordinator --include='*.c' --include='*.h'; then
  complain "production code includes tests"
fi
exit "$status"
