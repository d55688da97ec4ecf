"""Paths of the machine that deploys: a relative path is relative to the inventory's directory."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import AfterValidator, ValidationInfo


class ControllerPath(str):
    """An absolute path of this machine that the inventory has as a relative one or with `~`.

    An absolute path in the inventory stays plain text: for some settings it may be on the host.
    """


def directory(inventory: str) -> Path:
    """Return the directory of an inventory: the current one if it is a host instead of a file."""
    path = Path(inventory)
    return path.parent if path.is_file() else Path()


def context(directory: Path) -> dict[str, Path]:
    """Return pydantic's context for an inventory in this directory."""
    return {"directory": directory}


def absolute(value: str, info: ValidationInfo) -> str:
    """Return the absolute path. Raises ValueError for a file of the current directory.

    Before there was one rule, relative paths were relative to the current directory.
    """
    try:
        given = Path(value).expanduser()
    except RuntimeError as error:  # ~nobody
        raise ValueError(f"{value}: {error}") from None
    if value.startswith("/"):
        return value
    directory = (info.context or context(Path()))["directory"].absolute()
    path = directory / given
    if not path.exists() and given.exists():
        written = os.path.relpath(given.absolute(), directory)
        raise ValueError(
            f"there is no {path}; paths are relative to the inventory's directory. For the file of "
            f"the current directory write {written!r}"
        )
    return ControllerPath(path)


Absolute = AfterValidator(absolute)
