#!/bin/sh
# obtain_certificate.sh SIZE: gets a certificate by certbot, whose configuration, SIZE bytes, is on
# standard input, and gives the certificate to NGINX. Prints certbot's output, or why the certificate
# is refused. Set before:
#   run                        a directory that only root can read, for the configuration
#   server, email              the authority, and the address of the account there
#   live, archive, renewal     certbot's files
#   authority                  a certificate for the system's store, which need not exist
#   failure                    the file about a failed renewal
#   command                    checks the certificate, and gives it to NGINX
#   certificate, key           NGINX's files
#   stamp, text                the file that is written last, and its content
# shellcheck disable=SC2154,SC2174 # acme.py sets these variables; /run is there
umask 022
limit=300 # seconds for another certbot to end

mkdir -m 700 -p "$run" && rm -f "$run"/certbot.* || exit 1
configuration=$(umask 077 && mktemp "$run/certbot.XXXXXX") || exit 1
trap 'rm -f "$configuration"' EXIT
cat > "$configuration"
[ "$(wc -c < "$configuration")" -eq "$1" ] || exit 1 # a lost connection looks like the end

# From now on there may be files that a deploy without ACME has to end (stop_renewal.sh).
former=$(sed -n 's/^email //p' "$stamp" 2> /dev/null)
echo pending > "$stamp"
if [ ! -e "$renewal" ] && [ -e "$live/renewal.conf" ]; then mv "$live/renewal.conf" "$renewal"; fi
# certbot refuses the files that a killed certbot has left, and counts up the name of broken ones
if ! { [ -s "$renewal" ] && [ -s "$live/fullchain.pem" ] && [ -s "$live/privkey.pem" ]; }; then
    rm -rf "$live" "$archive" "$renewal"
fi
if [ -e "$authority" ] || [ -L "/etc/ssl/certs/$(basename "$authority" .crt).pem" ]; then
    update-ca-certificates --fresh > /dev/null 2>&1
fi
if [ -d /run/systemd/system ] && ! systemctl is-active -q certbot.timer; then
    systemctl enable --now -q certbot.timer
fi
if [ -e "$renewal" ] && ! grep -qxF "server = $server" "$renewal"; then
    echo "force-renewal = true" # a valid certificate, but of another authority
else
    echo "keep-until-expiring = true"
fi >> "$configuration"

seconds() { cut -d. -f1 /proc/uptime; }
end=$(($(seconds) + limit))
until output=$(certbot certonly --config "$configuration" 2>&1 < /dev/null); do
    case $output in *"Another instance of Certbot is already running"*) ;; *) break ;; esac
    [ "$(seconds)" -lt "$end" ] || break
    sleep 1
done
printf '%s\n' "$output"
case $output in *"Successfully received"* | *"not yet due for renewal"*) ;; *) exit 1 ;; esac
if [ -n "$former" ] && [ "$former" != "$email" ]; then
    certbot update_account --config "$configuration" > /dev/null 2>&1 < /dev/null
fi
"$command" again 2>&1 && rm -f "$failure"
cmp -s "$live/fullchain.pem" "$certificate" && cmp -s "$live/privkey.pem" "$key" || exit 1
printf '%s' "$text" > "$stamp.new" && sync "$stamp.new" && mv -fT "$stamp.new" "$stamp"
