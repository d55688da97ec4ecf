#!/bin/sh
# show_log.sh OPS: the end of OMERO.web's log, to say why a change does not serve. One start that fails
# can be longer than the screen: what happened, without where in the code, and without the visitors
# of the release that goes on. OPS is omeroweb-ops; with the functions of privilege.sh.
ops=$1
read_log() {
    journalctl -q -u omero-web --since -3min --no-pager -o cat ||
        tail -n 9999 /var/log/supervisor/omero-web.log
}
# The last of lines that differ in numbers alone, as process ids and times do.
unique() { tac | awk '{ line = $0; gsub(/[0-9]+/, "", line) } !seen[line]++' | head -n 25 | tac; }

echo 'the end of the log, without INFO, visits and the lines of tracebacks:'
read_log 2> /dev/null |
    grep -vE '^[[:space:]]|^Traceback|\[INFO\]|" [1-4][0-9][0-9] [0-9]+ ' |
    unique | "$ops" config redact | without_control_characters
