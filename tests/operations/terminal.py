"""A process on root's terminal that tries to type there.

Standard library only: hosts run it too. `python terminal.py COMMAND` runs a command in a shell that
owns a pseudo-terminal, and prints the report of the INTRUDER in it and what the shell reads then.
"""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import time

TYPED = "TYPED-BY-ANOTHER"
# ioctl(TIOCSTI) puts a character into a terminal's input, tty_ioctl(4).
INTRUDER = f"""
import fcntl, json, os, sys, termios
try:
    terminal = os.open("/dev/tty", os.O_RDWR)
    for character in "{TYPED}\\n":
        fcntl.ioctl(terminal, termios.TIOCSTI, character)
except OSError:
    pass
for number in (0, 1, 2):
    try:
        fcntl.ioctl(number, termios.TIOCSTI, "x")
    except OSError:
        pass
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("REPORT" + json.dumps({{
    "uid": os.getuid(), "session": os.getsid(0), "environment": sorted(os.environ),
    "no_new_privileges": status["NoNewPrivs"].strip(), "bounding": status["CapBnd"].strip(),
}}))
"""


def run(command: str, limit: float = 30.0) -> tuple[dict[str, object], str]:
    """The intruder's report, and what a shell on the terminal reads once the command has ended.

    command: shell, run by an interactive bash. limit: seconds.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TOKEN"] = "of-root"
        script = f'{command}; read -r -t 1 -p READ line; echo "<$line>"'
        os.execvp("bash", ["bash", "--norc", "-ic", script])
    output = b""
    end = time.monotonic() + limit
    try:
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                output += (found := os.read(terminal, 4096))
                if not found:
                    break
    except OSError:  # Linux: the other end was closed
        pass
    os.close(terminal)
    os.waitpid(process, 0)
    text = output.decode(errors="replace").replace("\r", "").replace("\n", "")
    rest = text.rpartition("REPORT")[2]
    report, end_of_report = json.JSONDecoder().raw_decode(rest)
    return report, rest[end_of_report:].rpartition("READ")[2]


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
