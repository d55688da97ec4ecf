"""Write the table of docs/settings.md: `./run python -m roles.inventory.settings_page`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_BEGIN, _END = "| setting | what it is | default |\n|---|---|---|\n", "\n\n"


@dataclass(frozen=True)
class Row:
    """A setting's description in Markdown. default: used instead of the model's default."""

    text: str
    default: str = ""


ROWS = {
    "address": Row(
        "the address by which other hosts reach this host, and from which it reaches them",
        default="its SSH name",
    ),
    "web_config": Row(
        "{property: value}: any OMERO.web property by its own name, as Python data (`True`, "
        '`5`, `["a"]`)',
    ),
    "web_config_append": Row(
        "{property: [items]}: added to the default list of the installed release, so that an "
        "upgrade's new items appear",
    ),
    "web_config_remove": Row(
        "{property: [items]}: taken out of that list; an item is named by its app, its class, "
        "its label or its target",
    ),
    "web_config_exclusive": Row(
        "`True`: properties that are set manually are removed instead of kept",
    ),
    "web_secrets": Row(
        "the path, on the machine you deploy from, of a YAML file {property, `redis_password` "
        'or `redis_user`: value}, or {"command": […]} that prints such a file: [Secrets](#secrets)',
    ),
    "web_requirements": Row(
        "a hash-pinned requirements file of your own; it decides what is installed. It pins "
        "at least the packages that the bundle needs (`app/requirements.in`), each line with its "
        "hash. It has no `-r`, `-c`, `-e` and no index: set the index in pip's configuration on "
        "the host. `# Locked: YYYY-MM-DD` in the first lines is the date that `status` and `./run "
        "audit` report: [upgrades](upgrade.md)",
        default="the bundle's lock",
    ),
    "web_plugins": Row(
        'names of the catalogue, like `["omero-iviewer", "omero-figure"]`, and plugins of '
        "your own: [plugins.md](plugins.md)",
    ),
    "web_sessions": Row(
        "`redis` or `file`",
        default="`redis` if the inventory has a group redis or `web_redis_url`, else `file`",
    ),
    "web_redis_url": Row(
        "a Redis run by others, like `rediss://redis.example.org:6380`: "
        "[redis.md](redis.md#a-redis-run-by-others)",
    ),
    "web_cors_origins": Row(
        'origins whose pages may call, like `["https://viewer.example.org"]`: [cors.md](cors.md)',
    ),
    "web_cors_login": Row(
        "`True`: pages of other sites may log in; needs TLS",
    ),
    "web_branding": Row(
        '{"login_logo": FILE, "top_logo": FILE, "index_template": FILE, "template_dirs": '
        "[DIRECTORIES]}: [branding.md](branding.md)",
        default="{}",
    ),
    "web_checks": Row(
        "pages that must answer after a change, or the change is rolled back: [lifecycle.md]"
        "(lifecycle.md#checks-of-your-own)",
    ),
    "web_ready_needs_server": Row(
        "`True`: `/ops/ready` answers 503 if no OMERO.server is reachable: "
        "[monitoring.md](monitoring.md)",
    ),
    "web_ice_wheel": Row(
        "path (`#sha256=…` may follow), or `https://…/NAME.whl#sha256=…`, of a zeroc-ice "
        "3.6.5 wheel",
        default="built once and kept",
    ),
    "web_graceful_timeout": Row(
        "seconds that running requests may still take when OMERO.web is replaced or stopped: "
        "[lifecycle.md](lifecycle.md)",
    ),
    "web_worker_memory": Row(
        "a worker that uses more memory is replaced as soon as it has no download, like `1gb`",
    ),
    "web_memory_max": Row(
        "the memory of the whole service, like `8gb`, under systemd",
        default="no limit",
    ),
    "web_open_files": Row(
        "the number of files and connections that the whole service may have open, under systemd",
    ),
    "web_liveness": Row(
        "seconds after which an OMERO.web that hangs as a whole is restarted: "
        "[lifecycle.md](lifecycle.md#crashes)",
    ),
    "web_notify": Row(
        '{"mail": ADDRESSES, "smtp": SERVER, "from": ADDRESS, "url": URL, "warnings": `False`}, '
        "each optional, or `True`: somebody is notified when the site breaks and when it is well; "
        "`notify_webhook` and `notify_smtp_password` go into the secrets file: "
        "[notify.md](notify.md)",
        default="nobody is notified",
    ),
    "nginx_server_name": Row(
        "the names visitors use, like `images.example.org`; [no other is "
        "served](front-door.md#host-names)",
        default="any",
    ),
    "nginx_http_port": Row(
        "NGINX's port for http",
    ),
    "nginx_https_port": Row(
        "NGINX's port for https, with TLS",
    ),
    "nginx_tls": Row(
        '`off`, `self-signed`, {"acme": {"email": ADDRESS}} for a certificate that renews itself '
        '([acme.md](acme.md)), or {"certificate": FILE, "key": FILE}, here or on the host: '
        "[tls.md](tls.md)",
    ),
    "nginx_maintenance_allow": Row(
        "addresses and networks that see the site during [planned maintenance](maintenance.md)",
    ),
    "nginx_maintenance_page": Row(
        'an HTML file, or {"page": FILE, "logo": FILE, "contact": TEXT}, each of them '
        "optional: [your own page](maintenance.md#your-own-page)",
        default="the bundle's page",
    ),
    "nginx_hsts": Row(
        "with TLS: browsers must use only HTTPS",
    ),
    "nginx_behind_proxy": Row(
        '[addresses] of proxies in front that end TLS, or {"addresses": […], "tls": False}',
    ),
    "nginx_max_body_size": Row(
        "the largest upload of a logged-in user, like `500m`; `0` means no limit; "
        "[others](front-door.md#bodies-forms-and-uploads) send 256 kB",
    ),
    "nginx_max_connections": Row(
        "the number of requests that the visitors of one address may have [open at "
        "once](front-door.md#slow-visitors-and-large-answers); `0` means no limit",
    ),
    "nginx_metrics_allow": Row(
        "addresses that may ask for `/ops/`: [monitoring.md](monitoring.md)",
        default="this host",
    ),
    "nginx_omero_ws": Row(
        "OMERO.server's websocket, like `wss://omero.example.org:4066`, which OMERO's clients then "
        "reach at `/omero-ws`: [front-door.md](front-door.md#omeroserver-by-a-websocket)",
    ),
    "nginx_robots": Row(
        "`True`: a robots.txt keeps crawlers out of rendering and search: "
        "[public-site.md](public-site.md#crawlers)",
        default="`True` for a public site",
    ),
    "nginx_public_cache": Row(
        '`True`, or {"size": SIZE, "time": TIME}: NGINX keeps images and metadata for visitors '
        "without a session: [public-site.md](public-site.md#the-cache)",
        default="no cache",
    ),
    "redis_bind": Row(
        "opens a TCP port of Redis besides its socket, at these addresses; needs a "
        "`redis_password` of 16 characters or more: [redis.md](redis.md)",
        default="no port (with `redis_port` alone: 127.0.0.1)",
    ),
    "redis_port": Row(
        "opens the same port by its number",
        default="no port (with `redis_bind` alone: 6379)",
    ),
    "redis_allow": Row(
        "addresses and networks that may reach this port besides the web hosts: "
        "[several-hosts.md](several-hosts.md#who-may-reach-redis)",
    ),
    "redis_takeover": Row(
        "only OMERO.web uses the existing Redis on the host, even if it looks shared: "
        "[redis.md](redis.md#a-redis-that-is-there-already)",
    ),
    "redis_maxmemory": Row(
        "a limit like `512mb`, `16mb` at least; a full Redis refuses new sessions, it never "
        "drops one: [redis.md](redis.md)",
        default="an eighth to a quarter of the host's memory",
    ),
}


def table() -> str:
    """Return a row for each setting of the model, in the model's order."""
    return "\n".join(
        f"| `{name}` | {ROWS[name].text} | {ROWS[name].default or _default(name)} |"
        for name in Settings.model_fields
    )


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if value is None:
        return "none"
    if value in ((), {}):
        return "[]" if value == () else "{}"
    return f"`{value}`" if isinstance(value, bool | str) else str(value)


def page(text: str) -> str:
    """Return the text of the page with a new table in place of the old one."""
    head, begin, rest = text.partition(_BEGIN)
    _former, end, tail = rest.partition(_END)
    return head + begin + table() + end + tail


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
