#!/bin/sh
# create_admin.sh SECRET DIRECTORY FILE USER: writes Redis' user with every right to FILE in DIRECTORY.
# The script generates the secret once. The secret never leaves the host.
# shellcheck disable=SC2174 # /var/lib is there
# Root owns DIRECTORY, so that no other user can place a link there.
set -e
umask 077
secret=$1 directory=$2 file=$3 user=$4
mkdir -p -m 755 "${secret%/*}"
if [ ! -s "$secret" ]; then
    head -c 32 /dev/urandom | sha256sum | cut -c1-64 > "$secret.new"
    mv -f "$secret.new" "$secret"
fi
mkdir -p "$directory"
chown root:redis "$directory"
chmod 750 "$directory"
digest=$(tr -d '\n' < "$secret" | sha256sum | cut -c1-64)
echo "user $user on #$digest ~* +@all" > "$file.new"
chown root:redis "$file.new"
chmod 640 "$file.new"
mv -f "$file.new" "$file"
