"""Files of pins that an inventory names: nothing loose in them, nothing from outside of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from . import requirements_file
from .field_types import TextFile

# What the bundle itself runs with; what these need follows from them when a lock is made.
_NEEDED = ("gunicorn", "omero-py", "omero-web", "prometheus-client", "tabulate")
_OTHERS = "write the pins themselves into it, as uv pip compile does"
_INDEX = (
    "name the index in pip's configuration on the host (index-url in /etc/pip.conf), or pin the "
    "package by its URL: NAME @ https://…"
)
_INSTEAD = {
    **dict.fromkeys(("-r", "--requirement", "-c", "--constraint"), _OTHERS),
    **dict.fromkeys(("-e", "--editable"), "make a wheel of the folder"),
    **dict.fromkeys(
        ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index"), _INDEX
    ),
}


def _closed(path: str) -> str:
    text = Path(path).read_text(encoding="utf-8")
    wrong = [
        f"{path} has the option {option}: {_INSTEAD.get(option, 'take it out')}"
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
