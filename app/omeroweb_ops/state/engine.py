"""The thin shell around the pure parts: read, plan, write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property

from ..locations import Locations
from . import config_xml
from .desired import Desired, Finding
from .plan import Plan, make
from .schema import Schema, locked


class Invalid(Exception):
    """The desired state has mistakes; `findings` names all of them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class Engine:
    """The configuration of one installation."""

    def __init__(self, locations: Locations) -> None:
        self.locations = locations

    @cached_property
    def schema(self) -> Schema:
        return locked()

    @cached_property
    def current(self) -> dict[str, str]:
        return config_xml.read(self.locations.config_xml)

    def effective(self, name: str) -> str | None:
        """A property's text: as set, else the default."""
        if name in self.current:
            return self.current[name]
        return self.schema.default(name, self.locations.omerodir)

    def digest(self, names: Iterable[str] = ()) -> str:
        """One text for all set properties, or for the effective values of the named ones."""
        chosen = {name: self.effective(name) for name in names} or self.current
        text = json.dumps(chosen, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def plan(self, desired: Desired) -> Plan:
        """Raises Invalid with every mistake."""
        texts, findings = desired.resolve(self.schema, self.locations.omerodir, strict=False)
        if findings:
            raise Invalid(findings)
        return make(texts, self.current, self._record(), self.schema)

    def apply(self, desired: Desired) -> Plan:
        """Bring config.xml to the desired state; write nothing where nothing differs.

        The record is written before and after: a crash in between must neither lose what stood
        there by hand nor take the bundle's own value for it.
        """
        with config_xml.locked(self.locations.lock):
            self.__dict__.pop("current", None)
            steps = self.plan(desired)
            before = self._record()
            self._write_record({**before, **steps.record})
            if steps.changes:
                config_xml.write(self.locations.config_xml, steps.result(self.current))
            self._write_record(steps.record)
            self.__dict__.pop("current", None)
        return steps

    def _record(self) -> dict[str, str | None]:
        try:
            text = self.locations.record.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            owned: dict[str, str | None] = json.loads(text)["owned"]
        except (KeyError, TypeError, ValueError) as error:
            raise config_xml.Unreadable(
                f"{self.locations.record} is not readable ({error}); move it away"
            ) from None
        return owned

    def _write_record(self, owned: Mapping[str, str | None]) -> None:
        if owned != self._record():
            text = json.dumps({"owned": dict(owned)}, indent=1, sort_keys=True)
            config_xml.replace(self.locations.record, text.encode())
