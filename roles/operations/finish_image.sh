#!/bin/sh
# finish_image.sh NAME ENVIRONMENT: the last step of an image's build. It lists the packages in
# /usr/share/doc/omero-web/sbom.cdx.json and removes build tools, what no container uses, caches and
# the project itself. NAME: the image's. ENVIRONMENT: the directory of its virtual environment.
set -e
name=$1 environment=$2 bundle=/bundle documents=/usr/share/doc/omero-web tools=/tmp/sbom

"$bundle/run" uv venv -q --python /usr/bin/python3 "$tools"
"$bundle/run" uv pip install -q --python "$tools" --require-hashes -r "$bundle/roles/operations/sbom_tools.txt"

# Perl is in some bases (usrmerge needs it).
export DEBIAN_FRONTEND=noninteractive
apt-get install -q -y --no-install-recommends usr-is-merged
apt-get purge -q -y --auto-remove 'python3.*-venv$' perl '^libperl5' '^perl-modules'
sh "$bundle/roles/operations/trim_image.sh" / "$environment"

mkdir -p "$documents"
"$tools/bin/python" -I "$bundle/roles/operations/sbom.py" "$name" "$environment" > "$documents/sbom.cdx.json"

rm -rf /root/.cache /var/cache/omeroweb-ops /var/cache/apt /var/lib/apt/lists/* /tmp/*
find /var/log -type f -delete
rm -rf "$bundle"
