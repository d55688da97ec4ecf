#!/bin/sh
# apt_install.sh PACKAGE ...: installs Debian packages; prints nothing unless it waits or fails.
# It reports another program that is installing packages (unattended-upgrades, cloud-init) and waits
# for it: of the commands below, only `apt-get install` can wait by itself. An interrupted dpkg is
# completed first. Package lists are updated only if they are older than an hour, or if the
# installation fails with them. May be set before: record   a file that gets the names of the packages
# that are new on the host, dependencies included, before they are installed; `./run remove` reads it
set -u
limit=600 # seconds
report_every=15
locks="/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock
  /var/cache/apt/archives/lock"
lists=/var/lib/apt/lists
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
# invoke-rc.d reads RUNLEVEL: without systemd, the installation must not start services
[ -d /run/systemd/system ] || export RUNLEVEL=1

seconds() { cut -d. -f1 /proc/uptime; }

# Prints which program holds a lock. These are fcntl(2) locks, which the kernel lists by inode.
holder() {
    for file in $locks; do
        inode=$(stat -c %i "$file" 2> /dev/null) || continue
        process=$(awk -v inode="$inode" '$2 == "POSIX" && $4 == "WRITE" {
            split($6, part, ":"); if (part[3] == inode) { print $5; exit } }' /proc/locks)
        [ -n "$process" ] || continue
        name=$(tr -cd '[:alnum:]._+-' < "/proc/$process/comm" 2> /dev/null)
        echo "${name:-another program} (process $process), which holds $file" && return
    done
    echo "another program"
}

begun=$(seconds)
reported=
# attempt COMMAND ...: repeats it while another program has a lock. Its output is in $output.
attempt() {
    until output=$("$@" 2>&1 < /dev/null); do
        case $output in
            *"Could not get lock"* | *"Unable to lock"* | *"locked by another process"*) ;;
            *) return 1 ;;
        esac
        waited=$(($(seconds) - begun))
        [ "$waited" -lt "$limit" ] || return 1
        if [ -z "$reported" ] || [ "$waited" -ge $((reported + report_every)) ]; then
            echo "waiting for $(holder) ($waited s)"
            reported=$waited
        fi
        sleep 1
    done
}

# apt-get runs this command before dpkg, with the paths of all packages on standard input (apt.conf(5)).
# shellcheck disable=SC2016 # a program of awk
new='$1 == "new" && !($2 in has) { print $2 } $1 == "installed" { has[$2] }'
record_new="{ dpkg-query -W -f '\${db:Status-Status} \${Package}\n'; sed 's|.*/||; s|_.*||; s|^|new |'; } |
    awk '$new' >> '${record:-/dev/null}'"

install_packages() {
    [ -z "${record:-}" ] || mkdir -p "${record%/*}"
    attempt apt-get install -q -y --no-install-recommends \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        -o "DPkg::Pre-Install-Pkgs::=$record_new" "$@"
}

# On a system that has no lists yet, those of translated descriptions would take as long as the others.
update() {
    set -- apt-get update -q
    [ -n "$(find "$lists" -name '*_Packages*' -print -quit 2> /dev/null)" ] ||
        set -- "$@" -o Acquire::Languages=none
    attempt "$@"
}

are_fresh() { find "$lists" -name '*_Packages*' -mmin -60 2> /dev/null | grep -q .; }

if attempt dpkg --configure -a; then
    are_fresh && install_packages "$@" && exit
    # one broken source of many is common, and the present lists may suffice
    update || failed=$output
    install_packages "$@" && exit
fi
printf '%s\n' ${failed:+"$failed"} "$output" >&2
exit 1
