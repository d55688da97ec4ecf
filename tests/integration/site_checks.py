"""What a visitor and an administrator see of a deployed site, asked independently of the roles."""

from __future__ import annotations

import json
import re

from tests.integration.hosts import Host

BASE = "/opt/omero/web"
OMERODIR = f"{BASE}/OMERO.web"
SERVICES = {
    "redis": r"^/usr/bin/redis-server",
    "nginx": r"^nginx: master",
    "omero-web": r"gunicorn",
    "cron": r"/cron -f",
}


def assert_serves(host: Host, prefix: str = "", scheme: str = "http") -> None:
    """The real login page and every static file that it names."""
    page = host.http(f"{prefix}/webclient/login/", scheme=scheme)
    assert page.status_code == 200, (page.status_code, page.headers, page.text[-500:])
    assert re.search(r"<title>\s*OMERO\.web - Login\s*</title>", page.text)
    names = set(re.findall(r'(?:href|src)="([^"]+\.(?:css|js|png|ico)[^"]*)"', page.text))
    assert len(names) > 3, page.text
    for name in names:
        answer = host.http(name, scheme=scheme, allow_redirects=True)
        assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.text[:500]}"
        assert answer.content


def assert_well(host: Host, *options: str) -> None:
    """The doctor's only worry is the OMERO.server, which is not there."""
    done = host.run(["omeroweb-ops", "doctor", "--json", *options], check=False)
    assert done.stdout, done.stderr
    checks = json.loads(done.stdout)["checks"]
    worries = [each for each in checks if each["status"] in ("warning", "error")]
    assert [each["name"] for each in worries] == ["OMERO.server"], worries
    assert done.exit_code == 0


def assert_maintenance(host: Host, path: str = "/webclient/", **request: object) -> None:
    """503 with Retry-After and the bundle's own page."""
    answer = host.http(path, **request)  # type: ignore[arg-type]
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<title>OMERO.web - Maintenance</title>" in answer.text
    assert "/static" not in answer.text


def pids(host: Host) -> dict[str, list[int]]:
    """Every process of each service: a restarted one has other numbers."""
    return {
        name: sorted(process.pid for process in host.processes(pattern))
        for name, pattern in SERVICES.items()
    }


def master(host: Host) -> int:
    """The gunicorn master's process, as `omero web status` tells it."""
    found = re.search(r"PID (\d+)", host.run("omero web status").stdout)
    assert found
    return int(found[1])


def django(host: Host, code: str) -> str:
    """Run code in the service's own environment: its user, OMERODIR and settings."""
    script = f"import django; django.setup()\n{code}"
    done = host.run(
        ["env", f"OMERODIR={OMERODIR}", "DJANGO_SETTINGS_MODULE=omeroweb.settings",
         f"{BASE}/venv3/bin/python", "-c", script],
        user="omero-web",
    )  # fmt: skip
    return done.stdout.strip()
