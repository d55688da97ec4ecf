# shellcheck shell=sh disable=SC2154 # present_certificate.py and survey/fact.py set the variables
# Part of the survey of a host in the group nginx. Prints `tls_certificate=PATH` and `tls_key=PATH`,
# which the bundle's site has now, and `tls_pem=LINE` for the certificate that the bundle has written.
# Set before:
#   front                not empty if the host is in the group nginx
#   site, certificate    paths
if [ -n "$front" ]; then
    sed -nE 's/^ *ssl_certificate(_key)? (.*);$/\1 \2/p' "$site" 2> /dev/null |
        while read -r one two; do
            if [ -n "$two" ]; then echo "tls_key=$two"; else echo "tls_certificate=$one"; fi
        done
    head -c 100000 "$certificate" 2> /dev/null | sed 's/^/tls_pem=/'
fi
