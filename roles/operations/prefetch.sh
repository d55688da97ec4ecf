# shellcheck shell=sh disable=SC2154 # prefetch.py sets the variables
# Part of the survey: the states of paths, installed packages and the service's user. Set before:
#   current    the link to the active release
#   user       the service's user
#   paths      patterns
#   packages   names
# and the functions of survey.sh and release_files.sh. Control characters in names and targets may be
# replaced, because no path of the roles has any.
release=$(readlink -f "$current")
python=$(readlink -f "$release/bin/python")
is_whole() {
    has_all "$release" && [ -x "$python" ] && [ -d "$release/lib/$(basename "$python")" ]
}
[ ! -s "$release/complete" ] || is_whole 2> /dev/null || tell damaged "$release/complete"
# shellcheck disable=SC2086 # patterns
find_paths() { find $paths -maxdepth 0 "$@" 2> /dev/null; }
find_paths -printf 'place=%y %m %u:%g %p\0' -type l -printf 'target=%l\0' | one_line | tell_lines
find_paths -type f -exec timeout 60 sha256sum -z {} + | sed -z 's/^/sha256=/' | one_line | tell_lines
# shellcheck disable=SC2086,SC2016 # several names; ${} is dpkg-query's
dpkg-query -W -f='${db:Status-Status}=${Package}\n' $packages 2> /dev/null |
    grep ^installed= | tell_lines
getent passwd "$user" > /dev/null && getent group "$user" > /dev/null && tell user yes
tell packages "$packages" # the last line: the answer is complete
