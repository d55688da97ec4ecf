#!/bin/sh
# Runs a build as a separate user without any other right, and then gives the files to root:
#     build.sh USER HOME CACHE DIRECTORY COMMAND [ARGUMENT...]
# COMMAND runs in DIRECTORY, which belongs to USER until COMMAND ends. CACHE stays USER's, and HOME
# exists during one build only. Root must own the parents of all three.
# Code of packages that runs during their installation (build backends, .pth files) so does not run as
# root, nor with the environment of the user who deploys.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
        HOME|PATH|LANG|LC_*|PIP_*|UV_*|SSL_*|*_proxy|*_PROXY|REQUESTS_CA_BUNDLE) ;;
        *) unset "$name" ;;
    esac
done
set -eu
umask 022
user=$1 home=$2 cache=$3 directory=$4
shift 4
cd /

id -u "$user" > /dev/null 2>&1 ||
    useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin "$user"
uid=$(id -u "$user") group=$(id -gn "$user")

unprivileged() {
    setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs "$@"
}
lives() {
    cat /proc/[0-9]*/status 2> /dev/null |
        awk -v uid="$uid" '/^State:/ {dead = $2 == "Z"} /^Uid:/ && $2 == uid && !dead {found = 1}
            END {exit !found}'
}
# kill(2) with -1 signals all processes of the user at once, so that none can escape by forking.
end_all() {
    tries=0
    while lives; do
        [ "$tries" -lt 300 ] || { echo "the processes of $user do not end" >&2; return 1; }
        unprivileged sh -c 'kill -KILL -1' 2> /dev/null || true
        tries=$((tries + 1))
        sleep 0.1
    done
}

end_all # processes of a killed build
rm -rf "$home"
install -d -o "$user" -g "$group" -m 700 "$home" "$home/tmp"
for file in "${HOME:-/root}/.config/pip/pip.conf" "${HOME:-/root}/.pip/pip.conf"; do
    [ ! -f "$file" ] || { install -D -o "$user" -m 400 "$file" "$home/.pip/pip.conf"; break; }
done
if [ -f "${PIP_CONFIG_FILE-}" ]; then # it may be for root alone
    install -o "$user" -m 400 "$PIP_CONFIG_FILE" "$home/pip.conf"
    export PIP_CONFIG_FILE="$home/pip.conf"
fi
install -d -m 700 "$cache"
[ "$(stat -c %U "$cache")" = "$user" ] || chown -hR "$user:$group" "$cache"
chown "$user" "$directory"

status=0
# a separate session, so that it cannot type into the terminal
( cd "$directory" && export HOME="$home" TMPDIR="$home/tmp" && unprivileged setsid -w "$@" ) < /dev/null ||
    status=$?
end_all
rm -rf "$home"
if [ -n "$(find "$directory" -type f -links +1 -print -quit)" ]; then
    echo "$directory: a file has a hard link outside of the directory, which only root may create" >&2
    exit 1
fi
chown -hR root:root "$directory"
chmod -R go-w "$directory"
find "$directory" ! -type f ! -type d ! -type l -delete
exit "$status"
