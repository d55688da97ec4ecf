# shellcheck shell=sh disable=SC2154 # release.py sets tools
# Part of the commands that install packages: pip and uv use the certificates and the index of the
# site. Set before: tools, the directory of uv's virtualenv.

# A site's own certificate authority is in the system's store, which pip and uv do not use.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -e "$certificates" ]; then
    export PIP_CERT="${PIP_CERT:-$certificates}" SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
# uv uses the index of pip's configuration, too. (`pip config get` reads only the user's own file.)
index=
if [ -x "$tools/bin/pip" ]; then
    index=$("$tools/bin/pip" config list 2> /dev/null |
        sed -nE "s/^(:env:|global|install)\.index-url='(.*)'$/\2/p" | head -n 1)
fi
if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
