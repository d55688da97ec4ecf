"""OMERO.web's configuration, settled by the state engine on the host."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omeroweb_ops.state import diff, plan, redaction
from omeroweb_ops.state.desired import Desired
from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from ..facts import Unseen
from ..failure import failed
from ..site import LOCATIONS, SCHEMA, USER
from . import files
from .user import as_user


@dataclass(frozen=True)
class Due:
    """What a run has to do on a host. collect: what names the static files that are not there yet.

    apply: config.xml differs, or another release serves.
    """

    apply: bool = False
    collect: str | None = None


# A release of before the names of secrets refuses them, and would print what they hold.
_REFUSED = "got an unexpected keyword argument"
_EARLIER = (
    "its release was made by an earlier version of the bundle, which does not know what is secret: "
    "the deploy shows what differs"
)
# What `checked` has found on each host, for the rest of the same run.
_DUE: dict[str, Due] = {}


def due(name: str) -> Due:
    """For the host of that name, after `checked`."""
    return _DUE.get(name, Due())


class Answer(FactBase[dict[str, Any]]):
    """What `omeroweb-ops config` says of a desired state on standard input, secrets masked."""

    def command(self, program: str, action: str) -> str:
        return (
            f"if [ -x {program} ]; then {as_user(program)} config {action} --json --desired - "
            "2>&1 || true; else echo '{\"absent\": true}'; fi"
        )

    @staticmethod
    def default() -> dict[str, Any]:
        return {}

    def process(self, output: list[str]) -> dict[str, Any]:
        text = "\n".join(output)
        try:
            answer: dict[str, Any] = json.loads(text)
        except ValueError:
            return {"findings": [text or "no answer"]}
        return answer


@operation()
def checked(
    release: Path, current: Path, desired: Desired
) -> Generator[PyinfraCommand, None, None]:
    """The desired state can be applied with this release; nothing is changed to find out.

    Before the deploy begins (`--dry`, or without `-y`) the difference is shown.

    + release: the folder of the release that is going to serve
    + current: the folder of the one that serves now
    + desired: secrets included; it travels on standard input
    """
    if not host.state.is_executing:
        answer = _answer(current, "plan", desired)
        if any(_REFUSED in each for each in answer["findings"]):
            answer = {"changes": [None], "diff": [_EARLIER]}
        _DUE[host.name] = Due(apply=bool(answer.get("changes") or answer.get("absent")))
        _show(answer, desired)
        return
    answer = _answer(release, "check", desired)
    if answer.get("findings"):
        lines = "".join(f"\n    - {finding}" for finding in answer["findings"])
        yield failed(f"this configuration is not applied, and the old one serves on:{lines}")
        return
    for line in answer.get("diff", ()):
        host.log(line)
    apply = bool(answer.get("changes")) or not answer["serves"]
    _DUE[host.name] = Due(apply, answer.get("collect"))


@operation()
def collected(release: Path, desired: Desired) -> Generator[StringCommand, None, None]:
    """The release's static files, while another one serves; only for another release or other apps.

    + release: the folder of the one that is going to serve
    + desired: secrets included; it travels on standard input
    """
    wanted = due(host.name).collect
    if wanted is None:
        return
    program = f"{release}/bin/omeroweb-ops"
    yield StringCommand(
        f"set -e; umask 022; install -d -o {USER} -g {USER} -m 755 {release}/static; "
        f"( {as_user(program)} release collect --desired - ); "
        f"echo {wanted} > {release}/collected.new; mv -f {release}/collected.new "
        f"{release}/collected",
        _stdin=desired.dump(secret=True),
    )


@operation()
def applied(release: Path) -> Generator[StringCommand, None, None]:
    """The release is linked and config.xml holds the desired state; nothing where that is so.

    What serves goes on with what it has loaded.

    + release: the folder of the release that is going to serve
    """
    if due(host.name).apply:
        yield StringCommand(
            f"{files.RELEASE} link {release.name} && {files.OPS} config apply || "
            f"{{ {files.RELEASE} back; echo 'not applied; the old one serves on' >&2; exit 1; }}"
        )


def _answer(release: Path, action: str, desired: Desired) -> dict[str, Any]:
    found: dict[str, Any] = host.get_fact(
        Answer,
        program=f"{release}/bin/omeroweb-ops",
        action=action,
        _stdin=Unseen(desired.dump(secret=True)),
    )
    return redacted(found, desired)


def redacted(answer: dict[str, Any], desired: Desired) -> dict[str, Any]:
    """The answer as it may be shown, whatever the release there takes for secret."""
    known, _mistakes = desired.resolve(SCHEMA, LOCATIONS.omerodir, strict=False)
    hidden = [*plan.secrets_of(known, SCHEMA.with_secrets(desired.secret))]
    for name in desired.secret:
        hidden += redaction.texts(desired.set.get(name))
    findings = [redaction.redact(str(each), hidden) for each in answer.get("findings") or ()]
    lines = [*diff.without(answer.get("diff") or (), desired.secret)]
    return answer | {"findings": findings, "diff": lines}


def _show(answer: dict[str, Any], desired: Desired) -> None:
    if answer.get("absent"):  # no OMERO.web yet: against what travels with the project
        texts, _mistakes = desired.resolve(SCHEMA, LOCATIONS.omerodir, strict=False)
        shown = SCHEMA.with_secrets(desired.secret)
        lines = [*diff.lines(plan.make(texts, {}, {}, SCHEMA), shown)]
    else:
        lines = answer.get("findings") or answer.get("diff") or ["no property differs"]
    for line in lines:
        host.log(f"OMERO.web: {line}")
