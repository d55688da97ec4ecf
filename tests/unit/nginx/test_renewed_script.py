"""The script that cron and certbot start: NGINX is reloaded for a new certificate, and once."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from omeroweb_ops.shared import renewal

from roles.inventory.tls_files import Pair
from roles.nginx.templating import TEMPLATES
from tests.certificates import issue
from tests.operations.local import programs


class Script:
    """The script with a certificate, a key and an NGINX that is a stand-in."""

    def __init__(self, folder: Path, acme: dict[str, object] | None = None) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.certificate.write_text("certificate\n")
        self.key.write_text("key\n")
        self.pid = folder / "nginx.pid"
        self.pid.write_text(f"{os.getpid()}\n")
        self.refuses = folder / "refuses"
        self.calls = folder / "calls"
        self.calls.touch()
        stand_ins = programs(
            folder / "bin",
            nginx=f'[ ! -e {self.refuses} ] || ! grep -qF "$(cat {self.refuses})" '
            f"{self.certificate} || {{ echo key mismatch; exit 1; }}; "
            f'[ "$1" = -t ] || echo "$*" >> {self.calls}',
        )
        text = TEMPLATES.get_template("renewed.sh.j2").render(
            pair=Pair(str(self.certificate), str(self.key)), acme=acme
        )
        text = text.replace("/var/log/letsencrypt", str(folder))
        for there, here in (
            ("PATH=/usr/sbin", f"PATH={stand_ins}:/usr/sbin"),
            ("/run/omero-web-certificate", str(folder / "loaded")),
            ("/run/nginx.pid", str(self.pid)),
        ):
            assert there in text
            text = text.replace(there, here)
        self._path = folder / "renewed"
        self._path.write_text(text)

    def __call__(self, *arguments: str) -> tuple[int, str]:
        command = ["sh", str(self._path), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    @property
    def reloads(self) -> int:
        return self.calls.read_text().splitlines().count("-s reload")


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_one_reload_for_one_change_of_either_file(script: Script) -> None:
    assert script()[0] == 0
    for name in ("certificate", "key"):
        before = script.reloads
        getattr(script, name).write_text("renewed\n")
        status, said = script()
        assert (status, script.reloads) == (0, before + 1)
        assert "NGINX is reloaded" in said
        assert script() == (0, "")
        assert script.reloads == before + 1


def test_half_a_swap_is_reported_and_loaded_once_it_is_whole(script: Script) -> None:
    script()
    before = script.reloads
    script.certificate.write_text("renewed\n")
    script.refuses.touch()
    status, said = script()
    assert (status, script.reloads) == (1, before)
    assert "key mismatch" in said
    script.refuses.unlink()
    assert script()[0] == 0
    assert script.reloads == before + 1


def test_an_nginx_that_does_not_run_is_not_reloaded(script: Script) -> None:
    for pid in ("", "999999999\n"):
        script.pid.write_text(pid)
        assert script() == (0, "")
    assert script.reloads == 0


NAMES = ("images.example.org", "www.example.org")
PRESENT, NEW = issue(*NAMES), issue(*NAMES)


class Acme(Script):
    """The same script with certbot's files."""

    def __init__(self, folder: Path) -> None:
        self.live, self.failure = folder / "live/omero-web", folder / "failure"
        self.live.mkdir(parents=True)
        acme: dict[str, object] = {
            "live": str(self.live),
            "names": NAMES,
            "failure": str(self.failure),
        }
        super().__init__(folder, acme)
        self.log = folder / "letsencrypt.log"
        self.certificate.write_text(PRESENT.pem)
        self.key.write_text(PRESENT.key_pem)
        self()

    def issue(self, certificate: str, key: str) -> None:
        (self.live / "fullchain.pem").write_text(certificate)
        (self.live / "privkey.pem").write_text(key)

    @property
    def pair(self) -> tuple[str, str]:
        return self.certificate.read_text(), self.key.read_text()


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    return Acme(tmp_path)


def test_a_new_certificate_of_certbot_becomes_nginx_s(acme: Acme) -> None:
    before = acme.reloads
    acme.failure.write_text("2026-11-29T12:00:00+00:00 away\n")
    acme.issue(NEW.chain, NEW.key_pem)
    status, said = acme()
    assert (status, acme.reloads) == (0, before + 1), said
    assert acme.pair == (NEW.chain, NEW.key_pem)
    assert "NGINX has certbot's certificate, which ends on" in said
    assert acme.key.stat().st_mode & 0o777 == 0o600
    assert not acme.failure.exists()
    assert acme() == (0, "")


OLD = issue(*NAMES, begin=timedelta(days=-90), end=timedelta(days=-1))
OTHER = issue(NAMES[0])


@pytest.mark.parametrize(
    ("certificate", "key", "reason"),
    [
        (OLD.pem, OLD.key_pem, "has expired"),
        (OTHER.pem, OTHER.key_pem, "is not for www.example.org"),
        (NEW.pem, OLD.key_pem, "does not match its key"),
        ("hello\n", NEW.key_pem, "is not a certificate"),
    ],
)
def test_a_wrong_certificate_is_refused_once(
    acme: Acme, certificate: str, key: str, reason: str
) -> None:
    before = acme.reloads
    acme.issue(certificate, key)
    status, said = acme()
    assert (status, acme.pair) == (1, (PRESENT.pem, PRESENT.key_pem))
    assert f"because certbot's new one {reason}" in said
    assert reason in acme.failure.read_text()
    assert acme() == (0, "")  # the log has one line of it
    assert acme("again")[0] == 1  # a deploy wants the reason
    assert acme.reloads == before


def test_the_previous_one_comes_back_if_nginx_refuses_the_new(acme: Acme) -> None:
    (line, *_) = {*NEW.pem.splitlines()} - {*PRESENT.pem.splitlines()}
    acme.refuses.write_text(line)
    acme.issue(NEW.chain, NEW.key_pem)
    status, said = acme()
    assert status == 1 and "is refused by NGINX: key mismatch" in said
    assert acme.pair == (PRESENT.pem, PRESENT.key_pem)
    acme.refuses.unlink()
    assert acme("again")[0] == 0
    assert acme.pair == (NEW.chain, NEW.key_pem)


def test_an_nginx_that_refuses_something_else_does_not_stop_it(acme: Acme) -> None:
    """A certificate that has ended is no better, and the site may be repaired later."""
    acme.refuses.touch()
    acme.issue(NEW.chain, NEW.key_pem)
    assert acme()[0] == 1
    assert acme.pair == (NEW.chain, NEW.key_pem)


def test_a_failed_renewal_of_this_certificate_is_kept_for_the_status(acme: Acme) -> None:
    now = datetime.now().replace(microsecond=0) + timedelta(minutes=5)
    line = "{:%Y-%m-%d %H:%M:%S},134:ERROR:certbot._internal.renewal:Failed to renew certificate "
    text = line + "{} with error: Requesting acme.example.org/dir: Connection refused\n"
    acme.log.write_text(text.format(now, "another"))
    assert acme() == (0, "") and not acme.failure.exists()
    acme.log.write_text(text.format(now - timedelta(days=9), "omero-web"))
    os.utime(acme.log, (now.timestamp() + 1,) * 2)
    assert acme() == (0, "") and not acme.failure.exists()  # before the present certificate
    acme.log.write_text(text.format(now, "omero-web"))
    os.utime(acme.log, (now.timestamp() + 2,) * 2)
    assert acme() == (0, "")
    found = renewal.failure(acme.failure)
    assert found is not None
    assert found.time.timestamp() == now.timestamp()
    assert found.reason == "Requesting acme.example.org/dir: Connection refused"
