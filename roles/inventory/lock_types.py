"""Types of requirements files: each line is pinned by its hash, and no line reads other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from . import requirements_file
from .field_types import TextFile

# Packages that the bundle itself needs; a lock adds the packages that these need.
_NEEDED = ("gunicorn", "omero-py", "omero-web", "prometheus-client", "tabulate")
_OTHERS = "put the pins themselves into the file, as uv pip compile does"
_INDEX = (
    "set the index in pip's configuration on the host (index-url in /etc/pip.conf), or pin the "
    "package by its URL: NAME @ https://…"
)
_INSTEAD = {
    **dict.fromkeys(("-r", "--requirement", "-c", "--constraint"), _OTHERS),
    **dict.fromkeys(("-e", "--editable"), "build a wheel of the directory"),
    **dict.fromkeys(
        ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index"), _INDEX
    ),
}


def _closed(path: str) -> str:
    text = Path(path).read_text(encoding="utf-8")
    wrong = [
        f"{path} has the option {option}: {_INSTEAD.get(option, 'remove it')}"
        for option in requirements_file.options(text)
    ]
    loose = requirements_file.loose(text)
    if loose:
        more = f" and {len(loose) - 5} more" if len(loose) > 5 else ""
        wrong.append(f"{path} pins no version or no hash of {', '.join(loose[:5])}{more}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return path


def _whole(path: str) -> str:
    pinned = requirements_file.pins(Path(path).read_text(encoding="utf-8"))
    missing = [name for name in _NEEDED if name not in pinned]
    if missing:
        raise ValueError(f"{path} does not pin {', '.join(missing)}, which the bundle needs")
    return path


Lock = Annotated[TextFile, AfterValidator(_closed)]
SiteLock = Annotated[Lock, AfterValidator(_whole)]
