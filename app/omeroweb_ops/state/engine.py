"""Read, plan and write the configuration, with the pure parts of the state engine."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from ..locations import Locations
from ..property_names import APPS, MIDDLEWARE
from ..shared import regular_file
from ..shared.finding import Finding
from . import config_xml, schema_cache
from .checks import deprecated, find
from .derived import NGINX_DEPENDS_ON
from .desired import Desired
from .list_merge import identity
from .managed import Record, changed_by_hand, list_by_hand
from .plan import Plan, make, secrets_of
from .redaction import redact
from .schema import Schema
from .snapshot import State

_INSTALL = (
    "install it with web_plugins, or with the requirements file of web_requirements, or remove it"
)


class Invalid(Exception):
    """The desired state has errors, which `findings` lists."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class Engine:
    """The configuration of one installation."""

    def __init__(self, locations: Locations) -> None:
        self.locations = locations

    @cached_property
    def schema(self) -> Schema:
        """The schema of the installed release and, after `learn`, of its apps."""
        return schema_cache.schema(self.locations)[0]

    def learn(self, texts: Mapping[str, str]) -> list[Finding]:
        """Add the properties of the apps in these texts. Return a finding for each failed import.

        Raises ValueError if the schema of the installed packages cannot be read.
        """
        named = {name: texts.get(name, self.default(name)) for name in (APPS, MIDDLEWARE)}
        values = {name: self.schema[name].value(text) for name, text in named.items()}
        items = {name: value if isinstance(value, list) else [] for name, value in values.items()}
        shipped = self.schema[MIDDLEWARE].value(self.default(MIDDLEWARE))
        apps = [item for item in items[APPS] if isinstance(item, str)]
        classes = [identity(item) for item in items[MIDDLEWARE] if item not in shipped]
        if not (apps or classes):
            return []
        self.schema, broken = schema_cache.schema(self.locations, apps, classes)
        return [
            Finding(
                MIDDLEWARE if name in classes else APPS,
                f"cannot import {name}: {reason}; {_advice(name)}",
            )
            for name, reason in broken.items()
        ]

    @cached_property
    def secret(self) -> frozenset[str]:
        """Names of the properties that have ever come from a secrets file.

        They are not part of the desired state, which older releases read, too. They are never
        removed, because snapshots may still have the value of a property that left the inventory.
        """
        return self._stored_secret()

    @property
    def shown(self) -> Schema:
        """The schema for showing values: it has the properties that came from a secrets file."""
        return self.schema.with_secrets(self.secret)

    def note_secret(self, desired: Desired) -> None:
        """Store the names of secret properties, before their values are shown or stored."""
        before = self._stored_secret()
        self.secret = before | {*desired.secret}
        if self.secret != before:
            regular_file.replace(self.locations.secret, json.dumps(sorted(self.secret)).encode())

    def _stored_secret(self) -> frozenset[str]:
        try:
            names = regular_file.read_json(self.locations.secret)
        except FileNotFoundError:
            return frozenset()
        except ValueError:
            names = None
        if not isinstance(names, list):
            raise config_xml.Unreadable(
                f"{self.locations.secret} is not readable; move it away and deploy again"
            )
        return frozenset(map(str, names))

    @cached_property
    def current(self) -> dict[str, str]:
        return config_xml.read(self.locations.config_xml)

    def effective(self, name: str) -> str | None:
        """Return a property's text, or its default if it is not set."""
        if name in self.current:
            return self.current[name]
        return self.default(name)

    def value(self, name: str, properties: Mapping[str, str] | None = None) -> Any:
        """Return a property as Python data, or its default if it is not set.

        properties: the future properties; default: the present properties.
        """
        texts = self.current if properties is None else properties
        return self.schema[name].value(texts.get(name, self.default(name)))

    def default(self, name: str) -> str | None:
        """Return a property's default; None if it has none."""
        return self.schema.default(name, self.locations.omerodir) if name in self.schema else None

    def digest(self, names: Iterable[str] = (), properties: Mapping[str, str] | None = None) -> str:
        """Return a digest of all set properties, or of the effective values of the named ones.

        properties: the future properties; default: the present properties.
        """
        texts = self.current if properties is None else properties
        chosen = {name: texts.get(name, self.default(name)) for name in names} or texts
        text = json.dumps(dict(chosen), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def identity(self) -> str:
        """Return 'RELEASE DIGEST': this release's name and the digest of its configuration."""
        return f"{schema_cache.current_release()} {self.digest()}"

    def plan(self, desired: Desired) -> Plan:
        """Return the plan for a desired state. Raises Invalid with every error."""
        self.secret |= {*desired.secret}
        record = self._record()
        lists = _lists(desired)
        by_hand = {
            name: list_by_hand(record, name, self.current.get(name), self.default(name))
            for name in lists
            if not desired.exclusive
        }
        texts, _findings = self._resolve(desired, by_hand)
        broken = self.learn({**({} if desired.exclusive else self._by_hand(record)), **texts})
        strict = not broken and schema_cache.installed_version() is not None
        texts, findings = self._resolve(desired, by_hand, strict=strict)
        findings += broken
        findings += changed_by_hand(
            record, texts, self.current, self.default, self.shown, exclusive=desired.exclusive
        )
        if findings:
            raise Invalid(findings)
        before = {**record.owned, **{name: by_hand[name] for name in by_hand.keys() & record.owned}}
        steps = make(texts, self.current, before, self.schema, exclusive=desired.exclusive)
        own = {
            name: desired.own_items(name, text, json.loads(self.default(name) or "[]"))
            for name, text in by_hand.items()
        }
        return replace(steps, kept={name: items for name, items in own.items() if items})

    def _by_hand(self, record: Record) -> dict[str, str]:
        """Return the configuration as it would be without the bundle."""
        own = {name: text for name, text in self.current.items() if name not in record.owned}
        return own | {name: text for name, text in record.owned.items() if text is not None}

    def _resolve(
        self, desired: Desired, by_hand: Mapping[str, str | None], *, strict: bool = False
    ) -> tuple[dict[str, str], list[Finding]]:
        return desired.resolve(self.schema, self.locations.omerodir, strict=strict, by_hand=by_hand)

    def check(self, desired: Desired) -> list[Finding]:
        """Return the errors and warnings about the properties together."""
        self.secret |= {*desired.secret}
        texts, _findings = self._resolve(desired, {})
        together = find(lambda name: self.value(name, texts))
        found = [*together, *deprecated(desired.set, self.schema)]
        return [replace(each, message=self.redacted(each.message, texts)) for each in found]

    def redacted(self, message: str, texts: Mapping[str, str]) -> str:
        """Return a message without the secrets of these properties and of the present ones."""
        hidden = [*secrets_of(texts, self.shown), *secrets_of(self.current, self.shown)]
        return redact(message, hidden)

    def apply(self, desired: Desired) -> Plan:
        """Bring config.xml to the desired state, and write nothing if nothing differs.

        The record is written before and after config.xml. A crash in between must neither lose a
        manually set value nor turn the bundle's own value into one.
        """
        with config_xml.locked(self.locations.lock):
            self.__dict__.pop("current", None)
            steps = self.plan(desired)
            before = self._record()
            after = steps.result(self.current)
            if steps.changes:
                self.state().write(self.locations.previous)
            # after a crash in between, the bundle's changes must not look like manual changes
            unsure = {change.name for change in steps.changes}
            sure = {name: text for name, text in before.applied.items() if name not in unsure}
            self._write_record(Record({**before.owned, **steps.record}, sure))
            if steps.changes:
                config_xml.write(self.locations.config_xml, after)
            recorded = {*NGINX_DEPENDS_ON, *_lists(desired)} & steps.record.keys()
            applied = {name: after[name] for name in sorted(recorded)}
            self._write_record(Record(steps.record, applied))
            self.__dict__.pop("current", None)
        return steps

    def rollback(self) -> Plan:
        """Restore the configuration before the last change. A second call undoes the first.

        Raises Unreadable if there is none.
        """
        return self.go_to(State.read(self.locations.previous))

    def go_to(self, wanted: State) -> Plan:
        """Bring config.xml to a snapshot."""
        with config_xml.locked(self.locations.lock):
            self.__dict__.pop("current", None)
            steps = make(wanted.properties, self.current, {}, self.schema, exclusive=True)
            before = self._record()
            self.state().write(self.locations.previous)
            self._write_record(Record(before.owned))  # as in apply: after a crash, no manual change
            config_xml.write(self.locations.config_xml, wanted.properties)
            self._write_record(wanted.record)
            self.__dict__.pop("current", None)
        return steps

    def state(self) -> State:
        """Return a snapshot of the present configuration."""
        return State(self.current, self._record())

    def source(self, name: str) -> str:
        """Return where a property's value comes from: default, bundle or set manually."""
        if name in self._record().owned:
            return "bundle"
        return "set manually" if name in self.current else "default"

    def _record(self) -> Record:
        try:
            return Record.of(regular_file.read_json(self.locations.record))
        except FileNotFoundError:
            return Record()
        except (KeyError, TypeError, ValueError) as error:
            raise config_xml.Unreadable(
                f"{self.locations.record} is not readable ({error}); move it away"
            ) from None

    def _write_record(self, record: Record) -> None:
        if record != self._record():
            text = json.dumps(record.data(), indent=1, sort_keys=True)
            regular_file.replace(self.locations.record, text.encode())


def _advice(name: str) -> str:
    package = name.partition(".")[0]
    there = importlib.util.find_spec(package) if package else None
    return f"{package} is installed; fix it or the name, or remove it" if there else _INSTALL


def _lists(desired: Desired) -> set[str]:
    return {*desired.append, *desired.remove}
