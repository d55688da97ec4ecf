#!/bin/sh
# stop_renewal.sh: ends the renewal of a certificate. A later deploy with ACME uses it again.
# Set before: renewal, live, authority, failure: paths that obtain_certificate.sh and certbot make
# shellcheck disable=SC2154 # acme.py sets these variables
[ ! -e "$renewal" ] || mv -f "$renewal" "$live/renewal.conf" || exit 1
link=/etc/ssl/certs/$(basename "$authority" .crt).pem
if [ -L "$link" ] && [ ! -e "$authority" ]; then update-ca-certificates --fresh > /dev/null 2>&1; fi
rm -f "$failure"
