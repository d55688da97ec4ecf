#!/bin/sh
# visit.sh URL PORT TITLE CLOSED: follows URL within the site as a visitor, and gets a static file of
# the last page, on the NGINX host itself. Prints the result of the last try: TITLE if the page has it,
# `status CODE URL`, `elsewhere URL` if the page leads to another host, `site` if NGINX's site of this
# bundle has answered, curl's error, `static CODE PATH`, and CLOSED during planned maintenance.
# Set before: planned   a path that exists during planned maintenance
# The workers of a reloaded NGINX are replaced one after the other, and an old worker may not know the
# page's static files yet. So the visit is repeated for 10 seconds.
# shellcheck disable=SC2154 # smoke_test.py sets planned
url=$1 port=$2 title=$3 closed=$4
scheme=${url%%://*} rest=${url#*://}
server=${rest%%/*}
host_of() { # URL
    host=${1#*://}
    host=${host%%[/?#]*}
    case $host in
        *]*) echo "${host%%]*}]" ;; # IPv6
        *) echo "${host%:*}" ;;
    esac
}
name=$(host_of "$url")
# The name of a host may have capital letters, and curl reports lower case.
is_own() { [ "$(host_of "$1" | tr '[:upper:]' '[:lower:]')" = "$(echo "$name" | tr '[:upper:]' '[:lower:]')" ]; }
get() {
    curl -sSk --globoff --max-time 30 --proto =http,https --connect-to "$name:$port:127.0.0.1:$port" "$@" 2>&1
}
# Prints the path of the first style sheet or script in a page on standard input.
first_static_file() {
    grep -oE '(href|src)="[^"]+\.(css|js)[^"]*' | head -n 1 | cut -d'"' -f2
}

# Sets the page after at most ten redirects, and lines about it. Only the bundle's NGINX site sends
# X-Request-ID (headers.conf.j2).
follow() { # URL
    next=$1 site='' about=''
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        # of an endless answer, only the last part
        page=$(get -w '\n%{http_code} %{url_effective}\n%header{x-request-id}\n%{redirect_url}\n.' \
            "$next" | tail -c 2000000)
        about=$(printf "%s\n" "$page" | tail -n 4)
        next=$(printf "%s\n" "$about" | sed -n 3p)
        [ -z "$(printf "%s\n" "$about" | sed -n 2p)" ] || site=site
        if [ -z "$next" ] || ! is_own "$next"; then break; fi
    done
    about="status $(printf "%s\n" "$about" | head -n 1)"
    if [ -n "$next" ] && ! is_own "$next"; then
        about="$about
elsewhere $next"
    fi
}

seconds() { cut -d. -f1 /proc/uptime; }

end=$(($(seconds) + 10))
while now=$(seconds); do
    static=
    follow "$url"
    file=$(printf "%s\n" "$page" | first_static_file)
    case $file in
        /*) static=$(get -o /dev/null -w "static %{http_code} $file" "$scheme://$server$file") ;;
    esac
    case "$static $about $site" in
        "static 200 "*" status 200 "* | " status 200 "* | " "*elsewhere*" site" | " status 40"[13]*" site") break ;;
    esac
    if [ -e "$planned" ]; then
        echo "$closed"
        break
    fi
    [ "$now" -lt "$end" ] || break
    sleep 0.5
done
printf "%s\n" "$page" | grep -oE "$title|^curl:.*"
printf "%s\n" "$about"
echo "$site"
echo "$static"
