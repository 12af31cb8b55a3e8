#!/usr/bin/env bash
# The packages can be built, lintian finds nothing in them, and they hold what the service needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/package.sh
status=0
complain() {
  echo "$1"
  status=1
}
for name in ece-agent ece-coordinator; do
  for deb in build/packages/"${name}"_*.deb; do
    listing=$(dpkg-deb --contents "$deb" | awk '{print $1, $6}')
    for path in usr/bin/$name usr/lib/systemd/system/$name.service usr/lib/sysusers.d/$name.conf \
      usr/lib/systemd/catalog/$name.catalog usr/share/man/man8/$name.8.gz \
      usr/share/bash-completion/completions/$name etc/$name; do
      grep -qE " \./$path/?$" <<<"$listing" || complain "$deb does not hold $path"
    done
    # a directory that the build's umask closed would close it on the host
    grep -E '^d' <<<"$listing" | grep -vE '^drwxr-xr-x ' && complain "$deb: the directories above are not 0755"
    grep -q "^ExecStart=/usr/bin/$name run$" <<<"$(dpkg-deb --fsys-tarfile "$deb" |
      tar -xO "./usr/lib/systemd/system/$name.service")" || complain "$deb: the unit does not start /usr/bin/$name"
  done
done
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error,warning build/packages/*.deb || complain "lintian: see above"
else
  echo "SKIPPED: lintian is not here (package lintian): the packages were not looked at by it"
fi
exit "$status"
