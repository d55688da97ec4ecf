#!/bin/sh
# install_release.sh RELEASE ICE WHEEL...: the part of build_release.sh that runs as the builder, in
# RELEASE. Set before:
#   python         the host's own Python
#   uv             the program
#   cache          uv's cache directory
#   requirements   options: `-r LOCK` for each lock
#   plugins        JSON: the names of each plugin's packages
# shellcheck disable=SC2154 # release.py sets these variables
set -e
release=$1 ice=$2
shift 2
export UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy # no links to the cache, which stays the builder's
run_uv() { "$uv" --cache-dir "$cache" --no-config "$@"; }
install() { run_uv pip install -q --python "$release/bin/python" --no-deps "$@"; }

# by its versioned name, so that Debian's next Python is not used instead
run_uv venv -q --allow-existing --python "$(readlink -f "$python")" "$release"
# shellcheck disable=SC2086 # several options
install --require-hashes $requirements
install "$ice"/*.whl "$@"
# The bytecode, which the service cannot write, of these imports and of all packages but those of
# which OMERO.web imports little. A package may have files for other versions of Python.
unset PYTHONDONTWRITEBYTECODE
"$release/bin/python" -c '
import omero, omero.clients, omero.gateway, omeroweb, gunicorn.app.wsgiapp, omeroweb_ops'
little='/(tests?|testing|numpy|setuptools|future|gis)/'
"$release/bin/python" -m compileall -qq -j 0 -x "$little" lib || :
[ "$plugins" = "{}" ] || "$release/bin/python" -I -m omeroweb_ops.releases.plugin_requirements "$plugins"
# older than the mtimes of releases.static_compress, or collectstatic would copy each file again
find lib -path '*/static/*' -type f -exec touch -d @946684800 {} +
