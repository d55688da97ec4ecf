"""Whose code a page request runs in a worker: OMERO.web's, gunicorn's or the bundle's.

py-spy samples the workers of a deployed host while VISITORS request a page again and again. A
sample belongs to the code that is innermost: a call of the standard library or of a database
belongs to its caller. Only the threads that handle requests count, and not a worker's main thread,
which accepts connections.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.users import install
from tests.integration.client import Client
from tests.integration.engine import ensure_engine
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory
from tests.integration.omero_server import ADA, omero_server
from tests.integration.site_checks import master

SECONDS, PER_SECOND, VISITORS = 20, 250, 4
LIMIT = 0.03  # of a page's time may be the bundle's
PAGES = {
    "login page": "/webclient/login/",
    "/webclient/": "/webclient/",
    "thumbnail": "/webgateway/render_thumbnail/4/",
}
# Whose a frame is, by its file. Other files belong to their callers.
OWNERS = {
    "bundle": re.compile(r"site-packages/omeroweb_ops/"),
    "gunicorn": re.compile(r"site-packages/gunicorn/"),
    "OMERO.web": re.compile(
        r"site-packages/(?:django|corsheaders|pipeline|omeroweb|omero|Glacier2|Ice)\b"
    ),
}
# The worker class's method in which a thread handles a request.
_REQUEST = re.compile(r"\bhandle \(\S*omeroweb_ops/gunicorn/thread_worker\.py")
# The worker class's socket makes the system calls that gunicorn's own would make.
_SYSTEM_CALL = re.compile(
    r"^(?:ClientSocket\.)?(?:recv|sendall|sendfile) \(\S*/client_connection\.py:\d+\)$"
)
# A session is loaded by the guard's function instead of Django's.
_SESSION = re.compile(r"^_load \(\S*omeroweb_ops/gunicorn/session_store_guard\.py")


def owner(stack: str) -> str | None:
    """Return whose a sample is; None if the thread handles no request.

    stack: frames from the outermost to the innermost, as py-spy's format `raw` has them.
    """
    frames = stack.split(";")
    if not _REQUEST.search(stack):
        return None
    if _SYSTEM_CALL.match(frames[-1]):
        return "gunicorn"
    for frame in reversed(frames):
        if _SESSION.match(frame):
            return "OMERO.web"
        for name, file in OWNERS.items():
            if file.search(frame):
                return name
    return None


def shares(profile: str) -> dict[str, float]:
    """Return the share of each owner in a profile of py-spy's format `raw`."""
    found: Counter[str] = Counter()
    for line in profile.splitlines():
        stack, _, count = line.rpartition(" ")
        whose = owner(stack)
        if whose:
            found[whose] += int(count)
    whole = found.total() or 1
    return {name: found[name] / whole for name in OWNERS}


def sample(py_spy: Path, host: Host, session: requests.Session, url: str) -> tuple[str, int]:
    """Request a page for SECONDS; returns the workers' profile and the number of requests."""
    pid = _pid_here(host, master(host))
    ended = threading.Event()

    def visit() -> int:
        answers = 0
        while not ended.is_set():
            answer = session.get(url, timeout=60, allow_redirects=False)
            assert answer.status_code == 200, f"{answer.status_code}: {url}"
            answers += 1
        return answers

    for _ in range(20):  # imports and caches
        session.get(url, timeout=60)
    with tempfile.NamedTemporaryFile() as file, ThreadPoolExecutor(VISITORS) as visitors:
        visits = [visitors.submit(visit) for _ in range(VISITORS)]
        try:
            subprocess.run(
                [py_spy, "record", "-s", "-p", str(pid), "-d", str(SECONDS), "-r", str(PER_SECOND),
                 "--full-filenames", "-f", "raw", "-o", file.name],
                check=True, capture_output=True,
            )  # fmt: skip
        finally:
            ended.set()
        return Path(file.name).read_text(), sum(each.result() for each in visits)


def _pid_here(host: Host, pid: int) -> int:
    """The process ID that this machine has for a process of a host."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
            ours = re.search(r"^NSpid:\s+(\d+)\s+(\d+)$", text, re.MULTILINE)
            if ours and int(ours[2]) == pid:
                group = status.with_name("cgroup").read_text()
                if str(host.container.id) in group:
                    return int(ours[1])
        except OSError:
            continue  # it has ended
    raise LookupError(f"{host.name} has no process {pid}")


def measure(py_spy: Path, host: Host) -> None:
    """Print a table of a host in front of an OMERO.server."""
    client = Client(f"http://{host.ip}", ADA)
    visitor = requests.Session()
    visitor.trust_env = False
    print(f"{'':14}" + "".join(f"{name:>12}" for name in OWNERS) + f"{'requests':>12}")
    for what, path in PAGES.items():
        session = visitor if "login" in path else client.session
        profile, answers = sample(py_spy, host, session, f"http://{host.ip}{path}")
        found = shares(profile)
        print(f"{what:14}" + "".join(f"{found[name]:12.1%}" for name in OWNERS) + f"{answers:12}")
        if found["bundle"] > LIMIT:
            print(f"{'':14}the bundle's share is above {LIMIT:.0%}")


def main() -> None:
    """Measure and print."""
    fleet = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        py_spy = install(Path(tempfile.mkdtemp())).with_name("py-spy")
        host = fleet.make_host("plain")
        deploy(docker_inventory(host))
        with omero_server(host) as server:
            config = {"omero.web.server_list": server.server_list}
            deploy(docker_inventory(host, web_config=config))
            measure(py_spy, host)
    finally:
        fleet.remove()


if __name__ == "__main__":
    main()
