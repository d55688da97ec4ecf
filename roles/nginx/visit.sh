#!/bin/sh
# visit.sh URL PORT TITLE CLOSED: follows URL to OMERO.web's login page as a visitor, and gets one of
# its static files, on the NGINX host itself. Prints the result of the last try: TITLE if the page has
# it, `status CODE URL`, curl's error, `static CODE PATH`, and CLOSED during planned maintenance.
# Set before: planned   a path that exists during planned maintenance
# The workers of a reloaded NGINX are replaced one after the other, and an old worker may not know the
# page's static files yet. So the visit is repeated for 10 seconds.
# shellcheck disable=SC2154 # smoke_test.py sets planned
url=$1 port=$2 title=$3 closed=$4
scheme=${url%%://*} rest=${url#*://}
server=${rest%%/*}
case $server in
    *]*) name=${server%%]*}] ;; # IPv6
    *) name=${server%:*} ;;
esac
get() { curl -sSk --max-time 30 --proto =http,https --resolve "$name:$port:127.0.0.1" "$@" 2>&1; }
# Prints the path of the first style sheet or script in a page on standard input.
first_static_file() {
    grep -oE '(href|src)="[^"]+\.(css|js)[^"]*' | head -n 1 | cut -d'"' -f2
}

seconds() { cut -d. -f1 /proc/uptime; }

end=$(($(seconds) + 10))
while now=$(seconds); do
    static=
    # of an endless answer, only the last part
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
