#!/bin/sh
# shellcheck disable=SC2154 # services.py sets the variables
# ensure_service.sh ACTION MANAGER [PAUSE [LIMIT]]: checks, restarts or reloads a service. ACTION:
#   state     prints the state for `services.CurrentState`
#   restart, reload, restart_with_socket     does so, waits until the service is ready, waits PAUSE
#             seconds, and writes the stamp last. systemd may take LIMIT seconds.
# MANAGER is systemd or supervisor. Set before:
#   name, units     the service's name, and all of its systemd units
#   stamps          the directory of the stamps
#   restart_on, reload_on, loaded, trial, ready, back, again, log, hand_over
#                   shell commands that roles.operations.services.Service describes
#   configuration   supervisor's file
#   python, program the host's Python, and supervisor_program.py, which it runs
# A stamp is one line: the digests of what restart_on and reload_on printed.
action=$1 manager=$2 pause=${3:-0} limit=${4:-0}
stamp=$stamps/$name

digest() { sha256sum | cut -c1-64; }
# digest_of COMMAND: prints the digest of its output and its errors
digest_of() { { eval "$1"; } 2>&1 | digest; }
ctl() { supervisorctl -c "$configuration" "$@"; }

# Sends getProcessInfo (http://supervisord.org/api.html) to the socket of Debian's configuration:
# supervisorctl would start a Python for each service.
supervisor_status() {
    asked="<string>$name</string>"
    asked="<params><param><value>$asked</value></param></params>"
    asked="<methodName>supervisor.getProcessInfo</methodName>$asked"
    curl -sf -m 5 --noproxy '*' --unix-socket /var/run/supervisor.sock \
        -H 'Content-Type: text/xml' -d "<methodCall>$asked</methodCall>" http://localhost/RPC2 ||
        ctl status "$name"
}

# A program is STARTING for its first second.
runs_under_supervisor() {
    for _ in $(seq 15); do
        case $(supervisor_status 2> /dev/null) in
            *RUNNING*) return 0 ;;
            *STARTING*) sleep 0.1 ;;
            *) return 1 ;;
        esac
    done
    return 1
}

print_state() {
    if [ "$manager" = systemd ]; then
        # shellcheck disable=SC2086 # several units
        systemctl show $units -p ActiveState,UnitFileState,NeedDaemonReload
    else
        runs_under_supervisor && echo ActiveState=active
        echo UnitFileState=enabled
    fi
    read -r restarted reloaded 2> /dev/null < "$stamp"
    [ "$restarted" = "$(digest_of "$restart_on")" ] && echo restarted
    now=$({ eval "$reload_on"; } 2>&1; echo .) # `loaded` compares $now
    now=${now%.}
    [ "$reloaded" = "$(printf %s "$now" | digest)" ] && (eval "$loaded") && echo reloaded
    true
}

# Runs systemctl for at most LIMIT seconds. A service may ask systemd for more time again and again
# (sd_notify(3), EXTEND_TIMEOUT_USEC); after the timeout its processes are killed.
control() { # VERB UNIT...
    timeout -k 5 "$limit" systemctl "$@" && return
    [ $? = 124 ] && systemctl kill -s KILL "$name.service" && timeout -k 5 "$limit" systemctl "$@"
}

# Restarts a service while its socket stays open and holds visitors' connections. A changed socket
# unit has a stamp of its own, because a socket cannot be changed while its service runs.
restart_with_socket() {
    socket=$(systemctl cat "$name.socket" | sha256sum)
    if [ "$socket" = "$(cat "$stamp.socket" 2> /dev/null)" ] &&
        systemctl is-active -q "$name.socket"; then
        control restart "$name.service"
    else
        # shellcheck disable=SC2086 # several units
        control stop $units && systemctl start "$name.socket" && control start "$name.service" &&
            mkdir -p "$stamps" && echo "$socket" > "$stamp.socket"
    fi
}

# Stops the daemon of Debian's init script, and disables the script for the next boot.
end_init_script() {
    pids=$(cat "/run/$name.pid" /run/*/"$name.pid" 2> /dev/null)
    update-rc.d "$name" disable > /dev/null 2>&1
    grep -qsx "$name" /proc/[0-9]*/comm || return 0 # scripts sleep for a second in any case
    "/etc/init.d/$name" stop > /dev/null 2>&1
    for pid in $pids; do # the script misses them if it may not read /proc/PID/exe
        for _ in $(seq 50); do
            { grep -qsa "$name" "/proc/$pid/cmdline" && kill "$pid" && sleep 0.2; } || break
        done
    done
}

restart_under_supervisor() {
    if [ -x "/etc/init.d/$name" ] && [ ! -e "$stamp" ]; then end_init_script; fi
    "$python" -I -c "$program" "$configuration" "$name"
}

# shellcheck disable=SC2086 # several units
act() {
    case "$manager $action" in
        "systemd reload") systemctl enable -q $units && control reload "$name" ;;
        "systemd restart")
            systemctl daemon-reload && systemctl enable -q $units && control restart "$name" ;;
        "systemd restart_with_socket")
            systemctl daemon-reload && systemctl enable -q $units && restart_with_socket ;;
        "supervisor reload")
            if [ -n "$hand_over" ]; then (eval "$hand_over"); else ctl signal HUP "$name"; fi ;;
        "supervisor restart") restart_under_supervisor ;;
    esac
}

# Whether the output of reload_on differs from the stamp of the running service.
has_changed() { read -r _ before 2> /dev/null < "$stamp" && [ "$before" != "$reload_digest" ]; }

write_stamp() {
    mkdir -p "$stamps" && echo "$restart_digest $reload_digest" > "$stamp.new" &&
        mv -f "$stamp.new" "$stamp"
}

if [ "$action" = state ]; then
    print_state
    exit
fi
# The digests are taken before the start, so that the next run sees changes during the start.
restart_digest=$(digest_of "$restart_on")
reload_digest=$(digest_of "$reload_on")
if has_changed && ! (eval "$trial"); then
    eval "$back" >&2
    exit 1
fi
act && (eval "$ready") && sleep "$pause" && write_stamp && exit
{
    eval "$log"
    # a service with a `log` command shows its log itself, because the log may have secrets
    if [ "$manager $log" = 'supervisor true' ]; then
        tail -n 20 "/var/log/supervisor/$name.log"
    fi
    if has_changed; then
        eval "$back"
        eval "$again"
    fi
} >&2
exit 1
