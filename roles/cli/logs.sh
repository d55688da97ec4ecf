#!/bin/sh
# logs.sh LINES FOLLOW WHICH: prints the end of OMERO.web's logs, as root.
# LINES: of each log. FOLLOW: yes to print new lines until it is ended. WHICH: all, service (gunicorn:
# starts, reloads, crashes) or application (OMERO.web's own log, read as its user, who may have put
# anything there). The script needs the functions of privilege.sh.
lines=$1 follow=$2 which=$3
file=/opt/omero/web/OMERO.web/var/log/OMEROweb.log
more='' tail=-q
[ "$follow" = no ] || more=-f tail=-qF

service() {
    if [ -d /run/systemd/system ]; then
        journalctl -q -u omero-web -n "$lines" --no-pager -o short-iso ${more:+"$more"}
    else
        tail "$tail" -n "$lines" /var/log/supervisor/omero-web.log
    fi
}
application() { cd / && setsid -w runuser -u omero-web -- tail "$tail" -n "$lines" "$file"; }

[ "$(id -u)" = 0 ] || { echo "only root can read the logs; use --use-sudo-password" >&2; exit 1; }
id -u omero-web > /dev/null 2>&1 || { echo "no OMERO.web is deployed on this host" >&2; exit 1; }
[ "$which" = application ] || {
    service &
    [ "$follow" = yes ] || wait
}
[ "$which" = service ] || application &
wait
