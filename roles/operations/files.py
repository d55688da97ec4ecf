"""Describe files, directories and links of a host, and the shell that writes each; pure.

Root acts only where root owns every directory of the path; an item in another user's directory is
made as that user (`run_as`). See docs/architecture.md, "Privilege".

pyinfra's stock file operations read each file several times and upload with `cp`, so that a program
could read half a file. `sync` reads the states of a role's files in one remote call. It writes each
file beside its path, syncs it to disk and renames it: a power cut leaves the old file or the new
file. Contents travel on standard input, so that a secret is never in a command line, a temporary
file or a log.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .privilege import run_as_user, with_functions

_LONGEST = 40_000  # characters of the commands that are sent together


def write_from_stdin(path: str, content: str, *, binary: bool = False) -> str:
    """Return shell that writes standard input to a (quoted) path, and fails if a part is missing.

    A lost connection looks like the end of the content. binary: standard input is base64.
    """
    read = "base64 -d" if binary else "cat"
    return f'{read} > {path} && [ "$(wc -c < {path})" -eq {len(_bytes(content, binary))} ]'


def _bytes(content: str, binary: bool) -> bytes:
    return base64.b64decode(content) if binary else content.encode()


def _acting(run_as: str, path: str, script: str) -> str:
    """Return shell that runs a script for a (quoted) path only if no other user can interfere.

    For root, the functions of `privilege.sh` must be defined.
    """
    guarded = f"owned_path {path} && {script}"
    return guarded if run_as == "root" else run_as_user(run_as, with_functions(guarded))


@dataclass(frozen=True)
class Command:
    """Shell, and the text of its standard input."""

    text: str
    stdin: str | None = field(default=None, repr=False)  # may be a secret


def in_one(items: Iterable[Item]) -> Iterator[Command]:
    """Yield as few commands as possible that bring items to their states, in their order.

    An error ends a command at its item. A command is not longer than an argument may be
    (MAX_ARG_STRLEN in execve(2), 128 KiB), also if `sudo sh -c` and a login shell quote it.
    """
    texts: list[str] = []
    contents: list[str] = []
    for each in items:
        text, content = each.command.text, each.command.stdin or ""
        if sum(map(len, texts)) + len(text) > _LONGEST and texts:
            yield _joined(texts, contents)
            texts, contents = [], []
        size = len(content.encode())
        # `dd` reads not a byte more, as a buffered reader would do
        share = f"dd bs={size} count=1 iflag=fullblock status=none"
        texts.append(f"{share} | (\n{text}\n)" if size else f"(\n{text}\n) < /dev/null")
        contents.append(content)
    if texts:
        yield _joined(texts, contents)


def _joined(texts: list[str], contents: list[str]) -> Command:
    return Command(with_functions(" &&\n".join(texts)), "".join(contents) or None)


@dataclass(frozen=True)
class Directory:
    """A directory with its owner (`user:group`) and mode (octal digits).

    run_as: the user who makes it, which is the owner of the parent directory. A link at this path
    is an error, unless root owns the link and its target: such a link stays.
    """

    path: str
    owner: str = "root:root"
    mode: str = "755"
    run_as: str = "root"

    @property
    def state(self) -> str:
        return f"directory {self.mode} {self.owner}"

    @property
    def command(self) -> Command:
        path = shlex.quote(self.path)
        made = (
            f"not_a_link {path} && mkdir -p {path} && chown -h {self.owner} {path} "
            f"&& chmod {self.mode} {path}"
        )
        if self.run_as == "root":
            made = f"{{ is_link_of_root {path} || {{ {made}; }}; }}"
        return Command(_acting(self.run_as, path, made))


@dataclass(frozen=True)
class File:
    """A file with its content, owner (`user:group`) and mode (octal digits).

    binary: the content is base64, because pyinfra sends only text, which ends with a newline.
    then: a shell command that runs after the file is written. run_as: as of a `Directory`.
    """

    path: str
    content: str
    owner: str = "root:root"
    mode: str = "644"
    binary: bool = False
    then: str = "true"
    run_as: str = "root"

    @classmethod
    def of(cls, path: str, content: bytes) -> File:
        """Return a world-readable file with binary content."""
        return cls(path, base64.encodebytes(content).decode(), binary=True)

    def __post_init__(self) -> None:
        if self.content and not self.content.endswith("\n"):
            raise ValueError(f"{self.path}: the content must end with a newline")

    def __repr__(self) -> str:  # pyinfra prints an operation's arguments: no content, no secret
        return f"File({self.path!r})"

    @property
    def digest(self) -> str:
        return hashlib.sha256(_bytes(self.content, self.binary)).hexdigest()

    @property
    def state(self) -> str:
        return f"file {self.mode} {self.owner} {self.digest}"

    @property
    def command(self) -> Command:
        path, beside = shlex.quote(self.path), shlex.quote(self.path + ".new")
        received = write_from_stdin(beside, self.content, binary=self.binary)
        written = (
            f"umask 077 && rm -f {beside} && ( set -C; {received} ) && "
            f"chown -h {self.owner} {beside} && chmod {self.mode} {beside} "
            f"&& sync {beside} && mv -fT {beside} {path} && {{ {self.then}; }}"
        )
        return Command(_acting(self.run_as, path, written), self.content)


@dataclass(frozen=True)
class Link:
    """A symbolic link, replaced atomically."""

    path: str
    target: str

    @property
    def state(self) -> str:
        return f"link {self.target}"

    @property
    def command(self) -> Command:
        path, beside = shlex.quote(self.path), shlex.quote(self.path + ".new")
        made = f"ln -sfT {shlex.quote(self.target)} {beside} && mv -fT {beside} {path}"
        return Command(_acting("root", path, made))


@dataclass(frozen=True)
class Absent:
    """The absence of a file or link. undo: a shell command that runs before the removal."""

    path: str
    undo: str = "true"
    state = "absent"

    @property
    def command(self) -> Command:
        path = shlex.quote(self.path)
        return Command(_acting("root", path, f"{{ {self.undo}; }} && rm -f {path}"))


Item = Directory | File | Link | Absent
