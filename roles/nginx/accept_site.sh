#!/bin/sh
# accept_site.sh FILE SIZE OWNER MODE [FORMER...]: a site, SIZE bytes on standard input, gets its place
# FILE below /etc/nginx, instead of the FORMER files, if `nginx -t` accepts it in a copy of the whole
# configuration. A site that it refuses never reaches FILE, not for an instant.
# Set before:
#   run                        a directory of root's own for the copy
#   access_log                 of the site
#   connections, open_files    what Debian's main file is too small for
#   back_up                    a shell command that keeps the former files
#   mask                       for sed: hides what NGINX's refusal quotes of a file with secrets
# shellcheck disable=SC2154,SC2174 # site_config.py sets these variables; /run is there
set -e
file=$1 size=$2 owner=$3 mode=$4
shift 4
staged() { echo "$stage${1#/etc/nginx}"; }

mkdir -m 700 -p "$run"
rm -rf "$run"/nginx.*
stage=$(mktemp -d "$run/nginx.XXXXXX")
trap 'rm -rf "$stage"' EXIT
cp -as /etc/nginx/. "$stage" # links: no TLS key is copied

# Debian's 768 connections for each worker are fewer than one visitor with slow ones can hold; a
# number that somebody else wrote stays. `events` may stand in the main file alone.
main=$(readlink -f /etc/nginx/nginx.conf)
sed -E "s/^([[:space:]]*worker_connections[[:space:]]+)768;/\1$connections;/" "$main" > "$stage/main"
if ! grep -Eq '^[[:space:]]*worker_rlimit_nofile' "$main"; then
    sed -i "1i worker_rlimit_nofile $open_files;  # by the OMERO.web bundle" "$stage/main"
fi
cp --remove-destination "$stage/main" "$stage/nginx.conf"

# As Debian's logrotate makes it: NGINX itself would make it for everybody to read.
[ -e "$access_log" ] || install -m 640 -o www-data -g adm /dev/null "$access_log"
chown www-data:adm "$access_log"
chmod 640 "$access_log"

copy=$(staged "$file")
rm -f "$copy"
for former; do rm -f "$(staged "$former")"; done
cat > "$copy"
[ "$(wc -c < "$copy")" -eq "$size" ] # a connection that is cut looks like the end
eval "$back_up"
# /etc/nginx is also named in the main file's includes
sed -i "s#/etc/nginx/\(conf.d\|sites-enabled\|modules-enabled\)#$stage/\1#" "$stage/nginx.conf"
status=0
nginx -t -q -c "$stage/nginx.conf" 2> "$stage/said" || status=$?
sed "$mask" "$stage/said" >&2
[ "$status" = 0 ]

if ! cmp -s "$stage/main" "$main"; then
    cp -p "$main" "$main.new"
    cat "$stage/main" > "$main.new"
    sync "$main.new"
    mv -fT "$main.new" "$main"
fi
chown "$owner" "$copy"
chmod "$mode" "$copy"
cp -p "$copy" "$file.new"
sync "$file.new"
mv -fT "$file.new" "$file"
rm -f "$@"
