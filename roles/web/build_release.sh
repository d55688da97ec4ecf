#!/bin/sh
# build_release.sh RELEASE ICE COMMAND [ARGUMENT...]: a release, complete or absent.
# RELEASE is a directory with requirements and wheels. ICE is the directory of the zeroc-ice wheel.
# COMMAND installs as the builder, see install_release.sh. Set before:
#   reserved    names in RELEASE at which root writes later
# and the function measure of release_files.sh.
set -e
umask 022
release=$1 ice=$2
shift 2
# what is left of a build that failed would fill the disk for the next one
trap '[ -e "$release/complete" ] || rm -rf "$release"' EXIT
chmod 644 "$release"/*.whl "$release"/*.txt
# the wheel is what it was when it came; an older bundle noted no sum
(cd "$ice" && { [ ! -s complete ] || sha256sum -c --quiet complete; })
"$@"
# nothing of a package's may lead root elsewhere
# shellcheck disable=SC2154 # release.py sets reserved
for name in $reserved; do rm -rf "${release:?}/$name" "$release/$name".*; done
# what a power cut leaves of files that are not on disk yet would pass for a release
size=$(measure "$release")
sync -f "$release"
echo "$size" > "$release/complete"
