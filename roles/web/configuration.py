"""Check and apply OMERO.web's configuration with the state engine on the host."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from typing import Annotated, Any

from omeroweb_ops.property_names import APPS, STATIC_ROOT
from omeroweb_ops.releases.installed import COMPLETE
from omeroweb_ops.state import diff, plan, redaction
from omeroweb_ops.state.desired import Desired
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pyinfra import host, logger
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from ..conventions import LOCATIONS
from ..host_paths import OPS_COMMAND, RELEASE_COMMAND
from ..inventory.site import SCHEMA
from ..operations import known_facts, run_context
from ..operations.facts import HostFact, SecretStdin, fail
from ..operations.privilege import limited, printable
from ..operations.sync import read_states
from . import static_files
from .release import is_complete, runs
from .sandbox import as_user

_SECONDS = 600  # because a trial may take minutes on a slow machine
_SIZE = 5_000_000  # bytes
_SHOWN = 20_000  # characters of a line, and of an invalid answer


@dataclass(frozen=True)
class PendingWork:
    """Pending work on a host that `check` has found, and warnings for the end of the run.

    apply: whether config.xml or the linked release must change. collect: the digest of the static
    files to collect, or None. warnings: sentences about what works but affects users. findings: in
    a dry run, what the active release refuses.
    """

    apply: bool = False
    collect: str | None = None
    warnings: Sequence[str] = ()
    findings: Sequence[str] = ()


# Releases before the names of secrets refuse them, and would print their values.
_REFUSED = "got an unexpected keyword argument"
_EARLIER = (
    "an older version of the bundle has built the active release, which does not know what is "
    "secret: the deploy shows the differences"
)
_NOT_INSTALLED = f"{APPS}: cannot import "
_LATER = (
    "the active release does not know an app of the new release, or the app's properties: the "
    "deploy shows the differences"
)
_OTHER_PYTHON = (
    "the active release was built for another Python than this host's: it is built again"
)


def _pending_work() -> PendingWork:
    """Return what `check` has found on the present host in this run."""
    return run_context.of(host.state).get(PendingWork, host.name) or PendingWork()


def _remember(work: PendingWork) -> None:
    run_context.of(host.state).put(work, host.name)


def _shown(text: str) -> str:
    """Return a printable line, truncated if it is long, as a property may be."""
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


Line = Annotated[str, AfterValidator(_shown)]


class CommandOutput(BaseModel):
    """The output of `omeroweb-ops config`, which is untrusted: it runs as the service's user.

    absent: there is no release yet. findings: errors. diff: lines for people. changes: an item for
    each change. collect: the digest of the static files to collect. serves: this release is active.
    warnings: sentences for the end of the deploy.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    absent: bool = False
    findings: Annotated[list[Line], Field(max_length=1000)] = []
    diff: Annotated[list[Line], Field(max_length=10_000)] = []
    changes: Annotated[list[dict[str, Any]], Field(max_length=10_000)] = []
    collect: Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")] | None = None
    serves: bool = True
    warnings: Annotated[list[Line], Field(max_length=100)] = []


class ConfigCommand(HostFact[CommandOutput]):
    """The output of `omeroweb-ops config` about a desired state on standard input."""

    def command(self, program: str, action: str, attempt: int = 1) -> str:
        """Return the command. attempt: pyinfra keeps one answer for equal arguments."""
        asked = f"{as_user(program)} config {action} --json --desired -"
        other = {"changes": [{}], "findings": [_OTHER_PYTHON]}
        return (
            f"if [ ! -x {program} ]; then echo '{{\"absent\": true}}'; "
            f"elif {runs(PurePath(program).parents[1])}; then "
            f"{limited(asked, seconds=_SECONDS, size=_SIZE)} || true; "
            f"else echo {shlex.quote(json.dumps(other))}; fi"
        )

    @staticmethod
    def default() -> CommandOutput:
        return CommandOutput(findings=["no answer"])

    def process(self, output: list[str]) -> CommandOutput:
        text = "\n".join(output)
        try:
            return CommandOutput.model_validate_json(text)
        except ValidationError:  # a traceback, or a manipulated process's output
            return CommandOutput(findings=[text[:_SHOWN] or "no answer"])


@operation()
def check(release: Path, current: Path, desired: Desired) -> Generator[PyinfraCommand, None, None]:
    """Check whether the desired state can be applied with this release, and change nothing.

    Before the deploy begins (`--dry`, or without `-y`), this shows the differences.

    + release: the directory of the release to activate
    + current: the directory of the active release
    + desired: secrets included; it travels on standard input
    """
    if not host.state.is_executing:
        (complete,) = read_states([f"{release}/{COMPLETE}"])
        builds = not is_complete(complete)
        answer = planned(partial(_answer, current, "plan"), desired, builds=builds)
        changes = bool(answer.changes or answer.absent)
        _remember(PendingWork(apply=changes, findings=() if changes else answer.findings))
        _show(answer, desired)
        return
    answer = _answer(release, "check", desired)
    if answer.findings:
        lines = "".join(f"\n    - {finding}" for finding in answer.findings)
        yield fail(f"this configuration is not applied; the active one stays in use:{lines}")
        return
    for line in answer.diff:
        host.log(line)
    apply = bool(answer.changes) or not answer.serves
    _remember(PendingWork(apply, answer.collect, answer.warnings))


def planned(
    ask: Callable[[Desired, int], CommandOutput], desired: Desired, *, builds: bool
) -> CommandOutput:
    """Return what the active release says of a desired state in a dry run.

    ask: asks the active release; takes the number of the attempt. builds: whether another release
    is built, with which an app comes that the active release lacks: then all else is compared.
    """
    answer = ask(desired, 1)
    if any(_REFUSED in each for each in answer.findings):
        return CommandOutput(changes=[{}], diff=[_EARLIER])
    if not builds or not any(_NOT_INSTALLED in each for each in answer.findings):
        return answer
    rest = replace(desired, set=_without_apps(desired.set), append=_without_apps(desired.append))
    answer = ask(rest, 2)
    if answer.findings:  # for example properties of the app
        return CommandOutput(changes=[{}], diff=[_LATER])
    apps = desired.append.get(APPS, desired.set.get(APPS, ()))
    line = f"  {APPS}: {', '.join(map(str, apps))}, with the new release"
    return answer.model_copy(
        update={"changes": [*answer.changes, {}], "diff": [line, *answer.diff]}
    )


def _without_apps(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != APPS}


@operation()
def collect_static(release: Path, desired: Desired) -> Generator[StringCommand, None, None]:
    """Collect the release's static files, if they are not collected for this release and its apps.

    The service's user collects them, and root copies the regular files into the release: NGINX
    finds no link there, and OMERO.web cannot change the files that its pages load.

    + release: the directory of the release to activate
    + desired: secrets included; it travels on standard input
    """
    wanted = _pending_work().collect
    if wanted is None:
        return
    static_root = str(desired.set.get(STATIC_ROOT) or LOCATIONS.static)
    inside = static_files.inside(static_root)
    writable = () if inside else (static_root,)  # the site's own directory may be elsewhere
    collect = f"{as_user(f'{release}/bin/omeroweb-ops', *writable)} release collect --desired -"
    yield StringCommand(
        static_files.collected(collect, release, inside, wanted),
        _stdin=desired.dump(secret=True),
    )


@operation()
def apply(release: Path) -> Generator[StringCommand, None, None]:
    """Link the release and bring config.xml to the desired state, if one of them differs.

    The running service keeps the code that it has loaded.

    + release: the directory of the release to activate
    """
    if _pending_work().apply:
        apply = limited(f"{OPS_COMMAND} config apply", seconds=_SECONDS, size=_SIZE)
        yield StringCommand(
            f"{RELEASE_COMMAND} link {release.name} && {{ {apply}\n}} >&2 && "
            f"{RELEASE_COMMAND} applied || "
            f"{{ {RELEASE_COMMAND} back; "
            "echo 'not applied; the active one stays in use' >&2; exit 1; }"
        )


@operation()
def report() -> Generator[StringCommand, None, None]:
    """Warn of what `check` has found; it comes last, where an administrator looks."""
    for warning in _pending_work().warnings if host.state.is_executing else ():
        logger.warning(f"{host.print_prefix}warning: {warning}")
    yield from ()


def _answer(release: Path, action: str, desired: Desired, attempt: int = 1) -> CommandOutput:
    return redacted(known_facts.answer(question(release, action, desired, attempt)), desired)


def question(
    release: Path, action: str, desired: Desired, attempt: int = 1
) -> known_facts.Question[CommandOutput]:
    """Return the question for the output of `omeroweb-ops config`."""
    return known_facts.Question(
        ConfigCommand,
        SecretStdin(desired.dump(secret=True)),
        program=f"{release}/bin/omeroweb-ops",
        action=action,
        attempt=attempt,
    )


def redacted(answer: CommandOutput, desired: Desired) -> CommandOutput:
    """Return the output without secrets, also if the release does not know what is secret."""
    known, _mistakes = desired.resolve(SCHEMA, LOCATIONS.omerodir, strict=False)
    hidden = [*plan.secrets_of(known, SCHEMA.with_secrets(desired.secret))]
    for name in desired.secret:
        hidden += redaction.texts(desired.set.get(name))
    findings = [redaction.redact(each, hidden) for each in answer.findings]
    lines = [*diff.without(answer.diff, desired.secret)]
    warnings = [redaction.redact(each, hidden) for each in answer.warnings]
    changed = {"findings": findings, "diff": lines, "warnings": warnings}
    return answer.model_copy(update=changed)


def _show(answer: CommandOutput, desired: Desired) -> None:
    if answer.absent:  # no OMERO.web yet: compare with the project's own schema
        texts, _mistakes = desired.resolve(SCHEMA, LOCATIONS.omerodir, strict=False)
        shown = SCHEMA.with_secrets(desired.secret)
        lines = [*diff.lines(plan.make(texts, {}, {}, SCHEMA), shown)]
    else:
        lines = answer.findings or answer.diff or ["no property differs"]
    for line in lines:
        host.log(f"OMERO.web: {line}")
