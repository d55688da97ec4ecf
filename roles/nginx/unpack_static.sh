#!/bin/sh
# unpack_static.sh DIRECTORY ARCHIVE NAME: unpacks another host's static files as NAME in DIRECTORY.
# NAME exists only when it is complete.
set -e
umask 022
cd "$1"
archive=$2 name=$3
rm -rf "$name.new"
mkdir "$name.new"
tar -xzf "$archive" -C "$name.new" --no-same-owner --no-same-permissions
find -P "$name.new" ! -type f ! -type d -delete
chmod -R u=rwX,go=rX "$name.new"
rm -f "$archive"
mv -T "$name.new" "$name"
