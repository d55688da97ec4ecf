#!/bin/sh
# visit.sh URL PORT TITLE CLOSED: follow URL to OMERO.web's login page as a visitor, and get one of its
# static files, on the NGINX host itself. Prints of the last try, each in a line: TITLE if the page has
# it, `status CODE URL`, what curl says, `static CODE PATH`; CLOSED while there is planned maintenance.
# Set before: planned, which exists meanwhile.
# A reloaded NGINX hands over to its new workers by and by, and an old one may know the page and not
# where its static files are: the visit is tried again for 10 seconds. Two answers that hang, each
# with its static file, take the longest.
# shellcheck disable=SC2154 # smoke_test.py sets planned
url=$1 port=$2 title=$3 closed=$4
scheme=${url%%://*} rest=${url#*://}
server=${rest%%/*}
case $server in
    *]*) name=${server%%]*}] ;; # IPv6
    *) name=${server%:*} ;;
esac
get() { curl -sSk --max-time 30 --proto =http,https --resolve "$name:$port:127.0.0.1" "$@" 2>&1; }
# The path of the first style sheet or script that a page on standard input names.
first_static_file() {
    grep -oE '(href|src)="[^"]+\.(css|js)[^"]*' | head -n 1 | cut -d'"' -f2
}

seconds() { cut -d. -f1 /proc/uptime; }

end=$(($(seconds) + 10))
while now=$(seconds); do
    static=
    # of an answer without an end, the end that is there
    page=$(get -L -w '\nstatus %{http_code} %{url_effective}\n' "$url" | tail -c 2000000)
    file=$(echo "$page" | first_static_file)
    case $file in
        /*) static=$(get -o /dev/null -w "static %{http_code} $file" "$scheme://$server$file") ;;
    esac
    case "$static $page" in
        "static 200 "*"status 200 "* | " "*"status 200 "*) break ;;
    esac
    if [ -e "$planned" ]; then
        echo "$closed"
        break
    fi
    [ "$now" -lt "$end" ] || break
    sleep 0.5
done
echo "$page" | grep -oE "$title|^status.*|^curl:.*"
echo "$static"
