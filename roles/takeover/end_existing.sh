# shellcheck shell=sh
# Functions that end an existing installation of OMERO.web; roles/takeover/__init__.py calls them.

# Stops the unit by signals only: its ExecStop would call a command that is now the bundle's.
end_unit() { # PATH
    unit=${1##*/}
    if [ -d /run/systemd/system ]; then
        override=/run/systemd/system/$unit.d
        mkdir -p "$override"
        printf '[Service]\nExecStop=\n' > "$override/omeroweb-ops.conf"
        systemctl daemon-reload
        systemctl disable -q --now "$unit" || true
        rm -rf "$override"
    fi
    rm -f "$1"
}

end_init_script() { # PATH
    { "$1" stop; rm -f "$1"; update-rc.d "${1##*/}" remove; } > /dev/null 2>&1 || true
}

end_dropin() { # PATH
    rm -rf "$1"
}

reload_units() {
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

# Prints the process IDs of gunicorns that run OMERO.web from BASE, without command lines that have
# OWN. (This shell's own command line has OWN, too.)
processes() { # BASE OWN
    for process in /proc/[0-9]*; do
        words=$(tr '\0' ' ' 2> /dev/null < "$process/cmdline") || continue
        case $words in
            *"$2"*) ;;
            *"$1"/*gunicorn*omeroweb.wsgi*) echo "${process#/proc/}" ;;
        esac
    done
}

end_processes() { # BASE OWN
    for signal in TERM KILL; do
        pids=$(processes "$1" "$2")
        # shellcheck disable=SC2086 # several
        [ -z "$pids" ] || kill -"$signal" $pids 2> /dev/null || true
        for _ in $(seq 200); do
            [ -n "$(processes "$1" "$2")" ] || break
            sleep 0.2
        done
    done
}

# A crontab may have other lines; a script in cron.daily has only this job.
end_job() { # PATH
    case $1 in
        /etc/cron.d/* | /var/spool/*)
            sed -i -E '/^[^#]*omero.*web clearsessions/s/^/# omeroweb-ops: /' "$1" ;;
        *) rm -f "$1" ;;
    esac
}
