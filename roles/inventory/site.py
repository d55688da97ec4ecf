"""The whole site: every host's settings together, and what follows from them.

All errors in the inventory are reported together, before any host is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from omeroweb_ops.property_names import PORT
from omeroweb_ops.shared import front_door
from omeroweb_ops.shared.addresses import is_ipv6
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.shared.front_door import FrontDoor
from omeroweb_ops.shared.server_names import LOCAL
from omeroweb_ops.state import derived, plugin_catalogue, schema
from omeroweb_ops.state.branding import Branding
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.redaction import redact, texts

from ..conventions import LOCATIONS, REDIS_USER
from . import branding
from .member import Member
from .network import Network, network, redis_url
from .secrets_file import EAB_KEY, OF_THE_BUNDLE, read_secrets
from .settings import read
from .web_application import WebApplication

GROUPS = ("redis", "web", "nginx")
SCHEMA = schema.locked()


@dataclass(frozen=True)
class Site:
    """All hosts of a deploy, and what follows from them together: each value is computed once.

    members: by name. secrets: of every secrets file together, by name.
    """

    members: Mapping[str, Member]
    secrets: Mapping[str, Any] = field(repr=False)

    @cached_property
    def groups(self) -> Mapping[str, tuple[Member, ...]]:
        """The hosts of each role, in the order of the inventory."""
        return {
            group: tuple(each for each in self.members.values() if group in each.groups)
            for group in GROUPS
        }

    def group(self, group: str) -> tuple[Member, ...]:
        """Return the hosts of one role."""
        return self.groups[group]

    @cached_property
    def applications(self) -> Mapping[str, WebApplication]:
        """OMERO.web of each web host, by the host's name."""
        return {web.name: WebApplication.of(partial(self.value, web)) for web in self.group("web")}

    def application(self, member: Member) -> WebApplication:
        """Return the OMERO.web of a host, or that of the first web host for NGINX alone."""
        first = self.group("web")[0]
        return self.applications[member.name if "web" in member.groups else first.name]

    @cached_property
    def networks(self) -> Mapping[str, Network]:
        """The addresses that each host needs of the others, by the host's name."""
        return {
            name: network(member, self.groups, self.applications)
            for name, member in self.members.items()
        }

    def network(self, member: Member) -> Network:
        """Return the addresses that a host needs of the others."""
        return self.networks[member.name]

    @cached_property
    def _front_doors(self) -> tuple[FrontDoor, ...]:
        return tuple(member.front_door for member in self.group("nginx"))

    @cached_property
    def tls(self) -> bool:
        """Whether visitors use https."""
        return any(door.tls for door in self._front_doors)

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """The origins of OMERO.web's own pages, as browsers send them; none without TLS."""
        return front_door.origins(self._front_doors)

    @cached_property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The names that OMERO.web answers to; none if an NGINX takes any name."""
        return front_door.allowed_hosts(self._front_doors)

    @cached_property
    def loopback(self) -> bool:
        """Whether only users of the machine itself can visit the site."""
        return all({*(each.server_names or ["_"])} <= {*LOCAL} for each in self.group("nginx"))

    @cached_property
    def _resolved(self) -> Mapping[str, tuple[dict[str, str], list[Finding]]]:
        return {web.name: self._resolve(web) for web in self.group("web")}

    def _resolve(self, member: Member) -> tuple[dict[str, str], list[Finding]]:
        known = plugin_catalogue.with_properties(SCHEMA, member.plugins)
        strict = not member.has_unknown_properties
        found, findings = self.desired(member).resolve(known, LOCATIONS.omerodir, strict=strict)
        return found, [_of_plugin(each, known) for each in findings]

    def resolved(self, member: Member) -> tuple[dict[str, str], list[Finding]]:
        """Return the text of every valid property of the inventory, and the errors in others."""
        return self._resolved[member.name]

    def value(self, member: Member, name: str) -> Any:
        """Return a property as Python data, as the inventory has it, else its default."""
        found, _mistakes = self.resolved(member)
        return SCHEMA[name].value(found.get(name, SCHEMA.default(name, LOCATIONS.omerodir)))

    def desired(self, member: Member) -> Desired:
        """Return the desired state of one web host."""
        return derived.with_derived(self.explicit(member), self._context(member), LOCATIONS)

    def explicit(self, member: Member) -> Desired:
        """Return what the inventory itself says of OMERO.web's properties."""
        settings = member.settings
        return Desired(
            {**settings.web_config, **self.secret_properties},
            settings.web_config_append,
            settings.web_config_remove,
            settings.web_config_exclusive,
            tuple(sorted(self.secret_properties)),
        )

    def _context(self, member: Member) -> derived.DeploymentContext:
        settings = member.settings
        redis = redis_url(member, self.group("redis")) or settings.web_redis_url
        return derived.DeploymentContext(
            redis=redis if settings.web_sessions != "file" else None,
            redis_user=self._redis_user,
            redis_password=self.redis_password,
            front_elsewhere=any(nginx is not member for nginx in self.group("nginx")),
            ipv6=is_ipv6(member.address or ""),
            serves_static=not self.group("nginx"),
            tls=self.tls,
            cors_origins=tuple(settings.web_cors_origins),
            cors_login=settings.web_cors_login,
            branding=self.branding(member),
            origins=self.origins,
            allowed_hosts=self.allowed_hosts,
            plugins=member.plugins,
        )

    @cached_property
    def _brandings(self) -> Mapping[str, Branding | None]:
        found = {web.name: branding.read(web.settings.web_branding) for web in self.group("web")}
        return {name: each if each.files else None for name, each in found.items()}

    def branding(self, member: Member) -> Branding | None:
        """Return the site's own logos and templates, read once because a file may change."""
        return self._brandings[member.name]

    @property
    def redis_password(self) -> str | None:
        """The password of Redis, if the secrets have one."""
        password = self.secrets.get("redis_password")
        return None if password is None else str(password)

    @property
    def _redis_user(self) -> str | None:
        user = REDIS_USER if self.group("redis") else self.secrets.get("redis_user")
        return None if user is None else str(user)

    @property
    def eab_key(self) -> str | None:
        """The key of an account with an ACME authority, if the secrets have one."""
        key = self.secrets.get(EAB_KEY)
        return None if key is None else str(key)

    @property
    def secret_properties(self) -> dict[str, Any]:
        """The properties of OMERO.web that the secrets have."""
        return {name: value for name, value in self.secrets.items() if name not in OF_THE_BUNDLE}

    def redact(self, message: str) -> str:
        """Return a message without the secrets."""
        return redact(message, texts(dict(self.secrets)))

    def mode(self, content: str) -> str:
        """Return the mode of root's file with this content: others may not read a secret."""
        return "644" if self.redact(content) == content else "640"

    def ports(self, member: Member) -> Iterator[tuple[int, str, str]]:
        """Yield each port of a host's roles, the program that may use it, and its setting."""
        settings = member.settings
        if "redis" in member.groups and settings.redis_has_port:
            yield settings.redis_tcp_port, "redis-server", "redis_port"
        if "nginx" in member.groups:
            yield settings.nginx_http_port, "nginx", "nginx_http_port"
            if settings.nginx_tls != "off":
                yield settings.nginx_https_port, "nginx", "nginx_https_port"
        if "web" in member.groups:
            yield self.applications[member.name].port, "omeroweb.wsgi", PORT


def load(
    hosts: Iterable[tuple[str, frozenset[str], Mapping[str, Any], str | None]],
    directory: Path = Path(),
) -> tuple[Site, list[Finding]]:
    """Return the site, and the errors in each host's own settings; `checks` finds all others.

    hosts: name, groups, data and the connector's address of each host. directory: the inventory's.
    """
    members: list[Member] = []
    findings: list[Finding] = []
    files: dict[str | tuple[str, ...], str] = {}
    for name, groups, data, address in hosts:
        settings, mistakes = read(data, directory)
        findings += [Finding(f"{name}: {each.subject}", each.message) for each in mistakes]
        members.append(Member(name, groups, settings, address))
        if settings.web_secrets:
            files[settings.web_secrets] = name
    secrets: dict[str, Any] = {}
    for source, name in files.items():
        content, mistakes = read_secrets(source, directory)
        findings += [Finding(f"{name}: {each.subject}", each.message) for each in mistakes]
        secrets.update(content)
    return Site({each.name: each for each in members}, secrets), findings


def _of_plugin(finding: Finding, known: schema.Schema) -> Finding:
    """Return a finding that names the plugin, if an unknown property is a catalogue plugin's."""
    package = plugin_catalogue.owner(finding.subject) if finding.subject not in known else None
    message = f'is a property of {package}; set web_plugins = ["{package}"], or remove it'
    return Finding(finding.subject, message) if package else finding
