"""Every path that the bundle makes on a host.

The survey's prefetched facts, the table of docs/host-files.md and `./run remove` follow from OWNED
(tests/unit/test_host_paths.py). The paths below OMERODIR are in omeroweb_ops.locations.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from omeroweb_ops import locations
from omeroweb_ops.locations import BASE, CURRENT, MAINTENANCE, PLANNED

# Shared by several roles, owned by root
STATE = "/var/lib/omeroweb-ops"
STAMPS = f"{STATE}/stamps"  # digests of what each service was last started or reloaded with
CACHE = Path("/var/cache/omeroweb-ops")  # uv, its cache and the zeroc-ice wheel
RUN = "/run/omeroweb-ops"  # gone after a boot
BACKUPS = "/var/backups/omeroweb-ops"  # copies of replaced files, which stay
PACKAGE_RECORD = f"{STATE}/packages"  # that deploys have installed, a name each line
DEFAULTS = f"{STATE}/nginx-defaults"  # NGINX's welcome pages that a deploy has removed
RESTORE = f"{STATE}/restore"  # the backup that is being restored
SUPERVISOR_PROGRAMS = "/etc/supervisor/conf.d"

# OMERO.web
COLLECTED = f"{CURRENT}/collected"  # names the release and properties of the static files
RELEASE_COMMAND = f"{BASE}/bin/release"
SERVICE_COMMAND = f"{BASE}/bin/service"
DEPLOY_LOCK_COMMAND = f"{BASE}/bin/deploy-lock"
SANDBOX_COMMAND = f"{BASE}/bin/sandbox"
PROCESS_MANAGER = f"{BASE}/bin/process-manager"  # without systemd
FORMER_LIVENESS_COMMAND = f"{BASE}/bin/liveness"  # of an older bundle
NOTIFY_COMMAND = f"{BASE}/bin/notify"
SUPPORT_COMMAND = f"{BASE}/bin/support"
NOTIFY_CODE = f"{BASE}/notify"  # a copy of omeroweb_ops.notify, for root
NOTIFY_STATE = f"{STATE}/notify.json"  # omeroweb_ops.notify.store.STATE
NOTIFY_SETTINGS = f"{BASE}/state/notify.json"  # with secrets
GUNICORN_CONFIGURATION = f"{BASE}/gunicorn.conf.py"
OMERO_COMMAND = "/usr/local/bin/omero"
OPS_COMMAND = "/usr/local/bin/omeroweb-ops"
WEB_CRON = "/etc/cron.d/omero-web"
WEB_SUDOERS = "/etc/sudoers.d/omero-web"
WEB_SERVICE = "/etc/systemd/system/omero-web.service"
WEB_SOCKET = "/etc/systemd/system/omero-web.socket"
WEB_PROGRAM = f"{SUPERVISOR_PROGRAMS}/omero-web.conf"
NOTIFY_SERVICE = "/etc/systemd/system/omero-web-notify.service"
NOTIFY_TIMER = "/etc/systemd/system/omero-web-notify.timer"
SENDMAIL = "/usr/sbin/sendmail"  # of the host's mail server
FORMER_LIVENESS_SERVICE = "/etc/systemd/system/omero-web-liveness.service"  # of an older bundle
FORMER_LIVENESS_PROGRAM = f"{SUPERVISOR_PROGRAMS}/omero-web-liveness.conf"

# The firewall of hosts with ports for other hosts
FIREWALL_RULES = "/etc/omero-web.nft"
FIREWALL_SERVICE = "/etc/systemd/system/omero-web-firewall.service"
FIREWALL_DROP_IN = "/etc/systemd/system/nftables.service.d/omero-web-firewall.conf"

# NGINX
NGINX_SITE = "/etc/nginx/conf.d/omero-web.conf"
NGINX_ENABLED = "/etc/nginx/sites-enabled"  # Debian's
NGINX_DEFAULTS = (f"{NGINX_ENABLED}/default", "/etc/nginx/conf.d/default.conf")  # welcome pages
NGINX_TLS = "/etc/nginx/omero-web"
NGINX_DROP_IN = "/etc/systemd/system/nginx.service.d/omero-web.conf"
NGINX_ROTATION = "/etc/cron.daily/omero-web-nginx"
PAGES = "/usr/local/share/omero-web"
ACME = "/var/www/omero-web-acme"
ACME_LIVE = "/etc/letsencrypt/live/omero-web"  # certbot's links to the files in the archive
ACME_ARCHIVE = "/etc/letsencrypt/archive/omero-web"
ACME_RENEWAL = "/etc/letsencrypt/renewal/omero-web.conf"
ACME_STAMP = f"{NGINX_TLS}/acme"  # what certbot's certificate is for
ACME_AUTHORITY = "/usr/local/share/ca-certificates/omero-web-acme.crt"
RENEWAL_FAILURE = str(locations.RENEWAL_FAILURE)
ROBOTS = f"{PAGES}/robots.txt"
PUBLIC_CACHE = "/var/cache/omero-web-public"  # of NGINX's user
PUBLIC_CACHE_COMMAND = "/usr/local/sbin/omero-web-public-cache"
CERTIFICATE_COMMAND = "/usr/local/sbin/omero-web-certificate"
CERTIFICATE_CRON = "/etc/cron.d/omero-web-certificate"
CERTIFICATE_LOG = "/var/log/nginx/omero-web-certificate.log"
STATIC_FILES = f"{STATE}/static"  # on an NGINX host without OMERO.web
STATIC_ARCHIVE = f"{STATE}/static.tar.gz"  # on both hosts, during the transfer

# In the images of NGINX and Redis: all that is written at a start. Links lead from the paths above.
CONTAINER_RUN = "/run/omero-web"

# Redis
REDIS_CONFIGURATION = "/etc/omero-web-redis"
REDIS_DATA = "/var/lib/omero-web-redis"
REDIS_SOCKET = f"{REDIS_DATA}/redis.sock"
REDIS_DROP_IN = "/etc/systemd/system/redis-server.service.d/omero-web.conf"
REDIS_COMMAND = "/usr/local/sbin/omero-web-redis"
REDIS_ADMIN_SECRET = f"{STATE}/redis-admin"

# Everything but logs, BACKUPS, RUN and supervisor's programs, which end with the services.
OWNED = (
    *(str(BASE), str(CACHE), STATE),
    *(OMERO_COMMAND, OPS_COMMAND, WEB_CRON, WEB_SUDOERS, WEB_SERVICE, WEB_SOCKET),
    *(NOTIFY_SERVICE, NOTIFY_TIMER),
    *(FIREWALL_RULES, FIREWALL_SERVICE, FIREWALL_DROP_IN),
    *(NGINX_SITE, NGINX_TLS, NGINX_DROP_IN, NGINX_ROTATION, PAGES, ACME),
    *(ACME_LIVE, ACME_ARCHIVE, ACME_RENEWAL, ACME_AUTHORITY),
    *(PUBLIC_CACHE, PUBLIC_CACHE_COMMAND),
    *(CERTIFICATE_COMMAND, CERTIFICATE_CRON, str(MAINTENANCE), str(PLANNED)),
    *(REDIS_CONFIGURATION, REDIS_DATA, REDIS_DROP_IN, REDIS_COMMAND),
)


def is_owned(path: str) -> bool:
    """Return whether a path is the bundle's own, or below one that is."""
    pure = PurePosixPath(path)
    return any(pure.is_relative_to(owned) for owned in OWNED)
