"""The whole site: every host's settings together, and what follows from them.

A mistake in the inventory is reported with all the others and before any host is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omeroweb_ops.login_page import own_host, url_host
from omeroweb_ops.property_names import APPS, HOST, PORT, PREFIX
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import derived, plugins, schema
from omeroweb_ops.state.branding import Branding
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.redaction import redact, texts

from ..conventions import LOCATIONS, REDIS_SOCKET, REDIS_USER
from . import branding, server_names
from .secrets_file import OF_REDIS, read_secrets
from .settings import Settings, read

GROUPS = ("redis", "web", "nginx")
SCHEMA = schema.locked()
_LOOPBACK = {"localhost", "127.0.0.1"}


@dataclass(frozen=True)
class Member:
    """One host of the site."""

    name: str
    groups: frozenset[str]
    settings: Settings
    connector_address: str | None

    @property
    def address(self) -> str | None:
        """How other hosts reach it."""
        return self.settings.address or self.connector_address


class Site:
    """All hosts; every derived fact is computed here and nowhere else."""

    def __init__(self, members: Iterable[Member], secrets: Mapping[str, Any]) -> None:
        self.members = {member.name: member for member in members}
        self.secrets = secrets
        self._resolved: dict[str, tuple[dict[str, str], list[Finding]]] = {}
        self._branding: dict[str, Branding | None] = {}

    def group(self, group: str) -> list[Member]:
        return [member for member in self.members.values() if group in member.groups]

    @property
    def redis_password(self) -> str | None:
        password = self.secrets.get("redis_password")
        return None if password is None else str(password)

    @cached_property
    def tls(self) -> bool:
        """Whether visitors come by https."""
        return any(_public_tls(member.settings) for member in self.group("nginx"))

    @cached_property
    def origins(self) -> list[str]:
        """Where OMERO.web's own pages come from, as browsers tell it; none without TLS."""
        return [
            f"https://{name}{_public_port(member.settings)}"
            for member in self.group("nginx")
            if _public_tls(member.settings)
            for name in (member.settings.nginx_server_name or "").split()
            if name != "_" and "*" not in name and not name.startswith(".")
        ]

    @cached_property
    def allowed_hosts(self) -> list[str]:
        """The hosts that OMERO.web answers for; none where an NGINX takes any name."""
        names = [(each.settings.nginx_server_name or "").split() for each in self.group("nginx")]
        if any(map(server_names.is_open, names)):
            return []
        return server_names.allowed_hosts([name for each in names for name in each])

    @property
    def loopback(self) -> bool:
        """Whether visitors come from the machine itself alone."""
        names = [(each.settings.nginx_server_name or "_").split() for each in self.group("nginx")]
        return all({*each} <= _LOOPBACK for each in names)

    def sessions(self, member: Member) -> str:
        has_redis = self.group("redis") or member.settings.web_redis_url
        return member.settings.web_sessions or ("redis" if has_redis else "file")

    def upstreams(self, member: Member) -> list[str]:
        """host:port of every OMERO.web behind the NGINX of `member`."""
        return [
            f"{_between(member, web, self.effective(web, HOST))}:{self.effective(web, PORT)}"
            for web in self.group("web")
        ]

    def own_address(self, member: Member) -> str:
        """host:port of an OMERO.web, as it is reached on its own host."""
        return f"{_between(member, member, self.effective(member, HOST))}:" + str(
            self.effective(member, PORT)
        )

    def resolved(self, member: Member) -> tuple[dict[str, str], list[Finding]]:
        """The text of every property of the inventory, and the mistakes in them."""
        if member.name not in self._resolved:
            known = plugins.with_properties(SCHEMA, _plugins(member))
            texts, found = self.desired(member).resolve(
                known, LOCATIONS.omerodir, strict=not _has_unknown_properties(member)
            )
            self._resolved[member.name] = texts, [_of_plugin(each, known) for each in found]
        return self._resolved[member.name]

    def _text(self, member: Member, name: str) -> str | None:
        texts, _mistakes = self.resolved(member)
        return texts.get(name, SCHEMA.default(name, LOCATIONS.omerodir))

    def value(self, member: Member, name: str) -> Any:
        """A property as Python data, as the inventory has it, else its default."""
        return SCHEMA[name].value(self._text(member, name))

    def effective(self, member: Member, name: str) -> Any:
        """A property's text, or a list or dictionary, as the inventory has it, else its default."""
        structured = SCHEMA[name].kind in ("list", "object")
        return self.value(member, name) if structured else self._text(member, name)

    def prefix(self, member: Member) -> str:
        """OMERO.web's prefix, '' or like '/omero'."""
        text = str(self.effective(member, PREFIX) or "").strip("/")
        return f"/{text}" if text else ""

    def desired(self, member: Member) -> Desired:
        """The desired state of one web host."""
        return derived.with_derived(self.explicit(member), self._surroundings(member), LOCATIONS)

    def explicit(self, member: Member) -> Desired:
        """What the inventory itself says of OMERO.web's properties."""
        settings = member.settings
        return Desired(
            {**settings.web_config, **self.secret_properties},
            settings.web_config_append,
            settings.web_config_remove,
            settings.web_config_exclusive,
            tuple(sorted(self.secret_properties)),
        )

    def _surroundings(self, member: Member) -> derived.DeploymentContext:
        redis = self._redis(member) if self.sessions(member) == "redis" else None
        return derived.DeploymentContext(
            redis=redis,
            redis_user=self._redis_user(member),
            redis_password=self.redis_password,
            front_elsewhere=self.behind_remote_nginx(member),
            serves_static=not self.group("nginx"),
            tls=self.tls,
            cors_origins=tuple(member.settings.web_cors_origins),
            cors_login=member.settings.web_cors_login,
            branding=self.branding(member),
            origins=tuple(self.origins),
            allowed_hosts=tuple(self.allowed_hosts),
            plugins=_plugins(member),
        )

    def _redis(self, member: Member) -> str | None:
        """Redis' URL without a database: a socket on the same host."""
        for redis in self.group("redis")[:1]:
            if redis is member:
                return f"unix://{REDIS_SOCKET}"
            address = _between(member, redis, redis.settings.redis_addresses)
            return f"redis://{address}:{redis.settings.redis_tcp_port}"
        return member.settings.web_redis_url

    def _redis_user(self, member: Member) -> str | None:
        if self.group("redis"):
            return REDIS_USER
        user = self.secrets.get("redis_user")
        return None if user is None else str(user)

    def branding(self, member: Member) -> Branding | None:
        """The site's own logos and templates: read once, so that a file cannot change meanwhile."""
        if member.name not in self._branding:
            found = branding.read(member.settings.web_branding)
            self._branding[member.name] = found if found.files else None
        return self._branding[member.name]

    def behind_remote_nginx(self, member: Member) -> bool:
        """Whether an NGINX on another host serves this OMERO.web."""
        return any(nginx is not member for nginx in self.group("nginx"))

    def remote_nginx_addresses(self, member: Member) -> list[str]:
        """The addresses of every NGINX on another host than this OMERO.web."""
        return [nginx.address or "" for nginx in self.group("nginx") if nginx is not member]

    def redis_clients(self, member: Member) -> list[str]:
        """The addresses of every OMERO.web on another host than this Redis."""
        return [web.address or "" for web in self.group("web") if web is not member]

    @property
    def secret_properties(self) -> dict[str, Any]:
        return {name: value for name, value in self.secrets.items() if name not in OF_REDIS}

    def redact(self, message: str) -> str:
        """A message that may quote what came from a secrets file, as it may be shown."""
        return redact(message, texts(dict(self.secrets)))

    def mode(self, content: str) -> str:
        """The mode of root's file with this content: others may not read what quotes a secret."""
        return "644" if self.redact(content) == content else "640"

    def ports(self, member: Member) -> Iterable[tuple[int, str, str]]:
        """Each port that a host's roles take, the program that may hold it already, its setting."""
        settings = member.settings
        if "redis" in member.groups and settings.redis_has_port:
            yield settings.redis_tcp_port, "redis-server", "redis_port"
        if "nginx" in member.groups:
            yield settings.nginx_http_port, "nginx", "nginx_http_port"
            if settings.nginx_tls != "off":
                yield settings.nginx_https_port, "nginx", "nginx_https_port"
        if "web" in member.groups:
            yield int(self.effective(member, PORT)), "omeroweb.wsgi", PORT


def load(
    hosts: Iterable[tuple[str, frozenset[str], Mapping[str, Any], str | None]],
) -> tuple[Site, list[Finding]]:
    """The site of these hosts (name, groups, data, address by the connector), and the mistakes in
    each host's own settings; those of the whole are found by `mistakes`."""
    members: list[Member] = []
    findings: list[Finding] = []
    files: dict[str | tuple[str, ...], str] = {}
    for name, groups, data, address in hosts:
        settings, mistakes = read(data)
        findings += [Finding(f"{name}: {each.subject}", each.message) for each in mistakes]
        members.append(Member(name, groups, settings, address))
        if settings.web_secrets:
            files[settings.web_secrets] = name
    secrets: dict[str, Any] = {}
    for source, name in files.items():
        content, mistakes = read_secrets(source)
        findings += [Finding(f"{name}: {each.subject}", each.message) for each in mistakes]
        secrets.update(content)
    site = Site(members, secrets)
    return site, findings


def _has_unknown_properties(member: Member) -> bool:
    """A site's own plugins and other releases have properties that only the host can know."""
    settings = member.settings
    apps = {APPS} & {*settings.web_config, *settings.web_config_append}
    own = any(plugin.properties is None for plugin in _plugins(member))
    return bool(settings.web_requirements or apps or own)


def _of_plugin(finding: Finding, known: schema.Schema) -> Finding:
    """An unknown property may be that of a plugin that is not written."""
    package = plugins.owner(finding.subject) if finding.subject not in known else None
    said = f'is a property of {package}; write web_plugins = ["{package}"], or take it out'
    return Finding(finding.subject, said) if package else finding


def _plugins(member: Member) -> tuple[plugins.Plugin, ...]:
    return tuple(each.plugin for each in member.settings.web_plugins)


def _public_tls(settings: Settings) -> bool:
    proxies = settings.nginx_behind_proxy
    return settings.nginx_tls != "off" if proxies is None else proxies.tls


def _public_port(settings: Settings) -> str:
    """As in a URL; a proxy in front has the usual one."""
    port = settings.nginx_https_port
    return "" if settings.nginx_behind_proxy or port == 443 else f":{port}"


def _between(source: Member, target: Member, listening: str) -> str:
    """The address by which `source` reaches a service of `target` that listens on addresses."""
    return url_host(own_host(listening) if source is target else target.address or "")
