#!/bin/sh
# switch_static.sh DIRECTORY NAME: makes NAME in DIRECTORY the active collection. Keeps the previous
# collection, for pages that are still open, and removes all others.
set -e
cd "$1"
name=$2
link() { # NAME TARGET
    ln -sfT "$2" "$1.new"
    mv -fT "$1.new" "$1"
}
before=$(readlink current || true)
if [ -n "$before" ]; then link previous "$before"; fi
link current "$name"
for each in *; do
    case $each in
        current | previous | "$name" | "$before") ;;
        *) rm -rf "$each" ;;
    esac
done
