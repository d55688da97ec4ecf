"""Define and read the settings of one host, which the inventory's data hold.

Pure: each setting's type and description, and the checks that need no other setting.
`site` has what follows from several hosts together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.shared.origins import origin
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from . import controller_path, notify, plugin_entries, unknown_setting
from .acme import AcmeCertificate
from .field_types import (
    Addresses,
    CacheSize,
    Duration,
    HostAddress,
    HostFile,
    Logo,
    Memory,
    Network,
    Picture,
    Port,
    RedisMemory,
    RedisUrl,
    SecretsSource,
    ServerNames,
    SiteUrl,
    Size,
    Template,
    TemplateFolder,
    TextFile,
    WebsocketUrl,
    Wheel,
)
from .lock_types import SiteLock
from .model import Model
from .notify import Notify
from .plugins import WebPlugin


def _proxy(value: object) -> object:
    return {"addresses": value} if isinstance(value, (list, tuple)) else value


class Certificate(Model):
    """A TLS certificate (with its chain) and its private key, as PEM files.

    The files are beside the inventory, or, with an absolute path, on the NGINX host.
    """

    certificate: HostFile
    key: HostFile


class Proxies(Model):
    """The proxies in front of NGINX. tls: whether visitors reach the proxies over HTTPS."""

    addresses: Annotated[Sequence[Network], Field(min_length=1)]
    tls: bool = True


def _status(value: object) -> object:
    if type(value) is not int or not 200 <= value <= 599:
        raise ValueError(f"status must be a number from 200 to 599, not {value!r}")
    return value


def _page_text(value: object) -> object:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError(f"text must be part of the page's text, not {value!r}")
    return value


class WebCheck(Model):
    """A URL of the site that must answer after a change: with a status, and with a text in it."""

    url: SiteUrl
    status: Annotated[int, BeforeValidator(_status)] = 200
    text: Annotated[str | None, BeforeValidator(_page_text)] = None


class PublicCache(Model):
    """NGINX's cache of what visitors without a session may see: its size on disk, its time."""

    size: CacheSize = "1g"
    time: Duration = "10m"


def _public_cache(value: object) -> object:
    return ({} if value else None) if isinstance(value, bool) else value


class MaintenancePage(Model):
    """A facility's own maintenance page, or a logo and a contact for the bundle's page."""

    page: TextFile | None = None
    logo: Logo | None = None
    contact: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_path_is_a_page(cls, value: Any) -> Any:
        return {"page": value} if isinstance(value, str) else value


class BrandingFiles(Model):
    """Logos and templates beside the inventory, named like the properties that they set."""

    login_logo: Picture | None = None
    top_logo: Picture | None = None
    index_template: Template | None = None
    template_dirs: Sequence[TemplateFolder] = ()


class Settings(Model):
    """Every setting. A description completes the sentence "must be …".

    A new setting also has a row of `ROWS` in `settings_page.py`, which writes docs/settings.md.
    """

    address: HostAddress | None = Field(
        None, description="an IP address or a host name by which other hosts reach this host"
    )

    web_config: Mapping[str, Any] = Field(
        {}, description='{property: value}, for example {"omero.web.prefix": "/omero"}'
    )
    web_config_append: Mapping[str, Sequence[JsonValue]] = Field(
        {}, description='{property: [items]}, for example {"omero.web.apps": ["omero_figure"]}'
    )
    web_config_remove: Mapping[str, Sequence[JsonValue]] = Field(
        {}, description='{property: [items]}, for example {"omero.web.ui.top_links": ["Help"]}'
    )
    web_config_exclusive: bool = Field(
        False, description="True to remove properties that are set manually, or False to keep them"
    )
    web_secrets: SecretsSource | None = Field(
        None,
        description="the path of a YAML file of lines `property: value` or `redis_password: "
        "value`, or a command that prints "
        'such lines: {"command": ["sops", "-d", "secrets.yml"]}',
    )
    web_requirements: SiteLock | None = Field(
        None,
        description="the path of a hash-pinned requirements file; make it from app/requirements.in "
        "with uv pip compile --generate-hashes --no-emit-package zeroc-ice",
    )
    web_plugins: Sequence[WebPlugin] = Field(
        (),
        description='["omero-iviewer"], and for a plugin of your own {"package": "my-plugin", '
        '"app": "my_plugin", "requirements": "my-plugin.txt"}',
    )
    web_sessions: Literal["redis", "file"] | None = Field(None, description='"redis" or "file"')
    web_redis_url: RedisUrl | None = Field(
        None,
        description='a Redis run by others, for example "rediss://redis.example.org:6379"; user '
        "and password go into the web_secrets file as redis_user and redis_password",
    )
    web_cors_origins: Sequence[Annotated[str, AfterValidator(origin)]] = Field(
        (), description='a list of origins, for example ["https://viewer.example.org"]'
    )
    web_cors_login: bool = Field(False, description="True if pages of other sites log in, or False")
    web_branding: BrandingFiles = Field(
        BrandingFiles(),
        description='{"login_logo": "logo.png", "top_logo": "small.svg", '
        '"index_template": "welcome.html", "template_dirs": ["templates"]}, or some of it',
    )
    web_ready_needs_server: bool = Field(
        False, description="True if OMERO.web is not ready without its OMERO.server, or False"
    )
    web_checks: Annotated[Sequence[WebCheck], Field(max_length=50)] = Field(
        (),
        description='a list of pages that must answer after a change, for example [{"url": '
        '"/gallery/", "status": 200, "text": "Gallery"}]; status and text may be left out',
    )
    web_ice_wheel: Wheel | None = Field(
        None,
        description="the path of a zeroc-ice 3.6.5 wheel, with #sha256=… or without, or "
        "https://…/name.whl#sha256=…",
    )

    web_graceful_timeout: Annotated[int, Field(ge=1, le=3600)] = Field(
        30,
        description="a number of seconds, for example 30: the time that running requests get to "
        "end when OMERO.web is replaced",
    )
    web_worker_memory: Memory = Field(
        "1gb", description='the memory above which a worker is replaced, for example "1gb"'
    )
    web_memory_max: Memory | None = Field(
        None, description='the memory of the whole service, for example "8gb"'
    )
    web_open_files: Annotated[int, Field(ge=1024, le=1048576)] = Field(
        65536,
        description="the number of files and connections that the service may have open, for "
        "example 65536",
    )
    web_liveness: Annotated[int, Field(ge=15, le=3600)] = Field(
        36,
        description="a number of seconds, for example 36: an OMERO.web that hangs for longer is "
        "restarted",
    )

    web_notify: Annotated[Notify | None, BeforeValidator(notify.from_bool)] = Field(
        None,
        description='{"mail": ["admins@example.org"], "smtp": "mail.example.org"}; True if only '
        "notify_webhook in the web_secrets file says who is notified",
    )

    nginx_server_name: ServerNames | None = Field(
        None, description='the name visitors use, for example "omero.example.org"'
    )
    nginx_http_port: Port = Field(80, description="a TCP port number, for example 80")
    nginx_https_port: Port = Field(443, description="a TCP port number, for example 443")
    # `environment` makes variables of the last form's fields
    nginx_tls: Literal["off", "self-signed"] | AcmeCertificate | Certificate = Field(
        "off",
        description='"off", "self-signed", {"acme": {"email": "admin@example.org"}} or '
        '{"certificate": "site.pem", "key": "site.key"}',
    )
    nginx_maintenance_allow: Sequence[Network] = Field(
        (), description='a list of IP addresses or networks, for example ["10.1.0.0/16", "fd00::5"]'
    )
    nginx_maintenance_page: MaintenancePage | None = Field(
        None,
        description='the path of an HTML file, or {"page": "away.html", "logo": "logo.svg", '
        '"contact": "help@example.org"} with one or more of the three',
    )
    nginx_hsts: bool = Field(
        True, description="True to make browsers use only HTTPS for two years, or False"
    )
    nginx_behind_proxy: Annotated[Proxies | None, BeforeValidator(_proxy)] = Field(
        None, description='{"addresses": ["10.0.0.5", "10.1.0.0/16"], "tls": True}'
    )
    nginx_max_body_size: Size = Field(
        "4g",
        description='the largest upload of a logged-in user, for example "500m"; "0" is unlimited',
    )
    nginx_max_connections: Annotated[int, Field(ge=0, le=100_000)] = Field(
        2000,
        description="the number of requests that the visitors of one address may have open at "
        "once, for example 2000; 0 means no limit",
    )
    nginx_metrics_allow: Sequence[Network] = Field(
        ("127.0.0.1/32", "::1/128"), description='addresses, for example ["10.0.0.7"]'
    )
    nginx_omero_ws: WebsocketUrl | None = Field(
        None,
        description="the websocket of OMERO.server as this host reaches it, for example "
        '"wss://omero.example.org:4066"',
    )
    nginx_robots: bool | None = Field(
        None,
        description="True for a robots.txt that keeps crawlers out of rendering and search, or "
        "False for none",
    )
    nginx_public_cache: Annotated[PublicCache | None, BeforeValidator(_public_cache)] = Field(
        None, description='True, or {"size": "1g", "time": "10m"} with one or both of them'
    )

    redis_bind: Addresses | None = Field(
        None, description='IP addresses of this host, for example "127.0.0.1 10.0.0.5"'
    )
    redis_port: Port | None = Field(None, description="a TCP port number, for example 6379")
    redis_allow: Sequence[Network] = Field(
        (),
        description='IP addresses or networks besides the web hosts, for example ["10.0.0.7"]',
    )
    redis_takeover: bool = Field(
        False, description="True if only OMERO.web uses the Redis on this host, or False"
    )
    redis_maxmemory: RedisMemory | None = Field(
        None, description='an amount of memory, for example "512mb"'
    )

    @property
    def redis_has_port(self) -> bool:
        """Whether Redis has a TCP port besides its socket: either setting opens a port."""
        return self.redis_bind is not None or self.redis_port is not None

    @property
    def redis_addresses(self) -> str:
        """The addresses that Redis listens on, if it has a TCP port."""
        return self.redis_bind or "127.0.0.1"

    @property
    def redis_tcp_port(self) -> int:
        """The TCP port of Redis, if it has a TCP port."""
        return self.redis_port or 6379

    @property
    def redis_is_local(self) -> bool:
        """Whether other hosts cannot reach Redis: it listens on loopback or on a socket only."""
        parts = [part.removeprefix("-") for part in self.redis_addresses.split()]
        return all(ipaddress.ip_address(part).is_loopback for part in parts)


def read(data: Mapping[str, Any], directory: Path = Path()) -> tuple[Settings, list[Finding]]:
    """Return the settings in a host's data, and every error in them.

    directory: the inventory's, to which paths are relative.

    If there are errors, the returned settings are only the valid ones. Use them only to search for
    further errors.
    """
    try:
        return Settings.model_validate(dict(data), context=controller_path.context(directory)), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    wrong = list(dict.fromkeys(str(detail["loc"][0]) for detail in details))
    findings = [
        finding
        for name in wrong
        for finding in _findings(name, data[name], [d for d in details if d["loc"][0] == name])
    ]
    return read({name: data[name] for name in data.keys() - wrong}, directory)[0], findings


def _findings(name: str, value: object, details: Sequence[Mapping[str, Any]]) -> Iterable[Finding]:
    """Return one setting's errors. pydantic reports errors for each possible form of the value."""
    if name not in Settings.model_fields:
        return [Finding(name, unknown_setting.message(name, Settings.model_fields))]
    hint = str(Settings.model_fields[name].description)
    if name == "web_plugins" and isinstance(value, (list, tuple)):
        return plugin_entries.findings(value, details, hint)
    if name == "nginx_tls":  # text or files: report the errors of the form that was meant
        meant = _form_of_tls(value)
        details = [each for each in details if each["loc"][1].startswith(meant)]
    reasons = dict.fromkeys(_reason(name, value, each) for each in details)
    return [Finding(name, f"{'; '.join(reasons)}; must be {hint}")]


def _form_of_tls(value: object) -> str:
    """Return the form that a value of nginx_tls has, by the name that pydantic gives it."""
    if not isinstance(value, Mapping):
        return "literal"
    return "AcmeCertificate" if "acme" in value else "Certificate"


def _reason(name: str, value: object, detail: Mapping[str, Any]) -> str:
    path = [str(part) for part in detail["loc"][1:] if part in getattr(value, "keys", tuple)()]
    part = f"{path[-1]}: " if path else ""
    kind, said = detail["type"], str(detail["msg"])
    if kind == "value_error":
        return part + said.removeprefix("Value error, ")
    if kind in ("missing", "extra_forbidden"):
        return f"{detail['loc'][-1]} {'is missing' if kind == 'missing' else 'is not known'}"
    if kind in ("model_type", "is_instance_of"):  # pydantic names its class
        said = f"input should be a {'list' if 'Sequence' in said else 'dictionary'}"
    # a whole web_config may hold a password
    shown = "this" if isinstance(value, (Mapping, list)) else repr(value)
    return f"{part}{shown} is not valid ({said[0].lower()}{said[1:]})"
