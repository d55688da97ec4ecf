#!/bin/sh
# accept_site.sh FILE SIZE OWNER MODE [FORMER...]: reads a site, SIZE bytes, from standard input. If
# `nginx -t` accepts the site in a copy of the whole configuration, writes it to FILE below /etc/nginx
# and removes the FORMER files. A refused site never reaches FILE.
# Set before:
#   run                        a directory for the copy, which root owns
#   access_log, user           the site's access log, and its owner
#   connections, open_files    limits for the main file, in which Debian's are too low
#   back_up                    a shell command that backs up the former files
#   mask                       for sed: masks what NGINX's errors quote of a file with secrets
# shellcheck disable=SC2154,SC2174 # site_config.py sets these variables; /run is there
set -e
file=$1 size=$2 owner=$3 mode=$4
shift 4
staged() { echo "$stage${1#/etc/nginx}"; }

mkdir -m 700 -p "$run"
rm -rf "$run"/nginx.*
stage=$(mktemp -d "$run/nginx.XXXXXX")
trap 'rm -rf "$stage"' EXIT
cp -as /etc/nginx/. "$stage" # links, so that no TLS key is copied

# A single visitor with slow connections can use more than Debian's 768 connections of a worker. A
# manually set number stays. NGINX allows `events` in the main file only.
main=$(readlink -f /etc/nginx/nginx.conf)
sed -E "s/^([[:space:]]*worker_connections[[:space:]]+)768;/\1$connections;/" "$main" > "$stage/main"
if ! grep -Eq '^[[:space:]]*worker_rlimit_nofile' "$main"; then
    sed -i "1i worker_rlimit_nofile $open_files;  # by the OMERO.web bundle" "$stage/main"
fi
cp --remove-destination "$stage/main" "$stage/nginx.conf"

# With the mode of Debian's logrotate: NGINX itself would create a world-readable file.
[ -e "$access_log" ] || install -m 640 -o "$user" -g adm /dev/null "$access_log"
chown "$user:adm" "$access_log"
chmod 640 "$access_log"

copy=$(staged "$file")
rm -f "$copy"
for former; do rm -f "$(staged "$former")"; done
cat > "$copy"
[ "$(wc -c < "$copy")" -eq "$size" ] # a lost connection looks like the end of the input
eval "$back_up"
# the main file's includes name /etc/nginx
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
