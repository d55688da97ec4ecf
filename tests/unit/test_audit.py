"""`./run audit`: what is asked and what is reported, with an OSV service on loopback."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles import audit
from tests.unit.helpers import listening

# As OSV answers (https://ossf.github.io/osv-schema/), shortened.
VULNERABLE = {
    "id": "GHSA-0000-0000-0000",
    "aliases": ["CVE-2026-0001"],
    "summary": "A test",
    "details": "",
    "modified": "2026-11-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "django", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.2.99"}]}],
            "versions": ["5.2.19"],
        }
    ],
}


class Service(BaseHTTPRequestHandler):
    """Answers as OSV's /v1/query does."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package, version = asked["package"]["name"], asked["version"]
        found = [VULNERABLE] if (package, version) == ("django", "5.2.19") else []
        body = json.dumps({"vulns": found}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_arguments: object) -> None:
        pass


def test_a_vulnerability_is_reported_with_its_fix_and_its_places(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with listening(Service) as port:
        status = audit.run(None, "osv", f"http://127.0.0.1:{port}/v1/query")
    printed = capsys.readouterr().out
    assert status == audit.VULNERABLE
    assert "django 5.2.19: CVE-2026-0001, GHSA-0000-0000-0000; fixed in 5.2.99; in app/" in printed
    assert "app/requirements.txt: 37 packages, locked 20" in printed


def test_json_has_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(Service) as port:
        url = f"http://127.0.0.1:{port}/v1/query"
        assert audit.run(None, "osv", url, as_json=True) == audit.VULNERABLE
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["unknown"], found["debian_updates"]) == (1, [], {})
    (only,) = found["vulnerabilities"]
    assert only["names"] == ["CVE-2026-0001", "GHSA-0000-0000-0000"]
    assert (only["package"], only["version"], only["fixed_in"]) == ("django", "5.2.19", ["5.2.99"])
    assert "app/requirements.txt" in only["places"]


def test_hosts_that_cannot_be_audited_have_a_status_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.py").write_text('web = ["@docker/no-such-container"]\n')
    with pytest.raises(SystemExit) as ended:
        audit.run(str(tmp_path / "site.py"), "osv", "http://127.0.0.1:9/")
    assert ended.value.code == audit.NO_HOSTS
    assert "could not be audited" in capsys.readouterr().err


def test_a_service_that_cannot_be_reached_is_no_all_clear(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit.run(None, "osv", "http://127.0.0.1:9/v1/query") == audit.UNREACHABLE
    told = capsys.readouterr()
    assert "No known vulnerability" not in told.out
    assert "nothing is known about vulnerabilities" in told.err


def test_a_service_that_knows_no_package_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = audit.Dependency(name="django", version="5.2.19", skip_reason="not found")
    monkeypatch.setattr(audit, "_pip_audit", lambda *_: audit.Answer(dependencies=[skipped]))
    with pytest.raises(audit.Unreachable, match="knows none"):
        audit.vulnerabilities([("django", "5.2.19")], "pypi")


names = st.sampled_from(["django", "numpy", "pillow"])
versions = st.sampled_from(["1", "2", "3"])


@given(st.lists(st.tuples(names, versions)))
def test_each_version_is_asked_once_and_each_name_once_in_a_file(packages: list[Any]) -> None:
    parts = [*audit._parts(packages)]
    assert sorted(each for part in parts for each in part) == sorted(set(packages))
    for part in parts:
        assert len({name for name, _ in part}) == len(part)


def test_a_host_tells_packages_lock_and_updates() -> None:
    told = audit.Installed().process(
        [
            "package=django-5.2.19.dist-info",
            "package=Django_Redis-7.0.0.dist-info",
            "package=*.dist-info",
            "# Locked: 2026-11-28. More",
            "Inst nginx [1-9] (1-11 Debian-Security:12/oldstable-security [all])",
        ]
    )
    assert told == {
        "packages": [["django", "5.2.19"], ["django-redis", "7.0.0"]],
        "locked": "2026-11-28",
        "updates": ["nginx"],
    }
