#!/bin/sh
# install_tools.sh PYTHON TOOLS LOCK [UV]: the part of build_tools.sh that runs as the builder.
# UV is the program, compressed with gzip. Without UV, the packages of LOCK are installed.
set -e
python=$1 tools=$2 lock=$3 uv=${4-}
# Debian's own pip wheel runs without unpacking, which would take 3 seconds
pip=$(echo /usr/share/python-wheels/pip-*.whl)
if [ -n "$uv" ]; then
    mkdir "$tools/bin"
    gzip -dc "$uv" > "$tools/bin/uv"
    # package_sources.sh asks pip for its configuration
    printf '#!/bin/sh\nexec %s %s/pip "$@"\n' "$python" "$pip" > "$tools/bin/pip"
    chmod 755 "$tools/bin/uv" "$tools/bin/pip"
    "$tools/bin/uv" --version > /dev/null
    exit
fi
"$python" -m venv --without-pip "$tools"
if [ ! -e "$pip" ]; then
    pip=
    "$python" -m venv "$tools"
fi
PYTHONPATH="$pip" "$tools/bin/python" -m pip install -q --require-hashes -r "$lock"
