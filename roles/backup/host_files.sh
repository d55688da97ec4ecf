#!/bin/sh
# shellcheck disable=SC2154,SC2013,SC2016 # host_files.py sets the variables; paths have no spaces
# host_files.sh: prints what is backed up of a host, in sections: `section NAME`, lines of base64, and
# `status NUMBER`. It needs the functions of privilege.sh. Set before:
#   base, omerodir, user, nginx_site, nginx_tls, letsencrypt, redis (the command of Redis' administrator)
#   web_files                    paths below OMERODIR, for grep
#   sessions                     not empty: with the sessions
#   max_file, max_sessions       limits in bytes
columns=60000 # of a line
export LC_ALL=C
cd / || exit 1

section() { # NAME COMMAND...
    echo "section $1"
    shift
    { status=$({ { "$@" 3>&- 4>&-; echo $? >&3; } | base64 -w $columns >&4; } 3>&1); } 4>&1
    echo "status $status"
}
as_user() { setsid -w runuser -u "$user" -- "$@"; } # without root's terminal

# Files of root, in directories that only root can write to.
root_files() {
    set --
    for each in "$base/state/desired.json" "$base/branding" "$nginx_tls"; do
        ! [ -e "$each" ] || { owned_path "$each" && set -- "$@" "${each#/}"; } || return
    done
    for name in $(certbot_names); do
        for each in "live/$name" "archive/$name" "renewal/$name.conf" accounts; do
            path=$letsencrypt/$each
            ! [ -e "$path" ] || { owned_path "$path" && set -- "$@" "${path#/}"; } || return
        done
    done
    [ $# = 0 ] || tar -c -f - --one-file-system -C / -- "$@"
}
# Prints the names of certbot's certificates that the site uses: the bundle's own, and one in place.
certbot_names() {
    [ ! -e "$letsencrypt/renewal/omero-web.conf" ] || echo omero-web
    site_certificates | sed -nE "s#^$letsencrypt/live/([A-Za-z0-9._-]+)/[a-z]+[.]pem\$#\1#p" | sort -u
}
site_certificates() {
    sed -nE 's/^[[:space:]]*ssl_certificate(_key)?[[:space:]]+([^;"]+);.*/\2/p' "$nginx_site" 2> /dev/null |
        sort -u
}

# The certificate and key elsewhere on the host that NGINX's site names; links lead to their targets.
certificates() {
    set --
    for each in $(site_certificates); do
        case $each in "$nginx_tls"/* | "$letsencrypt"/*) continue ;; /*) ;; *) continue ;; esac
        [ -f "$each" ] && owned_path "$each" && owned_path "$(readlink -f "$each")" || return
        set -- "$@" "${each#/}"
    done
    [ $# = 0 ] || tar -c -h -f - -C / -- "$@"
}

# Files of the service's user, which reads them itself: a link, a pipe or an endless file is not a
# regular file below the limit.
web_files() {
    [ -d "$omerodir/etc/grid" ] || return 0
    as_user timeout -k 5 60 sh -c 'cd "$1" && find etc/grid var/django_secret_key -maxdepth 1 -type f \
        -size "-$2c" 2> /dev/null | grep -xE "$3" | tar -c -f - --no-recursion -T -' \
        web_files "$omerodir" "$max_file" "$web_files" | head -c "$max_file"
}
session_files() {
    [ -d "$omerodir/var/sessions" ] || return 0
    as_user timeout -k 5 600 sh -c 'cd "$1/var/sessions" && find . -maxdepth 1 -type f -size -1000k |
        sed "s#^[.]/##" | grep -xE "[A-Za-z0-9][A-Za-z0-9_.-]*" | tar -c -f - --no-recursion -T -' \
        session_files "$omerodir" | head -c "$max_sessions"
}

# Prints the commands that write each key of Redis again, in the protocol that `redis-cli --pipe`
# reads (https://redis.io/docs/latest/develop/reference/protocol-spec/). SET is understood by each
# version; DUMP and RESTORE are not by an older one. The times are absolute.
redis_keys() {
    [ -x "$redis" ] || return 0
    [ "$("$redis" ping 2>&1)" = PONG ] || { echo "Redis does not answer" >&2; return 1; }
    for number in $("$redis" info keyspace | tr -d '\r' | sed -n 's/^db\([0-9]*\):.*/\1/p'); do
        printf '*2\r\n$6\r\nSELECT\r\n$%d\r\n%d\r\n' "${#number}" "$number"
        cursor=0
        while :; do
            # the first line is the next cursor; Redis ignores the empty line after the answer
            "$redis" -n "$number" --raw eval "$1" 0 "$cursor" > "$scratch/keys" || return
            cursor=$(head -n 1 "$scratch/keys")
            tail -n +2 "$scratch/keys"
            case $cursor in 0) break ;; *[!0-9]* | '') echo "Redis: $cursor" >&2 && return 1 ;; esac
        done
    done | head -c "$max_sessions"
}
dump_keys='
local function bulk(text) return "$" .. #text .. "\r\n" .. text .. "\r\n" end
local found = redis.call("SCAN", ARGV[1], "COUNT", 500, "TYPE", "string")
local out = {found[1] .. "\n"}
for _, key in ipairs(found[2]) do
    local value, ends = redis.call("GET", key), redis.call("PEXPIRETIME", key)
    if value and ends >= 0 then
        out[#out + 1] = "*5\r\n" .. bulk("SET") .. bulk(key) .. bulk(value) .. bulk("PXAT") ..
            bulk(string.format("%.0f", ends))
    elseif value then
        out[#out + 1] = "*3\r\n" .. bulk("SET") .. bulk(key) .. bulk(value)
    end
end
return table.concat(out)'

section root root_files
section certificates certificates
section web web_files
if [ -n "$sessions" ]; then
    scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT || exit 1
    section files session_files
    section redis redis_keys "$dump_keys"
fi
