#!/bin/sh
# receive_file.sh PATH MODE: writes standard input to a new file. An empty input makes no file.
path=$1 mode=$2
[ ! -e "$path" ] || { cat > /dev/null; exit 0; }
umask 077
rm -f "$path.new"
cat > "$path.new" || exit 1
[ -s "$path.new" ] || { rm -f "$path.new"; exit 1; }
chmod "$mode" "$path.new" && mv -fT "$path.new" "$path"
