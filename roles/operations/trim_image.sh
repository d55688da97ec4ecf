#!/bin/sh
# trim_image.sh ROOT RELEASE: removes from an image what no container uses; finish_image.sh calls it.
# ROOT: / or a directory that stands for it. RELEASE: the directory of the release, or of another
# virtual environment.
set -e
# shellcheck disable=SC1091 # of this project
. "$(dirname "$0")/release_files.sh"
root=${1%/} release=$2
packages=$(echo "$release"/lib/python3*/site-packages)

# Debian: messages in other languages (LANG is C.UTF-8) and manuals. Copyright files stay.
rm -rf "$root"/usr/share/locale/* "$root"/usr/share/man/* "$root"/usr/share/info/* \
    "$root"/usr/share/lintian "$root"/usr/share/doc-base
find "$root"/usr/share/doc ! -type d ! -name copyright -delete
find "$root"/usr/share/doc -mindepth 1 -type d -empty -delete

# Python packages: their own tests and type stubs. django/test has no tests: modules import it.
find "$packages" -type d -name tests ! -path '*/django/*' -prune -exec rm -rf {} +
find "$packages" -name '*.pyi' -delete

[ ! -e "$release/complete" ] || measure "$release" > "$release/complete" # otherwise `omeroweb-ops status` reports missing files
