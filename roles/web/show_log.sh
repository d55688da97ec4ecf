#!/bin/sh
# show_log.sh OPS: prints the end of OMERO.web's log, to show why a change fails. One failed start can be
# longer than the screen, so the lines of tracebacks, and the requests to the active release, are left
# out. OPS is omeroweb-ops. The script needs the functions of privilege.sh.
ops=$1
read_log() {
    journalctl -q -u omero-web --since -3min --no-pager -o cat ||
        tail -n 9999 /var/log/supervisor/omero-web.log
}
# Prints the last of lines that differ only in numbers, such as process IDs and times.
unique() { tac | awk '{ line = $0; gsub(/[0-9]+/, "", line) } !seen[line]++' | head -n 25 | tac; }

echo 'the end of the log, without INFO, requests and the lines of tracebacks:'
read_log 2> /dev/null |
    grep -vE '^[[:space:]]|^Traceback|\[INFO\]|" [1-4][0-9][0-9] [0-9]+ ' |
    unique | "$ops" config redact | without_control_characters
