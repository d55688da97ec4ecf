"""The whole site: every host's settings together, and what follows from them.

A mistake in the inventory is reported with all the others and before any host is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from omeroweb_ops.locations import BASE, Locations
from omeroweb_ops.state import checks, derived, schema
from omeroweb_ops.state.desired import Desired, Finding

from .settings import Settings, read

GROUPS = ("redis", "web", "nginx")
LOCATIONS = Locations(BASE / "OMERO.web", BASE / "state" / "desired.json")
SCHEMA = schema.locked()
HOST = "omero.web.application_server.host"
PORT = "omero.web.application_server.port"


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

    def group(self, group: str) -> list[Member]:
        return [member for member in self.members.values() if group in member.groups]

    @property
    def redis_password(self) -> str | None:
        password = self.secrets.get("redis_password")
        return None if password is None else str(password)

    @cached_property
    def tls(self) -> bool:
        """Whether visitors come by https."""
        return any(member.settings.nginx_tls != "off" for member in self.group("nginx"))

    def sessions(self, member: Member) -> str:
        return member.settings.web_sessions or ("redis" if self.group("redis") else "file")

    def upstreams(self, member: Member) -> list[str]:
        """host:port of every OMERO.web behind the NGINX of `member`."""
        return [
            f"{_between(member, web, self.effective(web, HOST))}:{self.effective(web, PORT)}"
            for web in self.group("web")
        ]

    def effective(self, member: Member, name: str) -> Any:
        """A property as the inventory has it, else its default."""
        texts, _mistakes = self.desired(member).resolve(SCHEMA, LOCATIONS.omerodir, strict=False)
        text = texts.get(name, SCHEMA.default(name, LOCATIONS.omerodir))
        structured = SCHEMA[name].kind in ("list", "object")
        return json.loads(text) if text and structured else text

    def prefix(self, member: Member) -> str:
        """OMERO.web's prefix, '' or like '/omero'."""
        text = str(self.effective(member, "omero.web.prefix") or "").strip("/")
        return f"/{text}" if text else ""

    def desired(self, member: Member) -> Desired:
        """The desired state of one web host."""
        settings = member.settings
        explicit = Desired(
            {**settings.web_config, **self._secret_properties()},
            settings.web_config_append,
            settings.web_config_remove,
            settings.web_config_exclusive,
        )
        return derived.complete(explicit, self._surroundings(member), LOCATIONS)

    def _surroundings(self, member: Member) -> derived.Surroundings:
        redis = self.group("redis")[:1] if self.sessions(member) == "redis" else []
        return derived.Surroundings(
            redis=next(
                (
                    f"redis://{_between(member, each, each.settings.redis_bind)}"
                    f":{each.settings.redis_port}"
                    for each in redis
                ),
                None,
            ),
            redis_password=self.redis_password,
            front_elsewhere=self.front_elsewhere(member),
            tls=self.tls,
        )

    def front_elsewhere(self, member: Member) -> bool:
        """Whether an NGINX on another host serves this OMERO.web."""
        return any(nginx is not member for nginx in self.group("nginx"))

    def _secret_properties(self) -> dict[str, Any]:
        return {name: value for name, value in self.secrets.items() if name != "redis_password"}

    def findings(self) -> list[Finding]:
        """Every mistake that shows only when the hosts are seen together."""
        found = []
        for member in self.members.values():
            found += [
                Finding(f"{member.name}: {finding.name}", finding.message)
                for finding in [*self._group_findings(member), *self._property_findings(member)]
            ]
        return found

    def _group_findings(self, member: Member) -> list[Finding]:
        found = []
        settings = member.settings
        if not member.groups & set(GROUPS):
            found.append(
                Finding("groups", "is in none of the groups redis, web and nginx; add it to one")
            )
        if "redis" in member.groups:
            if not settings.redis_is_local and not self.redis_password:
                found.append(
                    Finding(
                        "redis_bind",
                        f"{settings.redis_bind!r} is open to other hosts without a password; write "
                        "redis_password: … in the file that web_secrets names, or bind 127.0.0.1",
                    )
                )
            others = [web.name for web in self.group("web") if web is not member]
            if others and settings.redis_is_local:
                found.append(
                    Finding(
                        "redis_bind",
                        f"{settings.redis_bind!r} cannot be reached by {', '.join(others)}; write "
                        "this host's address, and redis_password in the web_secrets file",
                    )
                )
            if member is not self.group("redis")[0]:
                found.append(
                    Finding("groups", "only one redis is used; take this host out of the group")
                )
        taken: dict[int, str] = {}
        for port, _program, setting in self.ports(member):
            if port in taken:
                found.append(
                    Finding(setting, f"port {port} is that of {taken[port]} too; write another")
                )
            taken[port] = setting
        if self.front_elsewhere(member) and "web" in member.groups:
            host = str(self.effective(member, HOST))
            if host in ("localhost", "::1") or host.startswith("127."):
                found.append(
                    Finding(HOST, f"{host} cannot be reached by NGINX elsewhere; write 0.0.0.0")
                )
        if "nginx" in member.groups and not self.group("web"):
            found.append(Finding("groups", "NGINX has no OMERO.web to serve; add a group web"))
        if len(self.members) > 1 and not member.address and self._is_needed_by_others(member):
            found.append(
                Finding("address", "other hosts need it and its name is no address; write one")
            )
        return found

    def ports(self, member: Member) -> Iterable[tuple[int, str, str]]:
        """Each port that a host's roles take, the program that may hold it already, its setting."""
        settings = member.settings
        if "redis" in member.groups:
            yield settings.redis_port, "redis-server", "redis_port"
        if "nginx" in member.groups:
            yield settings.nginx_http_port, "nginx", "nginx_http_port"
            if settings.nginx_tls != "off":
                yield settings.nginx_https_port, "nginx", "nginx_https_port"
        if "web" in member.groups:
            yield int(self.effective(member, PORT)), "omeroweb.wsgi", PORT

    def _is_needed_by_others(self, member: Member) -> bool:
        needed_by = {"redis": "web", "web": "nginx"}
        return any(
            other is not member
            for group in member.groups & needed_by.keys()
            for other in self.group(needed_by[group])
        )

    def _property_findings(self, member: Member) -> list[Finding]:
        if "web" not in member.groups:
            return []
        settings = member.settings
        found = []
        for name in settings.web_config.keys() & self._secret_properties().keys():
            found.append(Finding(name, "is in web_config and in the web_secrets file; write one"))
        if settings.web_sessions == "redis" and not self.group("redis"):
            found.append(
                Finding("web_sessions", '"redis" needs a host in the group redis; or write "file"')
            )
        engine = settings.web_config.get(derived.ENGINE)
        if settings.web_sessions and engine:
            expected = {"redis": derived.CACHE_ENGINE, "file": derived.FILE_ENGINE}[
                settings.web_sessions
            ]
            if engine != expected:
                found.append(
                    Finding(
                        "web_sessions",
                        f'"{settings.web_sessions}" contradicts {derived.ENGINE} = {engine!r}; '
                        "write one",
                    )
                )
        if len(self.group("web")) > 1 and "omero.web.secret_key" not in self.desired(member).set:
            found.append(
                Finding(
                    "omero.web.secret_key",
                    "several web hosts must share one; write it in the web_secrets file",
                )
            )
        if derived.pairs_of(settings.web_config.get(derived.ADDITIONAL)) is None:
            found.append(Finding(derived.ADDITIONAL, "write a list of pairs, [[NAME, value], …]"))
        _texts, mistakes = self.desired(member).resolve(
            SCHEMA, LOCATIONS.omerodir, strict=not self._has_unknown_properties(member)
        )
        if not (found or mistakes):  # each right by itself: are they right together?
            found += [each for each in self._checks(member) if each.error]
        return found + mistakes

    def _checks(self, member: Member) -> Iterable[checks.Found]:
        """What is wrong, or doubtful, about the properties taken together."""
        texts, _mistakes = self.desired(member).resolve(SCHEMA, LOCATIONS.omerodir, strict=False)

        def effective(name: str) -> Any:
            return SCHEMA[name].value(texts.get(name, SCHEMA.default(name, LOCATIONS.omerodir)))

        return checks.find(effective)

    def warnings(self) -> list[Finding]:
        """What will work but is better done otherwise."""
        found = []
        for member in self.group("web"):
            found += [
                Finding(f"{member.name}: {each.name}", each.message)
                for each in self._checks(member)
                if not each.error
            ]
            for name in member.settings.web_config:
                prop = SCHEMA.get(name)
                if prop and prop.deprecated:
                    found.append(Finding(f"{member.name}: {name}", prop.description))
                if prop and prop.is_secret and name != derived.CACHES:
                    found.append(
                        Finding(
                            f"{member.name}: {name}",
                            "is a secret in the inventory; write it in the web_secrets file",
                        )
                    )
        return found

    def _has_unknown_properties(self, member: Member) -> bool:
        """Plugins and other releases have properties that only the host can know."""
        settings = member.settings
        apps = {"omero.web.apps"} & {*settings.web_config, *settings.web_config_append}
        return bool(settings.web_requirements or apps)


def read_secrets(path: str) -> tuple[dict[str, Any], list[Finding]]:
    """The web_secrets file: {property or redis_password: value}."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Finding("web_secrets", f"{path} cannot be read ({error})")]
    except yaml.YAMLError as error:
        # the error's own text would quote the file's content
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        return {}, [Finding("web_secrets", f"{path} is not YAML{line}; write name: value lines")]
    if content is None:
        return {}, []
    if not isinstance(content, dict):
        return {}, [Finding("web_secrets", f"{path} holds no {{name: value}}; write such lines")]
    findings = [
        Finding(f"web_secrets: {name}", f"has no value in {path}; write one or take it out")
        for name, value in content.items()
        if value in (None, "")
    ]
    password = content.get("redis_password")
    if isinstance(password, bool) or not isinstance(password, (str, int, type(None))):
        findings.append(Finding("web_secrets: redis_password", "is not text; write it in quotes"))
    # a plugin's property only the host can know; other unknown ones are found with web_config's
    unknown = [
        name for name in content if name != "redis_password" and not str(name).startswith("omero.")
    ]
    for name in unknown:
        near = SCHEMA.nearest(str(name)) or "redis_password"
        findings.append(
            Finding(f"web_secrets: {name}", f"is no OMERO.web property; did you mean {near}?")
        )
    return {str(name): value for name, value in content.items() if name not in unknown}, findings


def load(hosts: Iterable[tuple[str, frozenset[str], Mapping[str, Any], str | None]]) -> Any:
    """(name, groups, data, address by the connector) of each host, to (Site, findings)."""
    members, findings, files = [], [], {}
    for name, groups, data, address in hosts:
        settings, mistakes = read(data)
        findings += [Finding(f"{name}: {each.name}", each.message) for each in mistakes]
        members.append(Member(name, groups, settings, address))
        if settings.web_secrets:
            files[settings.web_secrets] = name
    secrets: dict[str, Any] = {}
    for path, name in files.items():
        content, mistakes = read_secrets(path)
        findings += [Finding(f"{name}: {each.name}", each.message) for each in mistakes]
        secrets.update(content)
    site = Site(members, secrets)
    return site, [*findings, *site.findings()]


def _between(source: Member, target: Member, listening: str) -> str:
    """The address by which `source` reaches a service of `target` that listens on addresses."""
    address = target.address or ""
    if source is target:
        own = [part.removeprefix("-") for part in listening.split()]
        everywhere = {"127.0.0.1", "0.0.0.0", "localhost", "::"}
        address = "127.0.0.1" if everywhere & {*own} else own[0]
    return f"[{address}]" if ":" in address else address
