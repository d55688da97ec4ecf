"""Start a program of supervisor with its present configuration, or restart it.

`supervisor_program.py CONFIGURATION NAME` ends as soon as the program runs, and fails with the
program's state if it ends at once. This is one process of the host's Python with supervisor's own
client (http://supervisord.org/api.html); each supervisorctl would be another one, and would wait
for `startsecs`, although the service tells by itself when it is ready.
"""

import subprocess
import sys
import time
from typing import Any
from xmlrpc.client import Fault

from supervisor.options import ClientOptions
from supervisor.states import RUNNING_STATES
from supervisor.xmlrpc import Faults

_ALIVE = 0.3  # seconds; a program with a wrong configuration ends sooner
_TIMEOUT = 5.0  # seconds, for a program that supervisor starts again and again
_TURN = 0.05


def main(configuration: str, name: str) -> None:
    """Start or restart the program. Raises SystemExit with its state."""
    supervisor, is_new = _connect(configuration)
    ((added, changed, _removed),) = supervisor.reloadConfig()
    if name in changed:
        supervisor.stopProcessGroup(name)
        supervisor.removeProcessGroup(name)
        supervisor.addProcessGroup(name)
    elif name in added:
        supervisor.addProcessGroup(name)
    elif not is_new and supervisor.getProcessInfo(name)["state"] in RUNNING_STATES:
        supervisor.stopProcess(name)
    try:
        supervisor.startProcess(name, False)
    except Fault as error:
        if error.faultCode != Faults.ALREADY_STARTED:  # supervisor starts a new program itself
            raise SystemExit(f"{name}: {error.faultString}") from None
    _wait_until_it_runs(supervisor, name)


def _connect(configuration: str) -> tuple[Any, bool]:
    """Return supervisor's methods, and whether supervisor has been started for it."""
    options = ClientOptions()
    options.realize(["-c", configuration], doc="")
    supervisor = options.getServerProxy().supervisor
    try:
        supervisor.getState()
    except OSError:
        subprocess.run(["supervisord", "-c", configuration], check=True)
        return options.getServerProxy().supervisor, True
    return supervisor, False


def _wait_until_it_runs(supervisor: Any, name: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    process, begin = 0, 0.0
    while True:
        found, now = supervisor.getProcessInfo(name), time.monotonic()
        state = found["statename"]
        if found["pid"] != process:
            process, begin = found["pid"], now
        if state == "RUNNING" or (state == "STARTING" and now - begin > _ALIVE):
            return
        if state == "FATAL" or now > deadline:
            raise SystemExit(f"{name}: {state} {found['spawnerr']}".rstrip())
        time.sleep(_TURN)


if __name__ == "__main__":
    main(*sys.argv[1:])
