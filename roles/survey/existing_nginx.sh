# shellcheck shell=sh disable=SC2154 # existing_nginx.py and existing_installation.py set the variables
# Part of the survey of a host in the group nginx. Prints `nginx_KEY=VALUE` lines about the NGINX that
# is installed already, and `nginx=STATEMENT` lines of its configuration. Set before:
#   front              not empty if the host is in the group nginx
#   extra_includes     patterns of files that the site's own lines include
#   marker, omero      see existing_installation.sh
#   modules            parts of NGINX that the bundle's site needs

# Prints, of configuration files as `nginx -T` prints them, `file PATH` and the statements that say who
# is served where: one in a line, names one by one. Other blocks than http, server and stream are left
# out. Quotes begin a word only where a word may begin; ${x} is a part of a word; Lua has only braces.
nginx_statements() {
    awk '
        function end_word() { if (word != "" || quoted) words[++count] = word; word = ""; quoted = 0 }
        function end_statement(  i, line) {
            if (!skipped && words[1] == "server_name")
                for (i = 2; i <= count; i++) print "server_name " words[i]
            else if (!skipped && words[1] ~ /^(user|include|listen)$/) {
                line = words[1]
                for (i = 2; i <= count; i++) line = line " " words[i]
                print line
            }
            count = 0
        }
        function begin_block() {
            if (skipped) skipped++
            else if (words[1] ~ /^(http|server|stream)$/ && count == 1) print words[1] " {"
            else { skipped = 1; lua = words[1] ~ /_by_lua_block$/ }
            count = 0
        }
        function end_block() {
            if (skipped) { if (!--skipped) lua = 0 } else print "}"
            count = 0
        }
        /^# configuration file \/.*:$/ && !quote {
            count = 0; word = ""; quoted = 0; skipped = 0; lua = 0
            print "file " substr($0, 22, length($0) - 22)
            next
        }
        {
            text = $0 "\n"
            for (at = 1; at <= length(text); at++) {
                c = substr(text, at, 1)
                if (lua) {
                    if (c == "{") begin_block(); else if (c == "}") end_block()
                } else if (quote) {
                    if (c == "\\") word = word c substr(text, ++at, 1)
                    else if (c == quote) quote = ""
                    else word = word c
                } else if (word == "" && !quoted && c == "#") break
                else if (word == "" && !quoted && (c == "\"" || c == "\047")) { quote = c; quoted = 1 }
                else if (c == "\\") word = word c substr(text, ++at, 1)
                else if (c == "{" && word ~ /\$$/) { word = word c; variable = 1 }
                else if (c == "}" && variable) { word = word c; variable = 0 }
                else if (c ~ /[ \t\r\n]/) end_word()
                else if (c == ";") { end_word(); end_statement() }
                else if (c == "{") { end_word(); begin_block() }
                else if (c == "}") { end_word(); end_block() }
                else word = word c
            }
        }'
}

# Prints `nginx_default=KIND PATH` for the welcome page of Debian or nginx.org: `package` if neither
# the site nor the pages have been changed, `own` if somebody serves something with it.
nginx_default() { # PATH PACKAGE CONFFILE PAGES KNOWN
    { [ -e "$1" ] || [ -L "$1" ]; } || return 0
    kind=own
    if [ -f "$1" ]; then
        shipped=$(dpkg-query -W -f='${Conffiles}\n' "$2" 2> /dev/null | awk -v path="$3" '$1 == path {print $2}')
        text=$(sed 's/#.*//' "$1" | tr -d '[:space:]')
        if [ "$(md5sum < "$1" | cut -c1-32)" = "$shipped" ] || [ "$text" = "$5" ]; then
            others=$(find "$4" -type f ! -name index.nginx-debian.html 2> /dev/null |
                grep -vxF -e /usr/share/nginx/html/index.html -e /usr/share/nginx/html/50x.html | head -n 1)
            [ -n "$others" ] || kind=package
        fi
    fi
    echo "nginx_default=$kind $1"
}

# Prints the statements without the sites that a deploy replaces, or NGINX's error in the others. NGINX
# reads a copy with links to the real files.
nginx_without_own_sites() {
    stage=$(mktemp -d) || return 0
    cp -as /etc/nginx/. "$stage"
    for file in /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
        if grep -qs "$marker" "$file" || grep -qsE "^[^#]*($omero)" "$file"; then
            rm -f "$stage${file#/etc/nginx}"
        fi
    done
    cp --remove-destination "$(readlink -f /etc/nginx/nginx.conf)" "$stage/nginx.conf"
    sed -i "s#/etc/nginx/\(conf.d\|sites-enabled\|modules-enabled\)#$stage/\1#" "$stage/nginx.conf"
    if dump=$(nginx -T -q -c "$stage/nginx.conf" 2> /dev/null); then
        printf '%s\n' "$dump" | sed "s#$stage#/etc/nginx#g" | nginx_statements | sed 's/^/nginx=/'
    else
        nginx -t -q -c "$stage/nginx.conf" 2>&1 | sed "s#$stage#/etc/nginx#g" |
            grep -F '[emerg]' | sed 's/^/nginx_error=/'
    fi
    rm -rf "$stage"
}

existing_nginx() {
    nginx_default /etc/nginx/sites-enabled/default nginx-common \
        /etc/nginx/sites-available/default /var/www/html none
    nginx_default /etc/nginx/conf.d/default.conf nginx /etc/nginx/conf.d/default.conf \
        /usr/share/nginx/html "$welcome"
    command -v nginx > /dev/null || return 0
    about=$(nginx -V 2>&1)
    echo "nginx_version=$(printf '%s\n' "$about" | sed -n 's/^nginx version: [^/]*\///p' | cut -d' ' -f1)"
    echo "nginx_user=$(printf '%s\n' "$about" | sed -nE 's/.*--user=([^ ]+).*/\1/p')"
    for module in $modules; do
        case $about in *"$module"*) ;; *) echo "nginx_missing=$module" ;; esac
    done
    [ -f /etc/nginx/nginx.conf ] || return 0
    if dump=$(nginx -T -q 2> /dev/null); then
        printf '%s\n' "$dump" | nginx_statements | sed 's/^/nginx=/'
    else
        nginx_without_own_sites
    fi
    cd /etc/nginx || return 0
    for file in $extra_includes; do
        [ ! -f "$file" ] || { echo "# configuration file /extra/$file:"; cat "$file"; echo; }
    done | nginx_statements | sed 's/^/nginx_extra=/'
}
[ -z "$front" ] || existing_nginx
