"""Secrets that are found wherever they show: canary words, and who looks for them.

A canary is made of letters and digits alone, so that no way of quoting changes it (JSON, XML, URLs,
shells, Python); base64, hexadecimal digits and capitals are looked for besides. All of them begin
alike, by which a file is searched in one go.
"""

from __future__ import annotations

import base64
import contextlib
import json
import string
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.integration.hosts import Host

_ALPHABET = string.ascii_lowercase + string.digits
# What quoting, URLs, XML, JSON, shells, format strings and sudoers treat in a way of their own.
_SPECIAL = (*"\"'`$\\%&<>;#@:/?+=!*~^|()[]{} é☃\t", "%s", "&amp;", "\\n", "${", "{{", "😀", "--")
_LOOK = r"""
import json, os, re, stat, sys

forms = {name: text.encode() for name, text in json.loads(sys.stdin.readline()).items()}

def shown(data):
    "The first canary of each form, with what stands around it, as (form, text)."
    return [
        (name, data[max(at - 60, 0) : at + 90].decode("utf-8", "replace"))
        for name, text in forms.items() if (at := data.find(text)) >= 0
    ]

def read(path):
    "The content of a regular file; nothing of what is gone or is none."
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read()
    except OSError:
        return b""

def files(roots, since):
    for root in roots:
        for folder, folders, names in os.walk(root):
            if folder == "/":
                folders[:] = [name for name in folders if name not in ("proc", "sys")]
            for name in names:
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode) and status.st_ctime >= since:
                    yield path, status
"""
_SEARCH = r"""
import grp, pwd

def is_open(path):
    "Whether others can get at it: by its own mode, and those of the directories that lead to it."
    if not os.lstat(path).st_mode & 0o006:
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.lstat(path).st_mode & 0o001:
            return False
    return True

roots, since = json.loads(sys.stdin.readline())
for path, status in files(roots, since):
    for form, text in shown(read(path)):
        owner = pwd.getpwuid(status.st_uid).pw_name + ":" + grp.getgrgid(status.st_gid).gr_name
        print(json.dumps([path, owner, stat.S_IMODE(status.st_mode), is_open(path), form, text]))
"""
_WATCH = r"""
import select

roots = json.loads(sys.stdin.readline())
print("watching", flush=True)
found, known = {}, {}
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            for form, text in shown(read(f"/proc/{pid}/{name}")):
                found.setdefault((name, form, text), f"/proc/{pid}/{name}")
    for path, status in files(roots, 0):
        if status.st_size < 5_000_000 and known.get(path) != (status.st_mtime_ns, status.st_size):
            known[path] = status.st_mtime_ns, status.st_size
            for form, text in shown(read(path)):
                found.setdefault((path, form, text), path)
for (_, form, text), place in found.items():
    print(json.dumps([place, form, text]))
"""


@dataclass
class Canaries:
    """A source of secrets. seed: the same gives the same ones."""

    seed: int
    random: Random = field(init=False)
    tag: str = field(init=False)
    number: str = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.tag = self._text(9)
        self.number = str(self.random.randrange(10**9, 10**10))

    def _text(self, length: int) -> str:
        return "".join(self.random.choices(_ALPHABET, k=length))

    def name(self) -> str:
        """A name that tells nothing: a letter before digits, so that a property may have it."""
        return self.random.choice(string.ascii_lowercase) + self._text(7)

    def word(self) -> str:
        return self.tag + self._text(9)

    def text(self) -> str:
        """A secret: canaries, with special characters between them and at its ends."""
        ends = ["".join(self.random.choices(_SPECIAL, k=self.random.randrange(4))) for _ in "12"]
        between = ["".join(self.random.choices(_SPECIAL, k=3)) for _ in "12"]
        return ends[0] + self.word() + between[0] + self.word() + between[1] + self.word() + ends[1]

    def integer(self) -> int:
        return int(self.number + str(self.random.randrange(100, 1000)))

    def forms(self) -> dict[str, str]:
        """What to look for, by the name of its form."""
        coded = {
            # the characters that stand for nothing but the word's own bits
            f"base64, {shift}": base64.b64encode(b"\0" * shift + self.tag.encode())[
                4 : (shift + len(self.tag)) * 8 // 6
            ].decode()
            for shift in range(3)
        }
        return {
            "text": self.tag,
            "capitals": self.tag.upper(),
            "number": self.number,
            "hexadecimal": self.tag.encode().hex(),
            "HEXADECIMAL": self.tag.encode().hex().upper(),
            **coded,
        }

    def shown(self, text: str) -> list[str]:
        """Each canary in a text, with what stands around it."""
        places = ((form, text.find(word)) for form, word in self.forms().items())
        return [f"{form}: {text[max(at - 200, 0) : at + 90]}" for form, at in places if at >= 0]


@dataclass(frozen=True)
class Find:
    """A file with a canary. is_open: others than its owner and its group can get at it."""

    path: str
    owner: str
    mode: int
    is_open: bool
    form: str
    text: str


def search(
    canaries: Canaries, host: Host | None, roots: Sequence[str] = ("/",), since: float = 0
) -> list[Find]:
    """Every file with a canary on a host, as root sees it; host None: on this machine.

    since: seconds since the epoch; files that were neither written nor changed later are left out.
    """
    asked = _asked(canaries, [list(roots), since])
    command = ["python3", "-c", _LOOK + _SEARCH]
    if host:
        lines = host.run(command, stdin=asked).stdout
    else:
        done = subprocess.run(command, input=asked, capture_output=True, check=True)
        lines = done.stdout.decode()
    return [Find(*json.loads(line)) for line in lines.splitlines()]


@contextlib.contextmanager
def watched(
    canaries: Canaries, host: Host | None, roots: Sequence[str]
) -> Iterator[list[tuple[str, str, str]]]:
    """Look at each process' arguments and environment and at new files below roots, all the time.

    What is found is in the list at the end: place, form, and what stands around the canary.
    """
    python = ["docker", "exec", "-i", host.name, "python3"] if host else [sys.executable]
    found: list[tuple[str, str, str]] = []
    process = subprocess.Popen(
        [*python, "-c", _LOOK + _WATCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(_asked(canaries, list(roots)))
        process.stdin.flush()
        assert process.stdout.readline() == b"watching\n"
        yield found
        output, _ = process.communicate()
        assert process.returncode == 0
        found += [tuple(json.loads(line)) for line in output.splitlines()]
    finally:
        process.kill()
        process.wait()


def _asked(canaries: Canaries, what: Any) -> bytes:
    return (json.dumps(canaries.forms()) + "\n" + json.dumps(what) + "\n").encode()
