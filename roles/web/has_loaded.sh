#!/bin/sh
# has_loaded.sh WORKERS: whether a worker runs with the release and configuration that the first line
# of standard input names. Each leaves what it has loaded in WORKERS, by its process id.
read -r present
for file in "$1"/[0-9]*; do
    [ -d "/proc/${file##*/}" ] && [ -f "$file" ] && [ "$(head -c 200 "$file")" = "$present" ] && exit 0
done
exit 1
