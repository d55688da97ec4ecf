#!/bin/sh
# locked_command.sh SEEN LAST -c COMMAND: runs a command of a deploy, unless another deploy has the
# host's lock. $0 is the deploy's token, SEEN the token that the survey has found. LAST is `last` if
# the command is the deploy's last on the host. As with `flock -o`, this script holds the lock for
# commands, and the command's background processes do not; commands of one deploy share the lock.
# Without root, only pyinfra's removal of its temporary file runs here. Programs print in the C
# locale, because digests of their output must not depend on the locale of the user who logs in.
umask 022
export LC_ALL=C
if [ "$(id -u)" != 0 ]; then shift 2; exec sh "$@"; fi
lock=/run/omeroweb-ops
exec 9>> $lock/command && flock -s 9 || exit 75
{ read -r now < $lock/owner; } 2> /dev/null
case "$now" in
  "$0") cut -d. -f1 /proc/uptime > $lock/renewed ;;
  "$1") ;;
  *) echo "omeroweb-ops: this deploy ends, because another deploy has begun:" \
      "$(sed -n 3p $lock/owner)" >&2; exit 75 ;;
esac
export OMEROWEB_OPS_DEPLOY="$0"
last=$2
shift 2
sh "$@" 9>&-
status=$?
[ "$now" != "$0" ] || if [ "$last" = last ]; then rm -f $lock/renewed
else cut -d. -f1 /proc/uptime > $lock/renewed; fi
exit $status
