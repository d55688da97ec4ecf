"""Facts of a host whose login shell prints something of its own, as ~/.bashrc makes it."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FactBase

import roles
from roles.nginx.maintenance import Trial
from roles.nginx.static_files import Collected, Delivered, Delivery
from roles.operations.facts import FIRST_LINE, HostFact
from roles.operations.packages import MissingPackages
from roles.operations.sync import PathStates
from roles.preflight.host_certificate import CertificateOnHost
from roles.survey.fact import HostSurvey
from roles.web.configuration import CommandOutput, ConfigCommand
from tests.operations.local import programs, shell

NOISE = ["", "hello\n", "hello\nworld\n", "no line's end"]


def facts(base: type[FactBase[Any]]) -> Iterator[type[FactBase[Any]]]:
    for each in base.__subclasses__():
        yield each
        yield from facts(each)


def test_every_fact_tells_its_own_output_from_that_of_a_login_shell() -> None:
    for module in pkgutil.walk_packages(roles.__path__, "roles."):
        importlib.import_module(module.name)
    ours = {each for each in facts(FactBase) if each.__module__.startswith("roles.")}
    assert len(ours) > 10
    others = {each for each in ours if not issubclass(each, HostFact)}
    assert others == {HostSurvey}  # it has a nonce in each line


def process(
    fact: HostFact[Any], noise: str, stand_ins: str | None = None, **arguments: Any
) -> object:
    """A fact of this machine, as pyinfra would get it from that login shell."""
    done = shell(fact.command(**arguments), stand_ins=stand_ins)
    assert done.returncode == 0, done.stderr
    return fact.process((noise + done.stdout).splitlines())


@pytest.mark.parametrize("noise", NOISE)
def test_what_a_login_shell_prints_first_is_in_no_fact(tmp_path: Path, noise: str) -> None:
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("file")
    paths = tuple(str(tmp_path / name) for name in ("absent", "link"))
    assert process(PathStates(), noise, paths=paths) == ["absent", "link file"]

    stand_ins = programs(tmp_path / "bin", dpkg_query="case $* in *there) echo installed ;; esac")
    missing = process(MissingPackages(), noise, stand_ins, names=("there", "absent"))
    assert missing == ["absent"]
    assert process(MissingPackages(), noise, stand_ins, names=("there",)) == []

    certificate = process(
        CertificateOnHost(), noise, certificate=f"{tmp_path}/file", key=f"{tmp_path}/no-key"
    )
    assert certificate.missing == (f"{tmp_path}/no-key",)  # type: ignore[attr-defined]


@pytest.mark.parametrize("noise", NOISE)
def test_no_fact_takes_it_for_an_answer(noise: str) -> None:
    def printed(fact: HostFact[Any], text: str) -> object:
        """What the fact is where its command prints a text."""
        return fact.process(f"{noise}{FIRST_LINE}\n{text}".splitlines())

    assert printed(Delivered(), "current=1\n1\n2\n") == Delivery(frozenset({"1", "2"}), "1")
    assert printed(Delivered(), "") == Delivery()
    assert printed(Collected(), "") == ""
    assert printed(Trial(), "same\n") == "same"
    answer = json.dumps({"changes": [{}], "serves": False}, indent=1)
    assert printed(ConfigCommand(), answer) == CommandOutput(changes=[{}], serves=False)
