# shellcheck shell=sh disable=SC2154 # existing_installation.py sets the variables
# Part of the survey. Prints `existing=KIND PATH` lines; the lines of an NGINX site follow as
# `line=TEXT`. A second OMERO.web at another path and with another name is ignored. Set before:
#   base               the directory of OMERO.web
#   omerodir           OMERODIR
#   former_omerodirs   OMERODIR in other ways to install OMERO.web
#   marker             a text that files of the bundle have
#   omero              for grep -E: a line of an NGINX site that leads to OMERO.web

# Root runs and removes these files, so a link or another user's file is `unsafe`. A user's own
# crontab is in a directory where the user cannot place a link.
print_existing() { # KIND PATH
    case $2 in
        /var/spool/cron/crontabs/*) [ -f "$2" ] && [ ! -L "$2" ] ;;
        *) [ ! -L "$2" ] && [ "$(stat -c %u "$2")" = 0 ] ;;
    esac && echo "existing=$1 $2" || echo "existing=unsafe $2"
}

is_managed() { grep -qs "$marker" "$1"; }

# Prints the files that match PATTERN and belong to an OMERO.web in base.
print_matching() { # KIND PATTERN FILE...
    kind=$1 pattern=$2
    shift 2
    grep -lsiE -D skip -- "$pattern" "$@" | while read -r file; do
        is_managed "$file" && continue
        case ${file##*/} in
            omero-web*) ;;
            *) grep -qs "$base" "$file" || continue ;;
        esac
        print_existing "$kind" "$file"
    done
}

units=$(
    print_matching unit '^[^#]*(omero.*web start|gunicorn.*omeroweb)' \
        /etc/systemd/system/*.service /usr/local/lib/systemd/system/*.service
    print_matching init '^[^#]*omero.*web start' /etc/init.d/*
)
[ -z "$units" ] || echo "$units"
for file in $(echo "$units" | sed -n 's/^existing=unit //p'); do
    [ -d "$file.d" ] && print_existing dropin "$file.d"
done
print_matching cron '^[^#]*omero.*web clearsessions' \
    /etc/cron.d/* /etc/cron.*ly/* /var/spool/cron/crontabs/*

[ -d "$base/venv3" ] && [ ! -L "$base/venv3" ] && echo "existing=virtualenv $base/venv3"
[ -L "$omerodir" ] && echo "existing=link $omerodir"
file=$omerodir/bin/omero
[ -f "$file" ] && [ ! -L "$file" ] && print_existing command "$file"
file=/usr/local/bin/omero
if { [ -e "$file" ] || [ -L "$file" ]; } && ! grep -qs "$base/bin/service" "$file"; then
    echo "existing=command $file"
fi

if [ ! -e "$omerodir/etc/grid/config.xml" ]; then
    for directory in $(echo "$units" | sed 's/.* //' |
        xargs -r sed -nE 's/.*OMERODIR=([^" ;$]+).*/\1/p') $former_omerodirs; do
        [ -f "$directory/etc/grid/config.xml" ] && echo "existing=omerodir $directory" && break
    done
fi

for file in /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
    [ -f "$file" ] || continue
    is_managed "$file" && continue
    if grep -qE "^[^#]*($omero)" "$file"; then
        echo "existing=site $file"
        awk '{print "line=" $0}' "$file" # the last line may have no newline
    fi
done
