"""Reloads of a real gunicorn: whom visitors reach afterwards, and which login page is ready."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from omeroweb_ops.property_names import WSGI_ARGS
from omeroweb_ops.state.config_xml import write

from tests.operations.gunicorn_service import Service, eventually, running
from tests.unit.helpers import installation


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(installation(tmp_path)) as service:
        yield service


class Visitors:
    """Requests without a pause, each on a connection of its own."""

    def __init__(self, service: Service) -> None:
        self.service, self.failures, self.pages = service, list[str](), list[str]()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(3)]

    def __enter__(self) -> Visitors:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for each in self._threads:
            each.join()

    def _visit(self) -> None:
        while not self._done.wait(0.005):
            try:
                status, page = self.service.get()
            except OSError as error:
                self.failures.append(repr(error))
                continue
            self.pages.append(page)
            if status != 200:
                self.failures.append(str(status))


@pytest.mark.parametrize("same", [False, True])
def test_no_worker_of_before_answers_once_a_reload_is_ready(service: Service, same: bool) -> None:
    """A job that deploys and then tests must not see the old site, nor a visitor an error.

    same: the properties are the same, so that only the masters differ.
    """
    service.apply()
    assert service.start() is None
    with Visitors(service) as visitors:
        for number in range(2):
            before = {*service.accepting()}
            service.page = f"page {number}"
            service.apply(page_size=100 if same else 100 + number)
            assert service.reload(stopped=3) is None
            assert not before & {*service.accepting()}
            after = [service.get()[1] for _ in range(40)]
            assert {*after} == {f"page {number}"}
    assert visitors.failures == []


def test_a_worker_with_an_open_request_does_not_delay_a_reload(service: Service) -> None:
    service.apply()
    assert service.start() is None
    answers = []
    slow = threading.Thread(target=lambda: answers.append(service.get("/slow/?seconds=8")))
    slow.start()
    service.page = "second"
    service.apply(page_size=7)
    assert service.reload() is None
    assert slow.is_alive()  # it is answered by the predecessor, which accepts nothing
    assert {service.get()[1] for _ in range(20)} == {"second"}
    slow.join()
    assert answers == [(200, "first")]


@pytest.mark.parametrize("name", ["localhost", socket.gethostname()])
def test_a_name_as_address_is_kept_by_a_reload(service: Service, name: str) -> None:
    """gunicorn would bind the name again, although the predecessor has its address."""
    service.apply(application_server__host=name)
    assert service.start() is None
    with Visitors(service) as visitors:
        visitors.service = service
        service.page = "second"
        service.apply(application_server__host=name, page_size=7)
        assert service.reload() is None
        assert service.get(host=name)[1] == "second"
    assert "in use" not in service.log
    if name == "localhost":
        assert visitors.failures == []


@pytest.mark.parametrize(
    ("before", "after", "is_closed"),
    [
        ("127.0.0.1", "0.0.0.0", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "::", False),
        ("::", "127.0.0.1", True),
    ],
)
def test_another_address_with_the_same_port_is_bound_beside_the_predecessor_s(
    service: Service, before: str, after: str, is_closed: bool
) -> None:
    """is_closed: whether another address of this machine is closed afterwards."""
    service.apply(application_server__host=before)
    assert service.start() is None
    for number, size in enumerate((7, 8)):
        service.page = f"page {number}"
        service.apply(application_server__host=after, page_size=size)
        assert service.reload() is None
        assert {service.get()[1] for _ in range(20)} == {f"page {number}"}

    def reaches() -> bool:
        try:
            return service.get(host="127.0.0.2")[0] == 200
        except ConnectionRefusedError:
            return False

    eventually(lambda: reaches() != is_closed)


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_an_ipv6_address_serves_and_is_kept_by_a_reload(service: Service, host: str) -> None:
    service.apply(application_server__host=host)
    assert service.start() is None
    service.page = "second"
    service.apply(application_server__host=host, page_size=7)
    assert service.reload() is None
    assert service.get(host="::1") == (200, "second")
    if host == "::":  # an address of IPv4 is a part of it
        assert service.get(host="127.0.0.1") == (200, "second")
    assert "in use" not in service.log


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_another_worker_class_retires_too(service: Service, worker_class: str) -> None:
    service.apply(wsgi_worker_class=worker_class)
    assert service.start() is None
    service.page = "second"
    service.apply(wsgi_worker_class=worker_class, page_size=7)
    assert service.reload() is None
    assert {service.get()[1] for _ in range(40)} == {"second"}


def test_a_reload_by_hup_leaves_no_worker_of_before(tmp_path: Path) -> None:
    """As under supervisor."""
    with running(installation(tmp_path), preload=False) as service:
        service.apply()
        assert service.start() is None
        with Visitors(service) as visitors:
            service.page = "second"
            service.apply(page_size=7)
            os.kill(service.master(), signal.SIGHUP)
            assert service.ready() is None
            assert {service.get()[1] for _ in range(40)} == {"second"}
        assert visitors.failures == []


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        ("sso", None),  # a redirect to another host
        ("closed", None),  # the proxy in front has not authenticated this request
        ("broken", "/broken/ answers 500"),
        ("weblogin", None),
    ],
)
def test_the_page_that_must_answer_is_the_site_s_login_view(
    service: Service, view: str, problem: str | None
) -> None:
    service.environment = {"TEST_LOGIN_VIEW": view}
    service.apply()
    service.start(ready=False)
    found = service.ready(limit=60 if problem is None else 6)
    assert (found is None) == (problem is None), service.log
    assert (problem or "") in (found or "")


def test_the_site_s_gunicorn_file_has_hooks_that_run_at_each_reload(
    service: Service, tmp_path: Path
) -> None:
    """As with `omero web start`: omero.web.wsgi_args names the file."""
    file, seen = tmp_path / "site.py", tmp_path / "seen"
    file.write_text(
        "import os\n"
        f"def note(what): open({str(seen)!r}, 'a').write(f'{{what}} {{os.getpid()}}\\n')\n"
        "def when_ready(server): note('ready')\n"
        "def post_fork(server, worker): note('fork')\n"
        "def post_worker_init(worker): note('init')\n"
        "def child_exit(server, worker): note('exit')\n"
    )
    arguments = f"--config file:{file} -e SITE=images --threads 2 --limit-request-line 300"
    service.apply(wsgi_args=arguments)
    assert service.start() is None
    assert service.get("/env/?name=SITE") == (200, "images")
    assert service.get("/" + "x" * 400)[0] == 414
    service.page = "second"
    service.apply(wsgi_args=arguments, page_size=7)
    assert service.reload() is None
    eventually(lambda: seen.read_text().count("exit") >= 2)
    for what, times in {"ready": 2, "fork": 4, "init": 4}.items():
        assert seen.read_text().count(what) == times


def test_refused_options_leave_the_running_gunicorn_as_it_is(service: Service) -> None:
    service.apply()
    assert service.start() is None
    eventually(lambda: len(service.accepting()) == 2)
    before = {*service.accepting()}
    write(service.engine.locations.config_xml, {**service.engine.current, WSGI_ARGS: "--daemon"})
    assert service.reload() is not None
    assert {*service.accepting()} == before
    assert service.get() == (200, "first")
    assert f"{WSGI_ARGS}: --daemon" in service.log
