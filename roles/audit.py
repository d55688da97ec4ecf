"""Report known vulnerabilities in the locks and on the hosts: `./run audit`.

pip-audit asks the vulnerability service (OSV by default) for each package and version once,
even if several hosts have it. The audit changes nothing on a host and starts no Python there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from omeroweb_ops.locations import CURRENT
from omeroweb_ops.shared.security_updates import LOCK_DATE, SIMULATION, security
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, ValidationError

from .inventory.requirements_file import pins
from .operations.facts import HostFact

PROJECT = Path(__file__).parents[1]
LOCKS = (
    "app/requirements.txt",
    "app/plugin_locks/*.txt",
    "requirements.txt",
    "roles/web/tools.txt",
    "roles/operations/sbom_tools.txt",
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
FACT = "roles.audit.Installed"
VULNERABLE, NO_HOSTS, UNREACHABLE = 1, 2, 3  # exit statuses
SCHEMA = 1  # of the JSON; a new field does not change it

Package = tuple[str, str]  # canonical name, version


class Installed(HostFact[dict[str, Any]]):
    """The packages of a host's active release, its lock's date, and pending security updates."""

    def command(self) -> str:
        return (
            f"for each in {CURRENT}/lib/python3*/site-packages/*.dist-info; do "
            'echo "package=${each##*/}"; done; '
            f"head -n 20 {CURRENT}/requirements.txt 2> /dev/null | grep '^# Locked' || true; "
            f"LC_ALL=C {shlex.join(SIMULATION)} 2> /dev/null || true"
        )

    @staticmethod
    def default() -> dict[str, Any]:
        return {}

    def process(self, output: list[str]) -> dict[str, Any]:
        text = "\n".join(output)
        found = re.findall(r"^package=([A-Za-z0-9._]+)-([^-\n]+)\.dist-info$", text, re.M)
        locked = LOCK_DATE.search(text)
        return {
            "packages": [[canonicalize_name(name), version] for name, version in found],
            "locked": locked[1] if locked else None,
            "updates": [*security(text)],
        }


class Vulnerability(BaseModel):
    """One entry of pip-audit's JSON output."""

    model_config = ConfigDict(extra="ignore")
    id: str
    aliases: list[str] = []
    fix_versions: list[str] = []


class Dependency(BaseModel):
    """One package of pip-audit's JSON output. skip_reason: why the service does not know it."""

    model_config = ConfigDict(extra="ignore")
    name: str
    version: str = ""
    vulns: list[Vulnerability] = []
    skip_reason: str = ""


class Answer(BaseModel):
    """pip-audit's JSON output (its README, "JSON")."""

    model_config = ConfigDict(extra="ignore")
    dependencies: list[Dependency]


@dataclass
class Inventory:
    """The packages to audit.

    where: each package's locks and hosts. notes: lines to print first. updates: each host's Debian
    packages with a pending security update.
    """

    where: dict[Package, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    updates: dict[str, list[str]] = field(default_factory=dict)

    def add(self, place: str, packages: Iterable[Package], locked: str | None) -> None:
        """Add the packages of a lock or a host. locked: the date of the lock, YYYY-MM-DD."""
        packages = list(packages)
        for package in packages:
            self.where.setdefault(package, []).append(place)
        age = f", locked {_age(locked)}" if locked else ""
        self.notes.append(f"{place}: {len(packages)} packages{age}")


class Unreachable(RuntimeError):
    """The vulnerability service did not answer, or knows none of the packages."""


def run(
    inventory: str | None,
    service: str,
    osv_url: str | None,
    options: Sequence[str] = (),
    *,
    as_json: bool = False,
) -> int:
    """Run the audit and return the exit status.

    inventory: also audit its hosts. options: pyinfra's, for these hosts. as_json: for programs.
    """
    found = _locks()
    if inventory:
        _add_hosts(found, inventory, options)
    if not as_json:
        for note in found.notes:
            print(note)
        for host, packages in found.updates.items():
            print(f"{host}: Debian security updates are pending: {', '.join(packages)}")
    try:
        answers = vulnerabilities(found.where, service, osv_url)
    except Unreachable as problem:
        print(
            f"audit: nothing is known about vulnerabilities: {problem}\n"
            "audit: this is not an all-clear; try again when the service is reachable, or set "
            "another service with --service or --osv-url",
            file=sys.stderr,
        )
        return UNREACHABLE
    if as_json:
        print(json.dumps(document(answers, found), indent=1))
    lines = [*report(answers, found.where)]
    if not as_json:
        print("\n".join(lines) or f"No known vulnerability in {len(found.where)} packages.")
    return VULNERABLE if lines or found.updates else 0


def _locks() -> Inventory:
    """Return the packages of the project's own locks."""
    found = Inventory()
    for pattern in LOCKS:
        for path in sorted(PROJECT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            date = LOCK_DATE.search(text)
            place = str(path.relative_to(PROJECT))
            found.add(place, _packages(pins(text)), date[1] if date else None)
    return found


def document(answers: Iterable[Dependency], found: Inventory) -> dict[str, Any]:
    """Return the audit for programs."""
    answers = list(answers)
    return {
        "schema": SCHEMA,
        "packages": len(found.where),
        "vulnerabilities": [
            {
                "package": each.name,
                "version": each.version,
                "names": [*dict.fromkeys([one.id, *one.aliases])],
                "fixed_in": one.fix_versions,
                "places": found.where.get((canonicalize_name(each.name), each.version), []),
            }
            for each in answers
            for one in each.vulns
        ],
        "unknown": [each.name for each in answers if each.skip_reason],
        "debian_updates": found.updates,
        "notes": found.notes,
    }


def _packages(pinned: Mapping[str, set[str]]) -> Iterator[Package]:
    for name, versions in pinned.items():
        yield from ((name, version) for version in versions if version)


def _age(locked: str) -> str:
    days = (date.today() - date.fromisoformat(locked)).days
    return f"{locked} ({days} days ago)"


def _add_hosts(found: Inventory, inventory: str, options: Sequence[str]) -> None:
    """Add the packages of the hosts in group `web`. Exits with pyinfra's own message on failure."""
    limit = () if "--limit" in options else ("--limit", "web")  # pyinfra adds limits up
    done = subprocess.run(
        ["pyinfra", "--json", *limit, *options, inventory, "fact", FACT],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # pyinfra prints no JSON if the last host fails
    hosts = json.loads(done.stdout)[FACT] if done.stdout.strip() else {}
    if done.returncode or not hosts:
        print(
            f"{done.stderr}\naudit: the hosts of {inventory} could not be audited", file=sys.stderr
        )
        raise SystemExit(NO_HOSTS)
    for host, installed in hosts.items():
        if not installed["packages"]:
            found.notes.append(f"{host}: no OMERO.web of this bundle")
            continue
        packages = installed["packages"]
        own = [(name, version) for name, version in packages if name != "omeroweb-ops"]
        found.add(host, own, installed["locked"])
        if installed["updates"]:
            found.updates[host] = installed["updates"]


def vulnerabilities(
    packages: Iterable[Package], service: str, osv_url: str | None = None
) -> list[Dependency]:
    """Return the service's answer about each package. Raises Unreachable."""
    answers = [
        each
        for part in _parts(packages)
        for each in _pip_audit(part, service, osv_url).dependencies
    ]
    if answers and all(each.skip_reason for each in answers):
        raise Unreachable(f"the service knows none of the packages: {answers[0].skip_reason}")
    return answers


def _parts(packages: Iterable[Package]) -> Iterator[list[Package]]:
    """Yield lists in which each name occurs once, as a requirements file requires."""
    left = sorted(set(packages))
    while left:
        part = dict(reversed(left))
        yield sorted(part.items())
        left = [package for package in left if part[package[0]] != package[1]]


def _pip_audit(packages: Iterable[Package], service: str, osv_url: str | None) -> Answer:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in packages))
        file.flush()
        command = ["pip-audit", "-r", file.name, "--disable-pip", "--no-deps", "-f", "json"]
        command += ["--progress-spinner", "off", "-s", service]
        command += ["--osv-url", osv_url] if osv_url else []
        done = subprocess.run(
            command,
            env=_certificates() | os.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        return Answer.model_validate_json(done.stdout)
    except ValidationError:
        end = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise Unreachable(end[-500:]) from None


def _certificates() -> dict[str, str]:
    """Return the environment that makes `requests` trust the system's certificate store."""
    return {"REQUESTS_CA_BUNDLE": str(CERTIFICATES)} if CERTIFICATES.exists() else {}


def report(answers: Iterable[Dependency], where: Mapping[Package, list[str]]) -> Iterator[str]:
    """Yield a line for each vulnerability, and a line with the packages that are not known."""
    unknown = []
    for each in answers:
        places = where.get((canonicalize_name(each.name), each.version), [])
        for vulnerability in each.vulns:
            names = ", ".join(dict.fromkeys([vulnerability.id, *vulnerability.aliases]))
            fixed = " or ".join(vulnerability.fix_versions) or "no version yet"
            yield (f"{each.name} {each.version}: {names}; fixed in {fixed}; in {', '.join(places)}")
        if each.skip_reason:
            unknown.append(each.name)
    if unknown:
        yield f"not known to the service: {', '.join(unknown)}"
