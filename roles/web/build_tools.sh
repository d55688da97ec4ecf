#!/bin/sh
# build_tools.sh LOCK SIZE DIGEST COMMAND [ARGUMENT...]: builds uv's virtualenv, complete or not at all.
# The lock, SIZE bytes on standard input, is written to LOCK. COMMAND installs as the
# builder; DIGEST is written last. Set before: tools, the virtualenv's directory.
set -e
umask 022
lock=$1 size=$2 digest=$3
shift 3
# shellcheck disable=SC2154 # release.py sets tools
rm -rf "$tools"
mkdir "$tools"
cat > "$lock"
[ "$(wc -c < "$lock")" -eq "$size" ] # a lost connection looks like the end of the input
"$@"
sync -f "$tools"
echo "$digest" > "$tools/complete"
