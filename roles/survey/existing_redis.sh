# shellcheck shell=sh
# Part of the survey. Prints `redis=SIGN` lines, unless the bundle's own configuration is there. A
# Redis of an older version of the bundle (/etc/redis/omero-web.conf) has the keys of OMERO.web and
# its plugins in the databases 0 and 1. Answers of Redis are compared and never shown. The timeout
# ends the reading of a FIFO that redis may have placed there.
redis_signs() {
    file=/etc/redis/redis.conf
    if [ -e "$file" ] || [ -L "$file" ]; then [ -f "$file" ] || echo redis=irregular; fi
    [ -x /usr/bin/redis-server ] && [ ! -e /etc/omero-web-redis/omero-web.conf ] || return 0
    cli=redis-cli
    ask() { timeout 5 $cli "$@" < /dev/null 2> /dev/null; }
    known='^:[0-9]+:(django\.contrib\.sessions\.cache|omero\.web\.|lut_hash_)'
    if [ -e /etc/redis/omero-web.conf ]; then
        command -v omero-web-redis > /dev/null && cli=omero-web-redis
        databases='0|1'
    else
        own=$(dpkg-query -W -f='${Conffiles}\n' redis-server 2> /dev/null |
            awk '$1 == "/etc/redis/redis.conf" {print $2}')
        [ "$(timeout 5 md5sum /etc/redis/redis.conf | cut -c1-32)" = "$own" ] ||
            echo redis=configuration
        databases=none
        case $(ask ping) in
            *NOAUTH*) echo redis=password; return ;;
            PONG) ;;
            *) [ -d /var/lib/redis/appendonlydir ] ||
                    [ -n "$(find /var/lib/redis/dump.rdb -size +1 2> /dev/null)" ] && echo redis=data
                return ;;
        esac
    fi
    ask client list | grep -qE ' (sub|psub|ssub)=[1-9]' && echo redis=channels
    for number in $(ask info keyspace | sed -n 's/^db\([0-9]*\):.*/\1/p'); do
        echo "$number" | grep -qxE "$databases" ||
            ! ask -n "$number" --scan | head -n 100000 | grep -qvE "$known" || echo redis=keys
    done
}
redis_signs
