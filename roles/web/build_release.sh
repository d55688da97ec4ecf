#!/bin/sh
# build_release.sh RELEASE ICE COMMAND [ARGUMENT...]: builds a release, complete or not at all.
# RELEASE is a directory with requirements and wheels. ICE is the directory of the zeroc-ice wheel.
# COMMAND installs as the builder, see install_release.sh. Set before:
#   reserved    names in RELEASE to which root writes later
# and the function measure of release_files.sh.
set -e
umask 022
release=$1 ice=$2
shift 2
# remove a failed build, which would use disk space
trap '[ -e "$release/complete" ] || rm -rf "$release"' EXIT
chmod 644 "$release"/*.whl "$release"/*.txt
# the wheel must be unchanged; an older bundle stored no checksum
(cd "$ice" && { [ ! -s complete ] || sha256sum -c --quiet complete; })
"$@"
# a package must not redirect root's writes
# shellcheck disable=SC2154 # release.py sets reserved
for name in $reserved; do rm -rf "${release:?}/$name" "$release/$name".*; done
# after a power cut, a release with unwritten files must not look complete
size=$(measure "$release")
sync -f "$release"
echo "$size" > "$release/complete"
