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

# The installer: in the coordinator's package, in the tarball, and beside them in the bundle, whose index is whole.
installer=elastic-cloud-enterprise.sh
listing=$(dpkg-deb --contents build/packages/ece-coordinator_*.deb)
grep -qE "^-rwxr-xr-x root/root .* \./usr/share/ece-coordinator/$installer\$" <<<"$listing" ||
  complain "ece-coordinator's package does not hold usr/share/ece-coordinator/$installer, 0755"
listing=$(tar -tzvf build/packages/*.tar.gz)
grep -qE "^-rwxr-xr-x .*/usr/share/ece-coordinator/$installer\$" <<<"$listing" || complain "the tarball does not hold $installer, 0755"
cmp "scripts/$installer" "build/packages/$installer" || complain "build/packages/$installer is not scripts/$installer"
[[ -x build/packages/$installer ]] || complain "build/packages/$installer cannot be executed"
(cd build/packages && sha256sum --quiet --strict --check SHA256SUMS) || complain "build/packages/SHA256SUMS does not hold"
listed=$(awk '{print $2}' build/packages/SHA256SUMS | sort)
there=$(find build/packages -type f ! -name SHA256SUMS -printf '%f\n' | sort)
[[ $listed == "$there" ]] || complain "SHA256SUMS lists not exactly what is there:"$'\n'"$(diff <(echo "$listed") <(echo "$there"))"

if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error,warning build/packages/*.deb || complain "lintian: see above"
else
  echo "SKIPPED: lintian is not here (package lintian): the packages were not looked at by it"
fi
exit "$status"
