#!/bin/sh
# collect_static.sh RELEASE DIGEST [DIRECTORY]: run the command that collects static files as the
# service's user, and take what it has collected into DIRECTORY of the release. Without DIRECTORY it
# collects into a directory of the site's own. DIGEST names what is collected, written last.
# Set before:
#   collect   the command; where DIRECTORY is given it writes a tar archive, RELEASE/static.tar
# What is there already stays, for pages that are still open; each file is replaced in one step.
set -e
umask 022
release=$1 digest=$2 folder=${3-}
new=$release/static.new archive=$release/static.tar

# Nothing is left but regular files and directories, for everybody to read.
leave_files() { # DIRECTORY
    find -P "$1" ! -type f ! -type d -delete
    chmod -R u=rwX,go=rX "$1"
}

if [ -n "$folder" ]; then
    # releases of an older bundle have them from the service's user; they can serve again (rollback)
    for each in "${release%/*}"/*/static; do
        [ -d "$each" ] && [ "$(stat -c %u "$each")" != 0 ] || continue
        chown -hR root:root "$each"
        leave_files "$each"
    done
    rm -rf "$new" "$archive"*
    trap 'rm -rf "$new" "$archive"*' EXIT
    # complete before it is read; errors come by standard error alone
    # shellcheck disable=SC2154 # static_files.py sets collect
    (
        umask 077
        eval "$collect"
    ) >&2
    mkdir "$new"
    tar -xf "$archive" -C "$new" --no-same-owner --no-same-permissions
    leave_files "$new"
    mkdir -p "$release/$folder"
    cp -alfT "$new" "$release/$folder"
else
    (eval "$collect") >&2
fi
sync -f "$release"
echo "$digest" > "$release/collected.new"
mv -fT "$release/collected.new" "$release/collected"
