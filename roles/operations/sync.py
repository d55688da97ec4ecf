"""Sync items of a host: one fact for a whole role, and only changes written."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from . import prefetch_store
from .facts import BooleanFact, HostFact
from .files import Absent, Directory, Item, in_one
from .privilege import with_functions


class PathStates(HostFact[list[str]]):
    """The state of each path, in the form of the items' `state`."""

    def command(self, paths: tuple[str, ...]) -> str:
        listed = " ".join(shlex.quote(path) for path in paths)
        return (
            # one line for each path, even if a link's target has control characters
            f'for p in {listed}; do if [ -L "$p" ]; then printf "link %s\\n" '
            '"$(readlink -n "$p" | LC_ALL=C tr "[:cntrl:]\\200-\\377" "?")"; '
            'elif [ -d "$p" ]; then stat -c "directory %a %U:%G" "$p"; '
            'elif [ -f "$p" ]; then echo "$(stat -c "file %a %U:%G" "$p") '
            '$(sha256sum < "$p" | cut -c1-64)"; '
            "else echo absent; fi; done"
        )

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return output


class IsLinkOfRoot(BooleanFact):
    """Whether a path is a link of root's to a directory of root's, which a `Directory` keeps."""

    def command(self, path: str) -> str:
        quoted = shlex.quote(path)
        return with_functions(f"is_link_of_root {quoted} && [ -d {quoted} ] && echo yes; true")


def read_states(paths: Sequence[str]) -> list[str]:
    """What stands at each path of the host, in the form of the items' `state`."""
    known = prefetch_store.current(host)
    found = {path: state for path in paths if (state := known.state(path)) is not None}
    unknown = [path for path in paths if path not in found]
    if unknown:
        states = host.get_fact(PathStates, paths=tuple(unknown)) or ["absent"] * len(unknown)
        found.update(zip(unknown, states, strict=True))
    return [found[path] for path in paths]


def read_states_to_write(paths: Sequence[str]) -> list[str]:
    """The same, if the caller writes what is absent. See `prefetch_store.was_absent`."""
    others = [path for path in paths if not prefetch_store.was_absent(host, path)]
    found = dict(zip(others, read_states(others), strict=True))
    return [found.get(path, "absent") for path in paths]


def commands(*items: Item) -> Iterator[StringCommand]:
    """Return the commands that bring items to their states, as few as possible."""
    for command in in_one(items):
        if command.stdin is None:
            yield StringCommand(command.text)
        else:
            yield StringCommand(command.text, _stdin=command.stdin)


def _is_kept(item: Item, state: str) -> bool:
    """Return whether a link in place of a directory stays: it leads to another disk."""
    is_link = isinstance(item, Directory) and item.run_as == "root" and state.startswith("link ")
    return is_link and bool(host.get_fact(IsLinkOfRoot, path=item.path))


@operation()
def sync(items: Sequence[Item]) -> Generator[StringCommand, None, None]:
    """Bring each item to its state. An item that has this state already is not touched.

    + items: `Directory`, `File`, `Link` or `Absent`, in the order in which they depend.
    """
    # what was absent may have been created, which an item that is to be absent must know
    read = read_states if any(isinstance(item, Absent) for item in items) else read_states_to_write
    states = read([item.path for item in items])
    yield from commands(
        *(
            item
            for item, state in zip(items, states, strict=True)
            if state != item.state and not _is_kept(item, state)
        )
    )
