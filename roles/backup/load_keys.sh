#!/bin/sh
# load_keys.sh REDIS: reads commands in base64 from standard input and runs them with REDIS, the
# command of Redis' administrator. `redis-cli --pipe` reports errors in its last line.
output=$(base64 -d | "$1" --pipe 2>&1) && case $output in
    *"errors: 0, replies: "*) exit 0 ;;
esac
printf '%s\n' "$output" | tail -n 3 >&2
exit 1
