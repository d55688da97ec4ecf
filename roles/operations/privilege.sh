# shellcheck shell=sh
# Shell functions for commands that a deploy runs as root; see docs/architecture.md, "Privilege".

# Fails with an error unless root (or the present user) owns every directory that leads to PATH, and
# nobody else may write there. A link on the way counts like its target.
owned_path() { # PATH
    namei -l "${1%/*}/" 2>&1 | awk -v path="$1" -v me="$(id -un)" -v group="$(id -gn)" '
        NR == 1 || $1 !~ /^[bcdlps-][rwxsStT-][rwxsStT-][rwxsStT-]/ { next }
        $2 != "root" && $2 != me { wrong = "belongs to " $2 }
        $1 ~ /^d/ && $1 !~ /[tT]$/ && (substr($1, 9, 1) == "w" ||
            substr($1, 6, 1) == "w" && $3 != "root" && $3 != "staff" && $3 != group) {
            wrong = "can be written to by others (" $1 " " $2 ":" $3 ")"
        }
        wrong { print path ": " $4 ", on the way to it, " wrong "; nothing is done there as " me
                exit 1 }' >&2
}

# Fails with an error if PATH is a symbolic link.
not_a_link() { # PATH
    [ ! -L "$1" ] || {
        echo "$1 is a symbolic link to $(readlink "$1" | tr -c '[:graph:]\n' '?'); move it away," \
            "so that a directory can be made there (a bind mount can bring it to another disk)" >&2
        return 1
    }
}

# Whether root owns the link PATH and its target.
is_link_of_root() { # PATH
    [ -L "$1" ] && [ "$(stat -c %u "$1") $(stat -Lc %u "$1")" = "0 0" ]
}

# Passes on standard input without characters that control a terminal.
without_control_characters() {
    LC_ALL=C sed 's/\xc2[\x80-\x9f]/?/g; s/[\x00-\x08\x0b-\x1f\x7f]/?/g'
}

# Runs a shell command for at most SECONDS, passes on at most BYTES of its output and errors without
# control characters, and returns its status. Processes that it leaves running are not waited for.
limited() { # SECONDS BYTES COMMAND
    { { { s=0; timeout -k 5 "$1" sh -c "$3" 3>&- 4>&- || s=$?; echo "$s" >&3; } 2>&1 |
        timeout -k 5 "$(($1 + 5))" head -c "$2" | without_control_characters >&4; } 3>&1 |
        { read -r status && exit "$status"; }; } 4>&1
}
