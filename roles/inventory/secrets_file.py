"""Read web_secrets, the passwords and keys, on the machine that deploys.

The source is a file, a pipe, or the output of a command (`sops -d`, `pass show`), so that secrets
need not be on a disk.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import re
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import yaml
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import schema

SCHEMA = schema.locked()
EAB_KEY = "acme_eab_hmac_key"  # of an account with an ACME authority (RFC 8555, section 7.3.4)
OF_REDIS = ("redis_password", "redis_user")
OF_NOTIFY = ("notify_webhook", "notify_smtp_password")
# All others are properties of OMERO.web.
OF_THE_BUNDLE = (*OF_REDIS, *OF_NOTIFY, EAB_KEY)
COMMAND_TIMEOUT = 120.0  # seconds; somebody may have to type a passphrase
_STDERR_SHOWN = 1000  # characters
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def read_secrets(
    source: str | Sequence[str], directory: Path = Path()
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the secrets, {property or redis_password: value}, and every error in them.

    source: the path of a file or a pipe, or a command and its arguments. directory: where the
    command runs.
    """
    where = source if isinstance(source, str) else f"the output of {source[0]}"
    try:
        text = _content(source, directory)
    except Refused as refusal:
        return {}, [Finding("web_secrets", str(refusal))]
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Finding("web_secrets", f"{where} cannot be read ({error})")]
    try:
        content = yaml.safe_load(text)
    except Exception as error:  # of YAML, or of the type that a tag names (`!!int x`)
        # the error's own text would quote the file's content
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        return {}, [
            Finding("web_secrets", f"{where} is not YAML{line}; must have lines `name: value`")
        ]
    if content is None:
        return {}, []
    if not isinstance(content, dict):
        return {}, [Finding("web_secrets", f"{where} must have lines `name: value`")]
    return _checked(content, where)


def _checked(content: dict[Any, Any], where: str) -> tuple[dict[str, Any], list[Finding]]:
    """Check names and values. An invalid name is not shown: `name:value` without space is one."""
    findings = [
        Finding(
            f"web_secrets: name {number}",
            f"(not shown) in {where} is not a name; must be `name: value`, with a space after the "
            "colon",
        )
        for number, name in enumerate(content, 1)
        if not _NAME.fullmatch(str(name))
    ]
    content = {str(name): each for name, each in content.items() if _NAME.fullmatch(str(name))}
    findings += [
        Finding(f"web_secrets: {name}", f"has no value in {where}; set a value or remove the line")
        for name, value in content.items()
        if value in (None, "")
    ]
    findings += [
        Finding(f"web_secrets: {name}", "is not text; put it in quotes")
        for name in OF_THE_BUNDLE
        if isinstance(content.get(name), bool)
        or not isinstance(content.get(name), (str, int, type(None)))
    ]
    # only the host knows a plugin's properties; unknown ones are found together with web_config's
    unknown = [
        name for name in content if name not in OF_THE_BUNDLE and not name.startswith("omero.")
    ]
    for name in unknown:
        own = difflib.get_close_matches(name, OF_THE_BUNDLE, n=1, cutoff=0.8)
        near = own[0] if own else SCHEMA.nearest(name) or "redis_password"
        findings.append(
            Finding(f"web_secrets: {name}", f"is not an OMERO.web property; did you mean {near}?")
        )
    return {name: value for name, value in content.items() if name not in unknown}, findings


class Refused(Exception):
    """The reason why a source is not read, and the remedy, without any of its content."""


def _content(source: str | Sequence[str], directory: Path) -> str:
    if not isinstance(source, str):
        return _output(tuple(source), directory).decode("utf-8")
    if is_pipe(source):
        return _piped(source).decode("utf-8")
    with Path(source).open("rb") as file:
        _check_access(source, os.fstat(file.fileno()))
        return file.read().decode("utf-8")


def is_pipe(path: str) -> bool:
    """Return whether a path is a pipe or a terminal, which can be read only once."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _check_access(path: str, status: os.stat_result) -> None:
    """Raise Refused if a user other than root and the deploying user can read or change it."""
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise Refused(f"{path} is open to other users (mode {mode:04o}); run chmod 600 {path}")
    deploying = {0, os.geteuid()}
    with contextlib.suppress(KeyError, ValueError):
        deploying.add(int(os.environ["SUDO_UID"]))
    if status.st_uid not in deploying:
        raise Refused(
            f"{path} belongs to another user (uid {status.st_uid}), who can change it; "
            f"run chown {os.geteuid()} {path}"
        )


@functools.cache
def _piped(path: str) -> bytes:
    """Return a pipe's content, read once for all hosts."""
    if stat.S_ISCHR(os.stat(path).st_mode):  # a pipe that is closed again ends its writer
        with open(path, "rb", buffering=0) as file:
            if file.isatty():
                raise Refused(f"{path} is a terminal; pass the secrets through a pipe")
    # cat can be ended after a timeout; a read by this process cannot
    return _some(_run(["cat", "--", path], path, inherit=True), path)


@functools.cache
def _output(command: tuple[str, ...], directory: Path) -> bytes:
    """Return a command's output; the command runs once for all hosts."""
    where = command[0]
    if directory.absolute() != Path.cwd():
        where += f" in {directory}, the inventory's directory,"
    content = _run(command, where, inherit=False, directory=directory)
    return _some(content, f"the output of {command[0]}")


def _some(content: bytes, where: str) -> bytes:
    """Refuse empty content: its source has failed, and a deploy would remove all secrets."""
    if not content.strip():
        raise Refused(f"{where} is empty; write {{}} if there are no secrets")
    return content


def _run(
    command: Sequence[str], where: str, *, inherit: bool, directory: Path | None = None
) -> bytes:
    """Return a process's output, kept in memory only.

    inherit: pass on this process's standard input and descriptors. Raises Refused with the end of
    the command's standard error, never with its output.
    """
    with _memory("secrets") as output, _memory("messages") as messages:
        try:
            process = subprocess.Popen(
                command,
                stdin=None if inherit else subprocess.DEVNULL,
                stdout=output,
                stderr=messages,
                cwd=directory,
                close_fds=not inherit,
            )
        except OSError as error:
            raise Refused(f"{where} cannot be run ({error.strerror})") from None
        try:
            status = process.wait(COMMAND_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Refused(f"{where} has not ended within {COMMAND_TIMEOUT:g} s") from None
        finally:
            process.kill()
            process.wait()
        if status:
            messages.seek(0)
            text = messages.read().decode(errors="replace")[-_STDERR_SHOWN:]
            message = "".join(each if each.isprintable() else " " for each in text)
            message = " ".join(message.split()) or "no message on standard error"
            raise Refused(f"{where} ended with status {status}: {message}")
        output.seek(0)
        return output.read()


def _memory(name: str) -> IO[bytes]:
    """Return a file that exists in memory only (memfd_create(2))."""
    return open(os.memfd_create(name), "w+b")
