#!/bin/sh
# shellcheck disable=SC2154,SC2086,SC2013,SC2046 # __init__.py sets the variables; lists of words
# remove.sh ACTION: removes what deploys have made on a host. ACTION:
#   plan      prints what `remove` would do, a line each, and changes nothing:
#             remove KIND THING | keep KIND THING: REASON | refuse REASON
#   remove    does it. Each step is idempotent, and the record of packages goes last, so that the next
#             run completes a run that was killed anywhere.
# Set before: owned (paths), users, base, omerodir, state, stamps, record (of apt_install.sh),
#   defaults, run, backups, programs (supervisor's directory), nginx_site, nginx_tls, marker
#   data        `remove` removes the data; `keep` moves it to $kept, which only root can open
#   packages    `remove` or `keep`
#   kept        the directory for the data that is kept
#   connections accept_site.sh's
action=$1
own_line='^worker_rlimit_nofile .*# by the OMERO[.]web bundle$'
main=/etc/nginx/nginx.conf
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
[ -d /run/systemd/system ] || export RUNLEVEL=1 # see apt_install.sh
cd / || exit 1
supervisor=/etc/supervisor/supervisord.conf

is_there() { [ -e "$1" ] || [ -L "$1" ]; }
is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null | grep -qx installed; }
is_known() { dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null | grep -qvx not-installed; }
is_user() { getent passwd "$1" > /dev/null; }
in_list() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac } # LIST WORD; words separated by spaces
words() { tr '\n' ' '; }

# Prints the bundle's own systemd units.
units() {
    grep -ls "$marker" /etc/systemd/system/omero-web*.service /etc/systemd/system/omero-web*.socket \
        /etc/systemd/system/omero-web*.timer /etc/systemd/system/omero-web*.path
}
# Prints the files of supervisor's programs that the bundle has written.
program_files() {
    for each in "$programs"/omero-web*.conf; do ! is_there "$each" || echo "$each"; done
    for each in nginx redis-server cron; do # the bundle has started them if they have a stamp
        if [ -e "$stamps/$each" ] && [ -e "$programs/$each.conf" ]; then echo "$programs/$each.conf"; fi
    done
}

# Prints the files below the directories that no package has and the bundle has not written.
strange_files() { # DIRECTORY...
    find "$@" -mindepth 1 -maxdepth 1 ! -type d 2> /dev/null | while read -r file; do
        in_list "$owned" "$file" && continue
        dpkg-query -S "$file" > /dev/null 2>&1 || echo "$file"
    done | head -n 3 | words
}
# Whether a configuration file differs from its package's, apart from the bundle's own changes.
is_changed() { # PACKAGE FILE
    shipped=$(dpkg-query -W -f '${Conffiles}\n' "$1" 2> /dev/null | awk -v path="$2" '$1 == path {print $2}')
    [ -n "$shipped" ] && [ -f "$2" ] && [ "$(without_changes "$2" | md5sum | cut -c1-32)" != "$shipped" ]
}
# Prints NGINX's main file as it was before accept_site.sh, and any other file as it is.
without_changes() { # FILE
    if grep -qs "$own_line" "$1"; then
        sed -E "/$own_line/d; s/^([[:space:]]*worker_connections[[:space:]]+)$connections;/\1768;/" "$1"
    else
        cat "$1"
    fi
}
nginx_sites() {
    find /etc/nginx/conf.d /etc/nginx/sites-enabled /etc/nginx/modules-enabled -mindepth 1 2> /dev/null |
        while read -r file; do
            [ "$file" != "$nginx_site" ] && [ "${file##*/}" != default ] || continue
            dpkg-query -S "$(readlink -f "$file")" > /dev/null 2>&1 || echo "$file"
        done | head -n 3 | words
    if [ -L /etc/nginx/sites-enabled/default ] && is_changed nginx-common /etc/nginx/sites-available/default; then
        echo /etc/nginx/sites-enabled/default
    elif [ -f /etc/nginx/sites-enabled/default ] && [ ! -L /etc/nginx/sites-enabled/default ]; then
        echo /etc/nginx/sites-enabled/default
    fi
}
# Prints what on the host uses a package, beside the packages that depend on it.
uses() { # PACKAGE
    case $1 in
        nginx) nginx_sites; ! is_changed nginx-common "$main" || echo "$main" ;;
        cron)
            strange_files /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly
            for each in /var/spool/cron/crontabs/*; do
                [ ! -f "$each" ] || in_list "$users" "${each##*/}" || echo "$each"
            done ;;
        sudo)
            strange_files /etc/sudoers.d
            ! is_changed sudo /etc/sudoers || echo /etc/sudoers
            getent group sudo | sed -n 's/.*:\([^:]\{1,\}\)$/the group sudo (\1)/p' ;;
        certbot)
            for each in /etc/letsencrypt/renewal/*.conf; do
                [ ! -e "$each" ] || [ "${each##*/}" = omero-web.conf ] || echo "$each"
            done ;;
        logrotate) strange_files /etc/logrotate.d ;;
        supervisor)
            for each in "$programs"/*; do
                [ ! -e "$each" ] || program_files | grep -qxF "$each" || echo "$each"
            done ;;
    esac 2> /dev/null | words | sed 's/ *$//'
}

# Sets $candidates (recorded and installed), $in_use and $purged (nobody else needs them), or $broken
# (apt's error). A package that only recommends or suggests another one was without it before.
find_packages() {
    candidates='' in_use='' purged='' rest='' broken=''
    [ -s "$record" ] || return 0
    for each in $(sort -u "$record" | grep -xE '[a-z0-9][a-z0-9.+-]*(:[a-z0-9]+)?'); do
        if is_installed "$each"; then candidates="$candidates $each"
        elif is_known "$each"; then rest="$rest $each"; fi # a removal was killed
    done
    [ "$packages" != remove ] || purged=$rest
    [ -n "$candidates" ] && [ "$packages" = remove ] || return 0
    free=''
    for each in $candidates; do
        if [ -n "$(uses "$each")" ]; then in_use="$in_use $each"; else free="$free $each"; fi
    done
    # apt decides on a copy of its marks: a package stays if another one depends on it
    marks=$(mktemp) && cp /var/lib/apt/extended_states "$marks" 2> /dev/null
    apt-mark -o Dir::State::extended_states="$marks" auto $free > /dev/null 2>&1
    answer=$(apt-get -s -o Dir::State::extended_states="$marks" \
        -o APT::AutoRemove::SuggestsImportant=false -o APT::AutoRemove::RecommendsImportant=false \
        autoremove 2>&1) || broken=$(printf '%s\n' "$answer" | grep -m 1 '^E: ')
    rm -f "$marks"
    unneeded=$(printf '%s\n' "$answer" | sed -n 's/^Remv \([^ ]*\) .*/\1/p' | words)
    for each in $free; do
        if in_list "$unneeded" "$each"; then purged="$purged $each"; fi
    done
    [ -n "$purged" ] || return 0
    others=$(apt-get -s purge $purged 2> /dev/null | sed -n 's/^\(Purg\|Remv\) \([^ ]*\) .*/\2/p' |
        while read -r each; do in_list "$purged" "$each" || echo "$each"; done)
    [ -z "$others" ] || purged=$rest
}

# Prints the directories and files with data that are there.
data_paths() {
    for each in "$omerodir/etc/grid" "$omerodir/var" "$base/state" "$base/branding" "$nginx_tls"; do
        ! is_there "$each" || echo "$each"
    done
    if in_list "$purged" redis-server; then echo /var/lib/redis; echo /var/log/redis; fi
    if in_list "$purged" nginx; then echo /var/log/nginx; else
        for each in /var/log/nginx/omero-web*.log*; do ! is_there "$each" || echo "$each"; done
    fi
    if in_list "$purged" certbot; then
        for each in /etc/letsencrypt /var/log/letsencrypt; do ! is_there "$each" || echo "$each"; done
    else
        for each in live/omero-web archive/omero-web renewal/omero-web.conf; do
            ! is_there "/etc/letsencrypt/$each" || echo "/etc/letsencrypt/$each"
        done
    fi
    for each in /var/log/supervisor/omero-web*.log*; do ! is_there "$each" || echo "$each"; done
}

# Other files of NGINX may name the bundle's certificate.
certificate_is_shared() {
    [ -d "$nginx_tls" ] && grep -rqsF --exclude-dir="${nginx_tls##*/}" --exclude="${nginx_site##*/}" \
        "$nginx_tls/" /etc/nginx
}

mounts() {
    awk '{print $2}' /proc/self/mounts | while read -r point; do
        for each in $owned $(data_paths); do
            case $point in "$each" | "$each"/*) echo "$point" ;; esac
        done
    done
}

# Prints why nothing can be removed.
obstacles() {
    for each in $(mounts | sort -u); do
        echo "$each is a mount point; unmount it, and remove it from /etc/fstab"
    done
    [ -z "$broken" ] || echo "apt-get says: $broken; repair that, or keep the packages"
}

plan() {
    find_packages
    case $broken in *"dpkg was interrupted"*) broken='' ;; esac # `remove` completes that first
    obstacles | sed 's/^/refuse /'
    for each in $owned; do
        if is_there "$each"; then
            if [ "$each" = "$nginx_tls" ] && certificate_is_shared; then
                echo "keep path $each: other files in /etc/nginx name it"
            elif [ -L "$each" ] && [ -d "$each" ]; then
                echo "keep path $each: it is a link, and only what it leads to is emptied"
                [ -z "$(find -L "$each" -mindepth 1 -maxdepth 1 2> /dev/null)" ] || echo "remove path $each/*"
            else
                echo "remove path $each"
            fi
        fi
    done
    for each in $(units); do echo "remove unit ${each##*/}"; done
    for each in $(program_files); do echo "remove program $each"; done
    for each in $users; do ! is_user "$each" || echo "remove user $each"; done
    for each in $purged; do echo "remove package $each"; done
    for each in $in_use; do echo "keep package $each: $(uses "$each")"; done
    for each in $candidates; do
        in_list "$purged $in_use" "$each" || echo "keep package $each: $(
            if [ "$packages" = keep ]; then echo "as you have asked"; else echo "other packages need it"; fi)"
    done
    [ -s "$record" ] || ! is_there "$base" ||
        echo "keep packages all: no version of the bundle has recorded which packages were new"
    for each in $(data_paths | sort -u); do
        ! is_there "$each" || if [ "$data" = remove ]; then echo "remove data $each"
        else echo "keep data $each: it is moved to ${kept%-*}-*, which only root can open"; fi
    done
    for each in "$backups"/*; do
        [ -e "$each" ] || continue
        case ${each##*/} in
            removed-*)
                if [ "$data" = remove ]; then echo "remove data $each"
                else echo "keep data $each: of an earlier removal"; fi ;;
            *) echo "keep data $each: copies of files that a deploy has replaced" ;;
        esac
    done
}

# Moves the data to $kept, in directories that only root can open. A file that is there stays.
keep_data() {
    (umask 077 && mkdir -p "$kept") || return
    for each in $(data_paths | sort -u); do
        is_there "$each" || continue
        (umask 077 && mkdir -p "$kept${each%/*}") && rm -rf --one-file-system "$kept$each.part" &&
            if [ "$each" = "$nginx_tls" ] && certificate_is_shared; then
                cp -a "$each" "$kept$each.part"
            else
                mv -T "$each" "$kept$each.part"
            fi && mv -T "$kept$each.part" "$kept$each" || return
    done
}

end_services() {
    if [ -d /run/systemd/system ]; then
        for each in $(units); do
            timeout -k 5 60 systemctl disable -q --now "${each##*/}" ||
                systemctl kill -s KILL "${each##*/}" 2> /dev/null
        done
    fi
    if [ -n "$(program_files)" ] && rm -f $(program_files) &&
        supervisorctl -c "$supervisor" pid > /dev/null 2>&1; then
        supervisorctl -c "$supervisor" update > /dev/null 2>&1
    fi
    if [ -d /run/systemd/system ]; then # before its data move, without which Redis does not end
        for each in redis-server nginx cron; do
            if in_list "$purged" "$each"; then
                timeout -k 5 60 systemctl stop "$each" || systemctl kill -s KILL "$each" 2> /dev/null
            fi
        done
    fi
    ! command -v nft > /dev/null || nft delete table inet omero_web 2> /dev/null
    true
}

# Ends the processes of the bundle's users: they could write where root removes.
end_processes() {
    for _ in $(seq 50); do
        left=''
        for process in /proc/[0-9]*; do
            owner=$(stat -c %U "$process" 2> /dev/null) || continue
            if in_list "$users" "$owner"; then left="$left ${process#/proc/}"; fi
        done
        [ -n "$left" ] || return 0
        kill -KILL $left 2> /dev/null
        sleep 0.1
    done
    echo "processes of $users do not end:$left" >&2
    return 1
}

remove_paths() {
    for each in $owned; do
        if [ "$each" = "$state" ] || ! is_there "$each"; then continue; fi
        if [ "$each" = "$nginx_tls" ] && certificate_is_shared; then
            continue
        elif [ -L "$each" ] && [ -d "$each" ]; then
            owned_path "$each" && is_link_of_root "$each" &&
                find "$(readlink -f "$each")" -xdev -mindepth 1 -delete || return
        else
            rm -rf --one-file-system "$each" || return
        fi
    done
    if [ -d /run/systemd/system ]; then
        for each in $(units); do rm -f "$each" || return; done
        systemctl daemon-reload
        systemctl reset-failed 'omero-web*' 2> /dev/null
    fi
    # a private authority of ACME leaves the host's own store
    [ ! -L /etc/ssl/certs/omero-web-acme.pem ] || update-ca-certificates --fresh > /dev/null || return
    for each in nginx redis-server nftables; do
        rmdir "/etc/systemd/system/$each.service.d" 2> /dev/null
    done
    rmdir "${base%/*}" 2> /dev/null # /opt/omero, if nothing else is there
    true
}

# Gives the host's own services, whose packages stay, back to the configuration that they had.
return_services() {
    if is_installed nginx && ! in_list "$purged" nginx; then
        if grep -qs "$own_line" "$main"; then
            cp -p "$main" "$main.new" && without_changes "$main" > "$main.new" && sync "$main.new" &&
                mv -fT "$main.new" "$(readlink -f "$main")" || return
        fi
        for each in "$defaults"/*; do # welcome pages that a deploy has removed
            [ -e "$each" ] || [ -L "$each" ] || continue
            path=/etc/nginx/$(echo "${each##*/}" | sed 's/+/\//')
            is_there "$path" || { cp -a "$each" "$path" && { nginx -t -q 2> /dev/null || rm -f "$path"; }; }
        done
        return_service nginx reload
    fi
    if is_installed redis-server && ! in_list "$purged" redis-server; then
        if [ "$data" = remove ]; then
            [ ! -d /run/systemd/system ] || systemctl stop redis-server
            setpriv --reuid redis --regid redis --clear-groups -- \
                sh -c 'rm -rf /var/lib/redis/appendonlydir /var/lib/redis/dump.rdb'
            [ ! -d /run/systemd/system ] || systemctl start redis-server
        fi
        return_service redis-server restart
    fi
    if is_installed cron && ! in_list "$purged" cron; then return_service cron none; fi
}
# Under systemd the service continues; supervisor has ended it, so that init's script starts it again.
return_service() { # NAME VERB
    if [ -d /run/systemd/system ]; then
        case $2 in
            reload) ! nginx -t -q 2> /dev/null || systemctl try-reload-or-restart "$1" ;;
            restart) systemctl try-restart "$1" ;;
        esac
    elif [ -e "$stamps/$1" ]; then
        update-rc.d "$1" enable > /dev/null 2>&1
        RUNLEVEL='' "/etc/init.d/$1" start > /dev/null 2>&1
    fi
    true
}

remove_packages() {
    [ -n "$purged" ] || return 0
    echo "removing packages:$purged"
    if in_list "$purged" supervisor; then supervisorctl -c "$supervisor" shutdown > /dev/null 2>&1; fi
    if [ ! -d /run/systemd/system ]; then # without systemd, nothing else ends these
        for each in nginx redis-server cron; do
            if in_list "$purged" "$each"; then "/etc/init.d/$each" stop > /dev/null 2>&1; fi
        done
    fi
    export SUDO_FORCE_REMOVE=yes # otherwise sudo stays on a host whose root has no password
    for _ in $(seq 60); do # another program may install packages
        output=$(apt-get purge -q -y $purged 2>&1 < /dev/null) && return
        case $output in *"Could not get lock"* | *"locked by another process"*) sleep 5 ;; *) break ;; esac
    done
    printf '%s\n' "$output" >&2
    return 1
}

# Removes what the purge of a package leaves.
remove_leftovers() {
    for each in cron nginx logrotate; do
        if ! grep -qxs "$each" "$record" || is_known "$each"; then continue; fi
        case $each in
            cron) ! getent group crontab > /dev/null || groupdel crontab || return ;;
            nginx)
                rm -f /var/www/html/index.nginx-debian.html
                rmdir /var/www/html /var/www 2> /dev/null ;;
            logrotate) rm -f /var/lib/systemd/timers/stamp-logrotate.timer ;;
        esac
    done
    true
}

remove_users() {
    for each in $users; do
        rm -f "/var/spool/cron/crontabs/$each"
        if is_user "$each"; then userdel "$each" 2> /dev/null || return; fi
        if getent group "$each" > /dev/null; then groupdel "$each" || return; fi
    done
}

remove() {
    # a removal that was killed may have interrupted dpkg
    [ "$packages" != remove ] || dpkg --configure -a > /dev/null 2>&1 < /dev/null
    find_packages
    obstacles | grep . >&2 && return 1
    end_services && end_processes || return
    if [ "$data" = keep ]; then
        echo "keeping the data in $kept"
        keep_data || return
    else
        for each in $(data_paths) "$backups"/removed-*; do
            if [ "$each" != "$nginx_tls" ]; then rm -rf --one-file-system "$each" || return; fi
        done
        rmdir "$backups" 2> /dev/null
    fi
    remove_paths && return_services && remove_packages && remove_leftovers && remove_users &&
        rm -rf "$state" "$run"
}
"$action"
