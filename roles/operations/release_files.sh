# shellcheck shell=sh
# Counts the files of a release, without __pycache__, which Python writes when root runs it.
# omeroweb_ops.releases.installed counts the same files.

# Prints their number and their bytes.
measure() { # RELEASE
    find "$1/bin" "$1/lib" -name __pycache__ -prune -o -type f -printf '%s\n' |
        awk '{n++; s += $1} END {printf "%d %d\n", n, s}'
}

# Whether the release has at least as many files and bytes as were built. Packages that somebody has
# added are not damage.
has_all() { # RELEASE
    measure "$1" | {
        read -r n s && read -r files bytes < "$1/complete" && [ "$n" -ge "$files" ] && [ "$s" -ge "$bytes" ]
    }
}
