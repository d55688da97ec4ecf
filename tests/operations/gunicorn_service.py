"""A real gunicorn with the bundle's configuration and a small Django, on this machine."""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import omeroweb_ops
from omeroweb_ops import wait_ready
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

from roles.web import process_manager, service
from tests.unit.helpers import again

STOP_SECONDS = 15  # more than gunicorn's graceful_timeout
_LIMIT = 60.0  # seconds, on a machine with other things to do
_UNIT = Path(service.__file__).parent / "templates/omero-web.service.j2"
_PACKAGE = Path(omeroweb_ops.__file__).parents[1]
_SETTINGS = """
import os
ALLOWED_HOSTS = ["*"]
DEBUG = False
SECRET_KEY = "of a test"
ROOT_URLCONF = "omeroweb.urls"
LOGIN_VIEW = os.environ.get("TEST_LOGIN_VIEW", "weblogin")
FORCE_SCRIPT_NAME = os.environ.get("SCRIPT_NAME") or None
SESSION_ENGINE = "django.contrib.sessions.backends.file"
"""
# What a page says is what its master has loaded: `page` is read when the module is imported.
_URLS = """
import os, time
from pathlib import Path
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
PAGE = Path(os.environ["OMERODIR"], "page").read_text()
def login(request):
    return HttpResponse(PAGE)
def abroad(request):
    return HttpResponseRedirect("https://id.example.org/login")
def slow(request):
    if "begun" in request.GET:
        Path(request.GET["begun"]).touch()
    time.sleep(float(request.GET["seconds"]))
    return HttpResponse(PAGE)
def broken(request):
    raise RuntimeError("the login view fails")
def closed(request):
    return HttpResponse(status=403)
urlpatterns = [
    path("webclient/login/", login, name="weblogin"),
    path("sso/", abroad, name="sso"), path("broken/", broken, name="broken"),
    path("closed/", closed, name="closed"), path("slow/", slow),
    path("env/", lambda request: HttpResponse(os.environ.get(request.GET["name"], ""))),
]
"""
_WSGI = """
import os, time
time.sleep(0.7)  # OMERO.web itself takes longer
os.environ["DJANGO_SETTINGS_MODULE"] = "omeroweb.settings"
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
_CONFIGURATION = """
from pathlib import Path
from omeroweb_ops.gunicorn import handover, settings
handover.CURRENT = Path({current!r})  # on a host, the link to the active release
globals().update(settings(preload={preload}, graceful_timeout=10))
"""


class Service:
    """gunicorn, its configuration, and a visitor."""

    def __init__(self, engine: Engine, *, preload: bool = True) -> None:
        self.engine = engine
        self.folder = engine.locations.omerodir
        self.port = _free_port()
        current = self.folder / "current"
        (current / "bin").mkdir(parents=True)
        (current / "bin/gunicorn").symlink_to(Path(sys.executable).with_name("gunicorn"))
        for name in ("log", "metrics", "workers"):
            (self.folder / "var" / name).mkdir(parents=True, exist_ok=True)
        package = self.folder / "apps/omeroweb"
        package.mkdir(parents=True)
        files = {"settings": _SETTINGS, "urls": _URLS, "wsgi": _WSGI, "__init__": ""}
        for name, text in files.items():
            (package / f"{name}.py").write_text(text)
        self.configuration = self.folder / "gunicorn.conf.py"
        self.configuration.write_text(_CONFIGURATION.format(current=str(current), preload=preload))
        self.page = "first"
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def page(self) -> str:
        return (self.folder / "page").read_text()

    @page.setter
    def page(self, text: str) -> None:
        (self.folder / "page").write_text(text)

    def apply(self, **properties: Any) -> None:
        """Write config.xml. properties: without `omero.web.`, with `__` for a dot."""
        named = {
            f"omero.web.{name.replace('__', '.')}": value for name, value in properties.items()
        }
        named = {
            "omero.web.application_server.port": self.port,
            "omero.web.wsgi_workers": 2,
        } | named
        self.engine.apply(Desired(named))

    def start(self, *, ready: bool = True, managed: socket.socket | None = None) -> str | None:
        """Start gunicorn, or the process manager with a listening socket, as supervisor does."""
        log = open(self.folder / "var/log/gunicorn", "ab")  # noqa: SIM115 # the process's
        environment = {
            **os.environ,
            "OMERODIR": str(self.folder),
            "OMEROWEB_OPS_DESIRED": str(self.engine.locations.desired_state),
            "PYTHONPATH": f"{self.folder / 'apps'}:{_PACKAGE}",
            "ICE_CONFIG": "/dev/null",  # no Ice here
            **self.environment,
        }
        command = [
            *(sys.executable, str(Path(sys.executable).with_name("gunicorn"))),
            *("--config", str(self.configuration), "omeroweb.wsgi:application"),
        ]
        if managed:
            environment[process_manager.COMMAND] = shlex.join(command)
            command = [sys.executable, "-I", process_manager.__file__, str(STOP_SECONDS)]
        self.process = subprocess.Popen(
            command,
            stdin=managed.fileno() if managed else None,
            cwd=self.folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        return self.ready() if ready else None

    def ready(self, limit: float = _LIMIT) -> str | None:
        """Wait as `omeroweb-ops ready --current` does."""
        return wait_ready.wait(again(self.engine), limit, current=True)

    def reload(self, *, stopped: float = 0) -> str | None:
        """Reload as `systemctl reload` and a deploy do.

        stopped: seconds for which the predecessor then does nothing, as on a busy machine.
        """
        lines = _UNIT.read_text().replace("\\\n", "").splitlines()
        (command,) = (each for each in lines if each.startswith("ExecReload="))
        _, script = shlex.split(command.removeprefix("ExecReload="))[1:]
        predecessor = self.master()
        environment = {"MAINPID": str(predecessor), "PATH": os.environ["PATH"]}
        subprocess.run(["sh", "-c", script], check=True, env=environment)
        if stopped:
            os.kill(predecessor, signal.SIGSTOP)
            threading.Timer(stopped, _continue, [predecessor]).start()
        return self.ready()

    def master(self) -> int:
        """The process ID of the master that leads."""
        parents = {wait_ready._parent(pid) for pid in self.accepting()} - {None}
        return max(each for each in parents if each is not None)

    def accepting(self) -> dict[int, str | None]:
        return wait_ready.accepting(self.engine.locations.workers)

    def get(self, path: str = "/webclient/login/", host: str = "127.0.0.1") -> tuple[int, str]:
        connection = http.client.HTTPConnection(host, self.port, timeout=_LIMIT)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @property
    def log(self) -> str:
        return (self.folder / "var/log/gunicorn").read_text()

    def end(self) -> None:
        """End every process of the session, also successors."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _continue(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # the test has ended it
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def running(engine: Engine, *, preload: bool = True) -> Iterator[Service]:
    service = Service(engine, preload=preload)
    try:
        yield service
    finally:
        service.end()


def eventually(condition: Any, limit: float = _LIMIT) -> Any:
    """Wait until a condition holds, and return it."""
    end = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
