"""Read the values of variables from files: NAME_FILE=/path, and /run/secrets/NAME.

Docker and Kubernetes mount secrets as files. As in Docker's official images, an empty NAME_FILE
or NAME is as good as unset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..shared import regular_file
from ..shared.finding import Finding

SECRETS = Path("/run/secrets")
SUFFIX = "_FILE"  # no property has it in its name
_MAX_SIZE = 1_000_000  # bytes


def read(
    variables: Mapping[str, str],
    is_known: Callable[[str], bool],
    is_needed: Callable[[str], bool],
    secrets: Path = SECRETS,
) -> tuple[dict[str, str], set[str], list[Finding]]:
    """Return the variables with the values from files, the names of these, and every error.

    is_known: whether a variable of this name configures the container. is_needed: whether its value
    is used; a file that is not needed is not read, and the value is "".
    """
    found = {
        name: value
        for name, value in variables.items()
        if not (name.endswith(SUFFIX) and is_known(name.removesuffix(SUFFIX)))
    }
    files: dict[str, tuple[str, Path]] = {}  # by variable: what names the file, and the file
    findings: list[Finding] = []
    for name, subject, path in _named(variables, is_known, secrets):
        first = name not in files
        other, its_path = files.setdefault(name, (subject, path))
        if first and found.get(name):
            findings.append(Finding(subject, f"contradicts {name}; set only one of them"))
        elif not _same(its_path, path):
            findings.append(Finding(other, f"contradicts {path}; set only one of them"))
    wrong = {finding.subject for finding in findings}
    from_files = {name for name, (subject, _path) in files.items() if subject not in wrong}
    for name in sorted(from_files):
        subject, path = files[name]
        try:
            found[name] = _value(path) if is_needed(name) else ""
        except ValueError as error:
            findings.append(Finding(subject, str(error)))
    return found, from_files, findings


def _named(
    variables: Mapping[str, str], is_known: Callable[[str], bool], secrets: Path
) -> Iterator[tuple[str, str, Path]]:
    """Return each variable with a file, the variable or path that names the file, and the file."""
    for name in sorted(variables):
        own = name.removesuffix(SUFFIX)
        if own != name and is_known(own) and variables[name]:
            yield own, name, Path(variables[name])
    try:
        mounted = sorted(secrets.iterdir())
    except OSError:  # there is no such directory, or this user may not read it
        return
    for path in mounted:
        if is_known(path.name) and not path.name.endswith(SUFFIX):
            yield path.name, str(path), path


def _same(left: Path, right: Path) -> bool:
    try:
        return left == right or left.samefile(right)
    except OSError:
        return False


def _value(path: Path) -> str:
    """Return the text without the newline at its end. Raises ValueError without the text."""
    try:
        text = regular_file.read_text(path, _MAX_SIZE)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason})") from None
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ValueError(f"{path} is empty; write the value into it, or remove the file")
    return value
