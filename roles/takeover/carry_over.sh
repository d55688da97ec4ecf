# shellcheck shell=sh
# Functions that carry over an existing installation's files; they need those of privilege.sh.

# Gives the files that another user's OMERO.web has written in a directory to USER. Only files of that
# user change. A link changes its own owner and is never followed.
give_files() { # USER DIRECTORY
    [ -d "$2" ] || return 0
    not_a_link "$2" && not_a_link "${2%/*}" || return 1
    owner=$(stat -c %U "$2")
    case $owner in
        root | "$1") ;;
        *) chown -Rh --from="$owner" "$1:$1" "$2" ;;
    esac
}

# Prints a file as the owner of its directory, so that a link there reaches only files that the owner
# may read. Root reads a file only if root owns the whole path.
read_as_owner() { # FILE
    owner=$(stat -c %U "${1%/*}")
    set -- cat "$1"
    if [ "$owner" = root ]; then
        owned_path "$2" || return
    else
        set -- setsid -w runuser -u "$owner" -- "$@"
    fi
    timeout 10 "$@" | head -c 10000000
}

# Copies a file below SOURCE to the same place below TARGET as USER, unless a file is there already.
# RECEIVE is the text of receive_file.sh.
carry_over() { # SOURCE TARGET FILE MODE USER RECEIVE
    [ -s "$1/$3" ] || return 0
    read_as_owner "$1/$3" |
        (cd / && setsid -w runuser -u "$5" -- sh -c "$6" receive_file "$2/$3" "$4")
}
