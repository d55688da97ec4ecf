"""The script that calls certbot, with a stand-in: what it leaves, and what it takes up again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from roles.nginx import acme
from roles.operations import shell_file
from tests.operations.local import programs, shell

SERVER = "https://acme.example.org/dir"
CONFIGURATION = "email = a@example.org\neab-hmac-key = secret\n"
ISSUE = 'mkdir -p "$live"; echo new > "$live/fullchain.pem"; echo key > "$live/privkey.pem"; '


class Script:
    """The script in a directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live, self.archive = folder / "live/omero-web", folder / "archive/omero-web"
        self.renewal = folder / "renewal/omero-web.conf"
        self.stamp, self.calls = folder / "acme", folder / "calls"
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.failure = folder / "failure"
        self.renewal.parent.mkdir()

    def issued(self) -> None:
        self.live.mkdir(parents=True)
        self.archive.mkdir(parents=True)
        (self.live / "fullchain.pem").write_text("old\n")
        (self.live / "privkey.pem").write_text("key\n")
        self.renewal.write_text(f"server = {SERVER}\n")

    def __call__(
        self, certbot: str, *, installs: bool = True, size: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        copied = (
            f"cp {self.live}/fullchain.pem {self.certificate}; "
            f"cp {self.live}/privkey.pem {self.key}"
        )
        stand_ins = programs(
            self.folder / "bin",
            certbot=f'live={self.live} calls={self.calls}; echo "$*" >> $calls; '
            f'cat "$3" >> $calls; stat -c "mode %a" "$3" >> $calls; {certbot}',
            installer=copied if installs else "echo NGINX keeps the previous; exit 1",
            systemctl="true",
            **{"update-ca-certificates": f"echo trust >> {self.calls}"},
        )
        script = shell_file.command(
            acme._OBTAIN,
            len(CONFIGURATION) if size is None else size,
            run=self.folder / "run",
            server=SERVER,
            email="a@example.org",
            live=self.live,
            archive=self.archive,
            renewal=self.renewal,
            authority=self.folder / "authority.crt",
            failure=self.failure,
            command=f"{stand_ins}/installer",
            certificate=self.certificate,
            key=self.key,
            stamp=self.stamp,
            text="whole\n",
        )
        return shell(script, stdin=CONFIGURATION, stand_ins=stand_ins)

    @property
    def called(self) -> str:
        return self.calls.read_text()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


RECEIVED = (
    f'{ISSUE} echo "server = {SERVER}" > $live/../../renewal/omero-web.conf; '
    "echo Successfully received certificate."
)
NOT_DUE = "echo Certificate not yet due for renewal"


def test_a_certificate_is_installed_and_the_stamp_is_written_last(script: Script) -> None:
    script.failure.write_text("earlier\n")
    done = script(RECEIVED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert script.stamp.read_text() == "whole\n"
    assert script.certificate.read_text() == "new\n"
    assert not script.failure.exists()
    assert "mode 600" in script.called and "eab-hmac-key = secret" in script.called
    assert "certonly --config" in script.called and "keep-until-expiring" in script.called
    assert list((script.folder / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("certbot", "installs"), [("echo refused; exit 1", True), (RECEIVED, False)]
)
def test_a_refusal_is_printed_and_leaves_no_stamp(
    script: Script, certbot: str, installs: bool
) -> None:
    done = script(certbot, installs=installs)
    assert done.returncode == 1
    assert ("refused" if installs else "NGINX keeps the previous") in done.stdout
    assert script.stamp.read_text() == "pending\n"
    assert list((script.folder / "run").iterdir()) == []


def test_half_a_configuration_reaches_nobody(script: Script) -> None:
    assert script(RECEIVED, size=len(CONFIGURATION) + 1).returncode == 1
    assert not script.calls.exists() and not script.stamp.exists()


def test_what_a_killed_certbot_has_left_is_removed(script: Script) -> None:
    script.issued()
    script.renewal.unlink()
    done = script(f"[ ! -e $live ] || exit 1; {RECEIVED}")
    assert done.returncode == 0, done.stdout


def test_a_renewal_that_was_ended_is_taken_up_again(script: Script) -> None:
    script.issued()
    stop = shell_file.command(
        shell_file.read(acme.__file__, "stop_renewal.sh"),
        renewal=script.renewal,
        live=script.live,
        failure=script.failure,
        authority=script.folder / "authority.crt",
    )
    for _ in range(2):
        assert shell(stop).returncode == 0
        assert not script.renewal.exists()
    done = script(NOT_DUE)
    assert done.returncode == 0, done.stdout
    assert script.certificate.read_text() == "old\n"
    assert script.renewal.read_text() == f"server = {SERVER}\n"


def test_another_authority_issues_at_once(script: Script) -> None:
    script.issued()
    script.renewal.write_text("server = https://staging.example.org/dir\n")
    script(RECEIVED)
    assert "force-renewal" in script.called and "keep-until" not in script.called


def test_another_certbot_is_waited_for(script: Script) -> None:
    said = "echo Another instance of Certbot is already running."
    busy = f"[ $(grep -c certonly $calls) -gt 1 ] || {{ {said}; exit 1; }}"
    assert script(f"{busy}; {RECEIVED}").returncode == 0
