#!/bin/sh
# locked_command.sh SEEN LAST -c COMMAND: a command of a deploy, while nobody else has the lock of the
# host. $0 is the deploy's token, SEEN the one that the survey has seen, LAST `last` where the deploy
# has nothing to do on the host afterwards. As `flock -o`, it holds the lock of commands itself, and
# what the command leaves running does not. Without root, pyinfra removes its own temporary file.
# Programs report in the C locale, whatever that of the user who logs in is: digests of what they
# print must not depend on it.
umask 022
export LC_ALL=C
if [ "$(id -u)" != 0 ]; then shift 2; exec sh "$@"; fi
lock=/run/omeroweb-ops
exec 9>> $lock/command && flock 9 || exit 75
{ read -r now < $lock/owner; } 2> /dev/null
case "$now" in
  "$0") cut -d. -f1 /proc/uptime > $lock/renewed ;;
  "$1") ;;
  *) echo "omeroweb-ops: this deploy ends here, since another has begun:" \
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
