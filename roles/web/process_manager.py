#!/usr/bin/python3 -I
"""Run a gunicorn that hands over to successors, as the only child that supervisor knows.

`process-manager SECONDS` runs the command line in the variable PROCESS_MANAGER_COMMAND. supervisor
itself restarts a service whose first process ends, and a hand-over ends that process. This program
does for the service what systemd does for its unit, by the same protocols, so that gunicorn's hooks
are the same on all hosts:

- sd_listen_fds(3): it passes the socket that supervisor has opened (`fcgi-program`: descriptor 0),
  and keeps the socket while the service starts again, so that visitors wait;
- sd_notify(3): MAINPID, READY, WATCHDOG and WATCHDOG_USEC of any process of the service.

HUP hands over (gunicorn's USR2), USR1 restarts the service, TERM ends it. A service that ends by
itself is started again. Its processes have SECONDS for their last requests. The name of this
process (proc(5), comm) is `main PID` once the service is ready, else `starting`: root reads it from
the kernel, and no file of the service's user.

The standard library of the host's Python alone: the program stays while releases change.
"""

import contextlib
import ctypes
import math
import os
import select
import shlex
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

COMMAND = "PROCESS_MANAGER_COMMAND"  # in the environment of this program and of the whole service
NOTIFY_SOCKET = "NOTIFY_SOCKET"  # sd_notify(3); in that of the service alone
START_TIMEOUT = 90.0  # seconds until READY; systemd's DefaultTimeoutStartSec=
CRASH_DELAY, ERROR_DELAY = 0.1, 5.0  # seconds before a start after a crash, after an error
REQUESTS_TIMEOUT = 1.0  # seconds for the requests of the workers of a master that was killed
REMAINS_TIMEOUT = 3.0  # seconds for the requests of a service whose process manager was killed
KILL_TIMEOUT = 10.0  # seconds for processes to end that are killed
TURN = 0.1  # seconds between two looks at processes that end
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): orphans of the service become children of this process
LISTEN_FDS_START = 3  # sd_listen_fds(3)
CREDENTIALS = struct.Struct("3i")  # unix(7), SCM_CREDENTIALS: process, user, group


@dataclass(frozen=True)
class Notification:
    """What a datagram of sd_notify(3) says.

    watchdog: seconds; 0 disables it, None leaves it as it is.
    """

    main: int | None = None
    is_ready: bool = False
    is_alive: bool = False
    watchdog: float | None = None


def parse(message: bytes) -> Notification:
    """Parse a datagram. What is unknown or is not a number is ignored."""
    lines = message.decode("ascii", "replace").splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)

    def number(name: str) -> int | None:
        text = values.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    microseconds = number("WATCHDOG_USEC")
    return Notification(
        number("MAINPID"),
        values.get("READY") == "1",
        values.get("WATCHDOG") == "1",
        None if microseconds is None else microseconds / 1e6,
    )


class Manager:
    """The service's state: its main process, and the times at which something is due.

    main: the main process, or 0. start_at: when it is started (time.monotonic), if it does not run.
    alive_until: when it has not reported for too long. end_at: the latest end of a stop, or None.
    """

    def __init__(self, command: list[str], stop_seconds: float) -> None:
        self.command, self.stop_seconds = command, stop_seconds
        self.main, self.is_ready, self.is_stopped = 0, False, False
        self.hands_over = False  # as soon as the service is ready
        self.start_at, self.alive_until, self.watchdog = 0.0, math.inf, 0.0
        self.end_at: float | None = None
        self.socket = 0 if stat.S_ISSOCK(os.fstat(0).st_mode) else None
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notifications.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.notifications.bind("")  # the kernel chooses an abstract name (unix(7), Autobind)
        self.address = self.notifications.getsockname().decode("ascii").replace("\0", "@", 1)
        self.signals, written = socket.socketpair()
        for end in (self.signals, written):
            end.setblocking(False)
        self._written = written
        signal.set_wakeup_fd(written.fileno())
        for each in (signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: None)

    def run(self) -> None:
        """Run the service until TERM."""
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._name("starting")
        # what a killed process manager has left, or one of a killed supervisor, which still runs
        end_all(COMMAND, os.environ[COMMAND], REMAINS_TIMEOUT)
        while self.main or not self.is_stopped:
            self._turn()

    def _turn(self) -> None:
        select.select([self.signals, self.notifications], [], [], self._timeout())
        for number in self._received_signals():
            self._handle(number)
        ended = dict(reap())
        self._read_notifications()  # a predecessor's end comes after its successor's MAINPID
        now = time.monotonic()
        if self.end_at is not None:
            self._continue_stop(now)
        elif self.main in ended:
            self._recover(ended[self.main])
        elif self.main and not self._exists():  # it was its predecessor's child
            self._recover(-signal.SIGKILL)
        elif self.main and now > self.alive_until:
            log(f"{self.main} does not report and is killed")
            end_all(NOTIFY_SOCKET, self.address)
            self._recover(-signal.SIGKILL)
        elif not self.main and now >= self.start_at and not self.is_stopped:
            self._start(now)

    def _timeout(self) -> float:
        if self.end_at is not None:
            return TURN
        if self.main:
            return 1.0
        return min(1.0, max(0.0, self.start_at - time.monotonic()))

    def _received_signals(self) -> bytes:
        try:
            return self.signals.recv(4096)
        except BlockingIOError:
            return b""

    def _handle(self, number: int) -> None:
        if number == signal.SIGHUP:
            self.start_at, self.hands_over = 0.0, True
            self._hand_over()
        elif number == signal.SIGUSR1:
            self.start_at = 0.0
            if self.main and self.end_at is None:
                self._stop()
        elif number in (signal.SIGTERM, signal.SIGINT):
            self.is_stopped = True
            if self.end_at is None:
                self._stop()

    def _hand_over(self) -> None:
        if self.hands_over and self.is_ready:
            self.hands_over = False
            send(self.main, signal.SIGUSR2)

    def _start(self, now: float) -> None:
        environment = {**os.environ, NOTIFY_SOCKET: self.address}
        self.alive_until, self.watchdog = now + START_TIMEOUT, 0.0
        self.hands_over = False  # it reads the present configuration
        self.main = os.fork()
        if self.main:
            return
        try:
            signal.set_wakeup_fd(-1)
            if self.socket is not None:
                os.dup2(self.socket, LISTEN_FDS_START)
                environment |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.execvpe(self.command[0], self.command, environment)
        except OSError as error:
            log(f"{self.command[0]}: {error}")
        finally:
            os._exit(1)

    def _recover(self, status: int) -> None:
        """End what is left, and start the service soon.

        status: the main process's exit status, or the signal's negative.
        """
        has_crashed = self.is_ready and status <= 0
        self.start_at = time.monotonic() + (CRASH_DELAY if has_crashed else ERROR_DELAY)
        log(f"the main process has ended ({status}); the service is started again")
        end_all(NOTIFY_SOCKET, self.address, REQUESTS_TIMEOUT)
        self._forget_main()

    def _stop(self) -> None:
        self.end_at = time.monotonic() + self.stop_seconds
        self._name("starting")
        self.is_ready = False

    def _continue_stop(self, now: float) -> None:
        """End both masters of a hand-over; each takes as long as its last requests."""
        masters = [self.main] if self._exists() else []
        masters += processes("GUNICORN_PID", str(self.main))
        if masters and now <= (self.end_at or 0.0):
            for each in masters:
                send(each, signal.SIGTERM)
            return
        end_all(NOTIFY_SOCKET, self.address)
        self.end_at = None
        self._forget_main()

    def _exists(self) -> bool:
        return bool(self.main) and os.path.exists(f"/proc/{self.main}")

    def _processes(self) -> Iterator[int]:
        return processes(NOTIFY_SOCKET, self.address)

    def _forget_main(self) -> None:
        self.main, self.is_ready, self.alive_until = 0, False, math.inf
        self._name("starting")

    def _read_notifications(self) -> None:
        for _ in range(100):  # another user may send, too
            try:
                message, extra, _, _ = self.notifications.recvmsg(
                    4096, socket.CMSG_SPACE(CREDENTIALS.size)
                )
            except BlockingIOError:
                return
            sender = [
                CREDENTIALS.unpack(data)
                for level, kind, data in extra
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
            ]
            if sender and sender[0][1] == os.geteuid() and self.end_at is None:
                self._accept(parse(message))

    def _accept(self, told: Notification) -> None:
        if told.watchdog is not None:
            self.watchdog = told.watchdog
        if told.main and told.main in self._processes():
            self.main = told.main
        if told.is_ready and self.main:
            self.is_ready = True
            self._name(f"main {self.main}")
            self._hand_over()
        if self.is_ready and (told.is_ready or told.is_alive or told.watchdog is not None):
            self.alive_until = time.monotonic() + (self.watchdog or math.inf)

    def _name(self, name: str) -> None:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(name)


def processes(variable: str, value: str) -> Iterator[int]:
    """Yield this user's other processes that have a variable in their environment (proc(5))."""
    wanted = b"\0" + os.fsencode(f"{variable}={value}") + b"\0"
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                found = wanted in b"\0" + file.read()
            if found and os.stat(f"/proc/{name}").st_uid == os.geteuid():
                yield int(name)
        except OSError:  # of another user, or it has just ended
            continue


def end_all(variable: str, value: str, timeout: float = 0.0) -> None:
    """End the processes that `processes` yields. timeout: seconds after which they are killed.

    A process that waits for a disk cannot be killed, and is left after KILL_TIMEOUT.
    """
    number, killed_at = signal.SIGTERM, time.monotonic() + timeout
    while found := [*processes(variable, value)]:
        now = time.monotonic()
        if now >= killed_at + KILL_TIMEOUT:
            log(f"these processes cannot be killed: {found}")
            return
        if now >= killed_at:
            number = signal.SIGKILL
        for each in found:
            send(each, number)
        time.sleep(0.01)
        dict(reap())


def reap() -> Iterator[tuple[int, int]]:
    """Yield the children that have ended: process and exit status, or the signal's negative."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def log(message: str) -> None:
    """Write a line to the service's log."""
    with contextlib.suppress(OSError):  # supervisor may have been killed
        print(f"process-manager: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    Manager(shlex.split(os.environ[COMMAND]), float(sys.argv[1])).run()
