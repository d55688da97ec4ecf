"""`omeroweb-ops doctor --notify` with a doctor of the test's own, real mail and a real webhook."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import omeroweb_ops.notify
import pytest
from omeroweb_ops.notify import store

from tests.message_server import MessageServer

RUN = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
from notify.command import Host, main
state = folder / "state" / "notify.json"
host = Host(folder / "settings.json", state, folder / "planned", [str(folder / "deploy")],
            [str(folder / "doctor"), "doctor", "--json"], pause=0)
sys.exit(main(host, sys.argv[2:]))
"""
MAIL = "admins@example.org"


class Host:
    """A host's files in a folder; Debian's Python runs the copy of the package, as on a host."""

    def __init__(self, folder: Path, server: MessageServer) -> None:
        self.folder, self.server = folder, server
        code = Path(omeroweb_ops.notify.__file__).parent
        shutil.copytree(code, folder / "notify", ignore=shutil.ignore_patterns("__pycache__"))
        self.settings(mail=[MAIL], smtp=self.smtp())
        self.script("deploy", f"cat {folder}/deploys 2> /dev/null || echo free")
        self.answers({})

    def smtp(self, **more: Any) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.server.smtp_port, **more}

    def settings(self, **data: Any) -> None:
        data.setdefault("site", "https://images.example.org/")
        (self.folder / "settings.json").write_text(json.dumps(data))

    def script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def answers(self, problems: dict[str, str], *, message: str = "does not answer") -> None:
        """Let the doctor find these problems, status by name, and checks that are well."""
        checks = [
            {"name": name, "status": status, "message": message, "setting": "nginx_tls"}
            for name, status in {"name": "ok", **problems}.items()
        ]
        report = {"url": "https://images.example.org/", "status": "ok", "checks": checks}
        (self.folder / "report").write_text(json.dumps(report))
        self.script(
            "doctor",
            f'echo "$*" >> {self.folder}/calls; cat {self.folder}/report; '
            f"exit {int('error' in problems.values())}",
        )

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            ["/usr/bin/python3", "-I", "-B", "-c", RUN, self.folder, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def state(self) -> store.State:
        return store.load(self.folder / "state" / "notify.json")

    @property
    def subjects(self) -> list[str]:
        return [
            each["headers"]["Subject"].strip() if each["kind"] == "mail" else each["data"]["status"]
            for each in self.server.received
        ]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    server = MessageServer(tmp_path / "messages")
    yield Host(tmp_path, server)
    server.close()


def test_one_message_when_it_breaks_and_one_when_it_is_well(host: Host) -> None:
    assert "all is well" in host.run()
    host.answers({"service": "error", "login page": "error"})
    for _ in range(3):
        host.run()
    broken = "[OMERO.web] images.example.org: 2 errors: service, login page"
    assert host.subjects == [broken]
    host.answers({})
    for _ in range(3):
        host.run()
    well = "[OMERO.web] images.example.org: well again: login page, service"
    assert host.subjects == [broken, well]
    first, last = host.server.received
    assert first["to"] == [MAIL]
    assert first["headers"]["Auto-Submitted"] == "auto-generated"
    for text in ("ERROR: service: does not answer", "Since 20", "See: nginx_tls", "Host: "):
        assert text in first["text"]
    assert "No problem is left." in last["text"]


def test_a_warning_that_becomes_an_error_is_reported_again(host: Host) -> None:
    host.answers({"certificate": "warning"})
    host.run()
    host.answers({"certificate": "error"})
    host.run()
    host.run()
    assert [each.partition("org: ")[2] for each in host.subjects] == [
        "1 warning: certificate",
        "1 error: certificate",
    ]


def test_only_errors_are_reported_if_the_settings_say_so(host: Host) -> None:
    host.settings(mail=[MAIL], smtp=host.smtp(), warnings=False)
    host.answers({"certificate": "warning"})
    host.run()
    assert host.subjects == []


def test_a_flapping_check_causes_three_messages(host: Host) -> None:
    for _ in range(6):
        host.answers({"service": "error"})
        host.run()
        host.answers({})
        host.run()
    assert len(host.subjects) == 3
    assert "It breaks again and again" in host.server.received[-1]["text"]


def test_a_problem_that_passes_at_once_is_not_reported(host: Host) -> None:
    host.answers({"service": "error"})
    report = host.folder / "report"
    well = json.dumps({"url": "https://images.example.org/", "checks": []})
    host.script("doctor", f"cat {report}; echo '{well}' > {report}; exit 1")
    host.run()
    assert host.subjects == []


def test_a_message_that_was_not_sent_is_tried_again(host: Host) -> None:
    host.settings(
        mail=[MAIL],
        smtp=host.smtp(),
        webhook=f"http://127.0.0.1:{host.server.http_port}/hooks/xyzzy?key=plugh",
    )
    host.answers({"service": "error"})
    host.server.refusal.touch()
    said = host.run(expect=1)
    assert "the webhook answers 503" in said
    assert "451 try again later" in said
    (waiting,) = host.state().waiting
    assert waiting.channels == (MAIL, "webhook")
    host.server.refusal.unlink()
    host.answers({})
    host.run()
    assert len(host.subjects) == 4  # both channels: what was broken first, then that it is well
    assert host.state().waiting == ()
    host.run()
    assert len(host.subjects) == 4
    hooks = [each for each in host.server.received if each["kind"] == "webhook"]
    assert [each["data"]["status"] for each in hooks] == ["broken", "well"]
    assert hooks[0]["path"] == "/hooks/xyzzy?key=plugh"
    assert hooks[0]["data"]["problems"][0]["check"] == "service"
    assert "service: does not answer" in hooks[0]["data"]["text"]
    stored = (host.folder / "state" / "notify.json").read_text()
    assert "xyzzy" not in said + stored
    assert "plugh" not in said + stored


def test_a_refused_recipient_does_not_keep_others_from_their_message(host: Host) -> None:
    host.settings(mail=["unknown@example.org", MAIL], smtp=host.smtp())
    host.answers({"service": "error"})
    assert "550 no such user" in host.run(expect=1)
    host.run(expect=1)
    assert [each["to"] for each in host.server.received] == [[MAIL]]
    host.settings(mail=[MAIL], smtp=host.smtp())
    host.run()
    assert host.state().waiting == ()


def test_a_run_that_is_killed_sends_its_message_with_the_next_run(host: Host) -> None:
    host.answers({"service": "error"})
    host.run()
    host.server.refusal.touch()
    host.answers({})
    host.run(expect=1)
    (host.folder / "state" / "notify.json.new").write_text('{"half":')
    host.server.refusal.unlink()
    host.run()
    assert [each.partition("org: ")[2] for each in host.subjects] == [
        "1 error: service",
        "well again: service",
    ]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"ran": 1}', '{"ran": "x", "history": 1}'])
def test_a_broken_state_is_replaced(host: Host, content: str) -> None:
    (host.folder / "state").mkdir()
    (host.folder / "state" / "notify.json").write_text(content)
    host.answers({"service": "error"})
    host.run()
    host.run()
    assert len(host.subjects) == 1
    assert (host.folder / "state" / "notify.json").stat().st_mode & 0o777 == 0o644


def test_it_is_silent_during_maintenance_and_deploys(host: Host) -> None:
    host.answers({"service": "error"})
    (host.folder / "planned").touch()
    assert "Nothing is reported: planned maintenance is on." in host.run()
    assert host.state().silent == "planned maintenance is on"
    (host.folder / "planned").unlink()
    (host.folder / "deploys").write_text("alive\n")
    assert "Nothing is reported: a deploy is running." in host.run()
    (host.folder / "deploys").unlink()
    host.answers({"maintenance": "warning"})  # of an NGINX on another host
    assert "planned maintenance is on" in host.run()
    assert host.subjects == []
    host.answers({"service": "error"})
    host.run()
    assert len(host.subjects) == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'omeroweb-ops: this release is damaged' >&2; exit 2", "this release is damaged"),
        ("exit 127", "exit status 127"),
        ("echo nonsense", "its answer cannot be read"),
        ('echo \'{"checks": 5, "url": ""}\'', "its answer cannot be read"),
        ("yes '['", "was killed"),
        ("kill -9 $$", "it did not end in time"),
    ],
)
def test_a_doctor_that_cannot_run_is_reported(host: Host, script: str, reason: str) -> None:
    host.script("doctor", script)
    host.run()
    host.run()
    (mail,) = host.server.received
    assert "1 error: doctor" in mail["headers"]["Subject"]
    assert "the checks cannot run on this host: " in mail["text"]
    assert reason in " ".join(mail["text"].split())
    host.answers({})
    host.run()
    assert "well again: doctor" in host.subjects[-1]


def test_hostile_text_is_one_line_and_limited(host: Host) -> None:
    host.answers(
        {"service\nBcc: evil@example.org": "error"},
        message="\x1b[31mred\r\n.\r\nMAIL FROM:<evil@example.org> <!channel> " + "x" * 9000,
    )
    host.settings(
        mail=[MAIL], smtp=host.smtp(), webhook=f"http://127.0.0.1:{host.server.http_port}/"
    )
    host.run()
    mail, hook = host.server.received
    assert mail["to"] == [MAIL]
    assert "Bcc" not in mail["headers"]
    assert "\x1b" not in mail["text"]
    assert len(mail["text"]) < 2000
    assert "<!channel>" not in hook["data"]["text"]


def test_the_trial_message_goes_to_everybody_at_once(host: Host) -> None:
    host.settings(
        mail=[MAIL, "root"],
        smtp=host.smtp(user="ada", password="open sesame", tls="off"),
        webhook=f"http://127.0.0.1:{host.server.http_port}/",
        sender="omero@example.org",
    )
    said = host.run("--notify", "--test")
    assert said.count("Sent to") == 3
    first, *_rest = host.server.received
    assert first["login"] == "ada open sesame"
    assert first["headers"]["From"] == "omero@example.org"
    assert not (host.folder / "calls").exists()
    host.server.refusal.touch()
    assert "Not sent to webhook" in host.run("--test", expect=1)


def test_a_password_is_not_sent_without_tls_to_another_host(host: Host) -> None:
    from omeroweb_ops.notify.channels import Smtp

    assert Smtp("127.0.0.1").is_loopback
    assert not Smtp("mail.example.org").is_loopback
    host.settings(mail=[MAIL], smtp=host.smtp(tls="starttls"))
    assert "has no TLS" in host.run("--test", expect=1)


def test_the_url_of_the_settings_is_what_is_checked(host: Host) -> None:
    host.settings(mail=[MAIL], smtp=host.smtp(), url="https://other.example.org/")
    host.run()
    calls = (host.folder / "calls").read_text()
    assert calls == "doctor --json --url https://other.example.org/\n"


def test_without_readable_settings_it_ends_with_2(host: Host) -> None:
    (host.folder / "settings.json").unlink()
    assert "settings.json" in host.run(expect=2)
