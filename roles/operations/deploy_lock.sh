#!/bin/sh
# shellcheck disable=SC2030,SC2031 # a variable that is only a child's to know
# One deploy at a time on a host. In $folder, which is root's alone:
#   owner    who has deployed last: a token, its process, and a sentence for people, a line each
#   renewed  when the owner was last heard of, in seconds since the boot; gone once it has ended
#   command  locked while a command of a deploy runs, also one whose controller was killed
# What is running, or has been heard of within $expiry seconds, keeps others out. The clock of the
# wall has no part in it.
folder=/run/omeroweb-ops expiry=60

uptime_seconds() { cut -d. -f1 /proc/uptime; }
owner() { sed -n "$1p" "$folder/owner" 2> /dev/null; }
renew() { uptime_seconds > "$folder/renewed"; }
is_alive() {
  { read -r last < "$folder/renewed"; } 2> /dev/null || return 1
  age=$(($(uptime_seconds) - last))
  [ "$age" -ge 0 ] && [ "$age" -le "$expiry" ] # a container that has met a reboot: less than 0
}
is_running() { [ -e "$folder/command" ] && ! flock -w 1 "$folder/command" true; }

# state: free, alive (its owner is) or running (a command is)
state() { if is_running; then echo running; elif is_alive; then echo alive; else echo free; fi; }

# take TOKEN ENDED PROCESS SENTENCE: unless another has it; ENDED is a token that is known to have
# no owner any more. take_after TOKEN LAST PROCESS SENTENCE: only if nobody came after LAST.
take() { _take may_take "$@"; }
take_after() { _take comes_after "$@"; }
may_take() { ! is_alive || comes_after "$@"; }
comes_after() { case $(owner 1) in "$1" | "$2") ;; *) return 1 ;; esac }
prepare() (umask 077 && mkdir -p "$folder" && chmod 700 "$folder" && : >> "$folder/command")
_take() (
  umask 077
  prepare && exec 9>> "$folder/command" || exit 1
  flock -w 1 9 && "$1" "$2" "$3" || exit 75
  printf '%s\n' "$2" "$4" "$5 since $(date '+%Y-%m-%d %H:%M %Z')" > "$folder/owner.new" &&
    mv -f "$folder/owner.new" "$folder/owner" && renew
)
# keep TOKEN, give_back TOKEN: of what is still its own
keep() { [ "$(owner 1)" != "$1" ] || [ ! -e "$folder/renewed" ] || renew; }
give_back() { [ "$(owner 1)" != "$1" ] || rm -f "$folder/renewed"; }

# wait_until_free SECONDS: whether it is
wait_until_free() {
  end=$(($(uptime_seconds) + $1))
  until [ "$(state)" = free ]; do
    [ "$(uptime_seconds)" -lt "$end" ] || return 1
    sleep 1
  done
}

# What people do on the host waits a little longer than a deploy that was killed lasts.
wait_with_words() {
  [ "$(state)" = free ] || echo "Waiting: $(owner 3)." >&2
  wait_until_free $((expiry + 15)) && return
  echo "omeroweb-ops: $(owner 3); try again when that has ended" >&2
  return 75
}

# run WHAT COMMAND ...: nobody deploys meanwhile
run() {
  what=$1 token=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
  shift
  until take "$token" - - "${SUDO_USER:-$(id -un)} has been running '$what' on this host"; do
    wait_with_words || return
  done
  trap : INT TERM # the command gets them too
  (
    flock 9 || exit
    export OMEROWEB_OPS_DEPLOY="$token"
    "$@" 9>&-
  ) 9>> "$folder/command"
  status=$?
  give_back "$token"
  return $status
}

# What a part of a deploy, or of `run`, calls need not wait for it.
is_part() { [ -n "${OMEROWEB_OPS_DEPLOY-}" ] && [ "$(owner 1)" = "$OMEROWEB_OPS_DEPLOY" ]; }

main() {
  case $1 in
    run) shift && if is_part; then shift && "$@"; else run "$@"; fi ;;
    free) # also for the service's user; anybody else is refused by the command itself
      if [ "$(id -u)" = 0 ]; then is_part || wait_with_words
      elif sudo -n -l "$0" free > /dev/null 2>&1; then exec sudo -n "$0" free; fi ;;
    is_part) is_part ;;
    *) echo "usage: deploy-lock free | run WHAT COMMAND ..." >&2 && return 2 ;;
  esac
}
[ $# = 0 ] || main "$@"
