#!/bin/sh
# has_loaded.sh WORKERS: succeeds if a worker has loaded the release and configuration in the first
# line of standard input. WORKERS has a file for each worker, named by its process ID.
read -r present
for file in "$1"/[0-9]*; do
    [ -d "/proc/${file##*/}" ] && [ -f "$file" ] && [ "$(head -c 200 "$file")" = "$present" ] && exit 0
done
exit 1
