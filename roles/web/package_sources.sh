# shellcheck shell=sh disable=SC2154 # release.py sets tools
# Part of the commands that install packages: pip and uv use the certificates, the index and the
# proxy of the site. Set before: tools, the directory of uv's virtualenv.

# A site's own certificate authority is in the system's store, which pip and uv do not use.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -e "$certificates" ]; then
    export PIP_CERT="${PIP_CERT:-$certificates}" SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
# uv and Python use the index and the proxy of pip's configuration, too. (`pip config get` reads only
# the user's own file.)
settings=
# pip takes a while to say that it has no configuration
# https://pip.pypa.io/en/stable/topics/configuration/#location
has_pip_configuration() {
    [ -z "${PIP_INDEX_URL-}${PIP_PROXY-}${PIP_CONFIG_FILE-}" ] || return 0
    for directory in /etc/xdg /etc "${XDG_CONFIG_DIRS%%:*}" "$HOME/.pip" "$HOME/.config/pip" \
        "${XDG_CONFIG_HOME-}/pip" "$tools"; do
        [ ! -e "$directory/pip.conf" ] && [ ! -e "$directory/pip/pip.conf" ] || return 0
    done
    return 1
}
if [ -x "$tools/bin/pip" ] && has_pip_configuration; then
    settings=$("$tools/bin/pip" config list 2> /dev/null)
fi
# Prints a setting of pip; a variable comes before a section of the command, and that before [global].
of_pip() { # NAME
    for section in :env: install global; do
        printf '%s\n' "$settings" | sed -n "s/^$section\.$1=\(['\"]\)\(.*\)\1\$/\2/p"
    done | head -n 1
}
index=$(of_pip index-url)
if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
proxy=$(of_pip proxy)
if [ -n "$proxy" ] && [ -z "${HTTPS_PROXY-}${https_proxy-}${ALL_PROXY-}${all_proxy-}" ]; then
    case $proxy in *://*) ;; *) proxy=http://$proxy ;; esac
    export HTTPS_PROXY="$proxy" HTTP_PROXY="${HTTP_PROXY:-$proxy}"
fi
