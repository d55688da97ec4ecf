#!/bin/sh
# install_tools.sh PYTHON TOOLS LOCK: the part of build_tools.sh that runs as the builder.
set -e
python=$1 tools=$2 lock=$3
"$python" -m venv --without-pip "$tools"
# Debian's own pip wheel runs without unpacking, which would take 3 seconds
pip=$(echo /usr/share/python-wheels/pip-*.whl)
if [ ! -e "$pip" ]; then
    pip=
    "$python" -m venv "$tools"
fi
PYTHONPATH="$pip" "$tools/bin/python" -m pip install -q --require-hashes -r "$lock"
