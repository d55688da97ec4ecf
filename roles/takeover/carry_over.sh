# shellcheck shell=sh
# Functions that carry an existing installation's files over; they need those of privilege.sh.

# What another user's OMERO.web has written in a directory is USER's from now on: the files of that
# user alone; a link is changed itself, and never followed.
give_files() { # USER DIRECTORY
    [ -d "$2" ] || return 0
    not_a_link "$2" && not_a_link "${2%/*}" || return 1
    owner=$(stat -c %U "$2")
    case $owner in
        root | "$1") ;;
        *) chown -Rh --from="$owner" "$1:$1" "$2" ;;
    esac
}

# Below a directory of another user its owner reads: a link there leads no further than its owner
# may go. What is root's all the way is read by root.
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

# USER gets a copy of a file below SOURCE at the same place below TARGET, unless one is there.
# RECEIVE is the text of receive_file.sh.
carry_over() { # SOURCE TARGET FILE MODE USER RECEIVE
    [ -s "$1/$3" ] || return 0
    read_as_owner "$1/$3" |
        (cd / && setsid -w runuser -u "$5" -- sh -c "$6" receive_file "$2/$3" "$4")
}
