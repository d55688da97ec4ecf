# shellcheck shell=sh
# The files that a release is made of. Python writes __pycache__ itself, where root runs it.
# omeroweb_ops.releases.installed counts the same.

# Prints their number and their bytes.
measure() { # RELEASE
    find "$1/bin" "$1/lib" -name __pycache__ -prune -o -type f -printf '%s\n' |
        awk '{n++; s += $1} END {printf "%d %d\n", n, s}'
}

# Whether they are at least as many, and as large, as those that were built. What somebody has
# installed there besides is no damage.
has_all() { # RELEASE
    measure "$1" | {
        read -r n s && read -r files bytes < "$1/complete" && [ "$n" -ge "$files" ] && [ "$s" -ge "$bytes" ]
    }
}
