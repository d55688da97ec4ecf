#!/bin/sh
# ci.sh plan|deploy SITE: the job of a CI pipeline, in the repository of the sites.
# plan shows what a deploy would change. deploy makes the changes. The exit status is 0 if the job
# has done its work.
# SSH_KEY and SECRETS name files that the CI system keeps secret: a private key for the hosts, and
# the site's secrets.yml.
set -eu
umask 077

job=$1 site=$2
cp "$SECRETS" "$site/secrets.yml"
trap 'rm -f "$site/secrets.yml"' EXIT

case $job in
    plan)
        status=0
        bundle/run plan "$site" --ssh-key "$SSH_KEY" || status=$?
        [ "$status" = 2 ] || exit "$status" # 2: a deploy would change something
        ;;
    deploy) bundle/run deploy "$site" --ssh-key "$SSH_KEY" ;;
    *) echo "usage: ci.sh plan|deploy SITE" >&2 && exit 1 ;;
esac
