#!/bin/sh
# start_release.sh RELEASE CURRENT PREVIOUS: makes an empty directory for a release.
# Releases that have never been active are removed; `bin/release seen` keeps the last ones that have.
# CURRENT and PREVIOUS are the links to releases.
release=$1 current=$2 previous=$3
for each in "${release%/*}"/*; do
    if [ ! -d "$each" ] || [ -e "$each/served" ]; then continue; fi
    case $(readlink -f "$each") in # /opt/omero may be a link to another disk
        "$(readlink -f "$current")" | "$(readlink -f "$previous")") ;;
        *) rm -rf "$each" ;;
    esac
done
rm -rf "$release" && mkdir -p "$release" && chmod 755 "$release"
