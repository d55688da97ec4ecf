#!/bin/sh
# as_root.sh: runs the survey as root if possible. The survey's answer decides about pyinfra's _sudo.
# Set before: script       the text of the survey, which reads standard input
#             privilege   sudo if pyinfra runs this by sudo with a password, else root
#             address     the controller's, in that case: sudo hides the session's variables
# shellcheck disable=SC2154
controller=${address:-${SSH_CONNECTION%% *}} # its address
if [ "$(id -u)" = 0 ]; then
    sh -c "$script" survey "$privilege" "$controller"
elif sudo -n true < /dev/null 2> /dev/null; then
    sudo -n sh -c "$script" survey sudo "$controller"
else
    sh -c "$script" survey none
fi
