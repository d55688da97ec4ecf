#!/bin/sh
# build_tools.sh DIGEST COMMAND [ARGUMENT...]: builds uv's directory, complete or not at all. COMMAND
# installs as the builder; DIGEST is written last. Set before:
#   tools   the directory
#   sent    a file that COMMAND may need, and that is removed then
set -e
umask 022
digest=$1
shift
# shellcheck disable=SC2154 # tools.py sets tools
rm -rf "$tools"
mkdir "$tools"
"$@"
# shellcheck disable=SC2154 # tools.py sets sent
rm -f "$sent"
sync -f "$tools"
echo "$digest" > "$tools/complete"
