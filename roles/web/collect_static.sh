#!/bin/sh
# collect_static.sh RELEASE DIGEST [DIRECTORY]: runs the command that collects static files as the
# service's user, and moves the collected files to DIRECTORY of the release. Without DIRECTORY, the
# command collects into the site's own directory. DIGEST, of the files' sources, is written last.
# Set before:
#   collect   the command; with DIRECTORY, it writes the tar archive RELEASE/static.tar
# Existing files stay, for pages that are still open. Each file is replaced atomically.
set -e
umask 022
release=$1 digest=$2 directory=${3-}
new=$release/static.new archive=$release/static.tar

# Removes everything but regular files and directories, and makes them world-readable.
leave_files() { # DIRECTORY
    find -P "$1" ! -type f ! -type d -delete
    chmod -R u=rwX,go=rX "$1"
}

if [ -n "$directory" ]; then
    # in releases of an older bundle, which a rollback can activate, the service's user owns them
    for each in "${release%/*}"/*/static; do
        [ -d "$each" ] && [ "$(stat -c %u "$each")" != 0 ] || continue
        chown -hR root:root "$each"
        leave_files "$each"
    done
    rm -rf "$new" "$archive"*
    trap 'rm -rf "$new" "$archive"*' EXIT
    # complete before it is read; the command reports errors only on standard error
    # shellcheck disable=SC2154 # static_files.py sets collect
    (
        umask 077
        eval "$collect"
    ) >&2
    mkdir "$new"
    tar -xf "$archive" -C "$new" --no-same-owner --no-same-permissions
    leave_files "$new"
    mkdir -p "$release/$directory"
    cp -alfT "$new" "$release/$directory"
else
    (eval "$collect") >&2
fi
sync -f "$release"
echo "$digest" > "$release/collected.new"
mv -fT "$release/collected.new" "$release/collected"
