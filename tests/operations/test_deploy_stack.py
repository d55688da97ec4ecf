"""containers/deploy-stack with a stand-in for `docker` that prints what it is given."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.images import ROOT

COMMAND = ROOT / "containers/deploy-stack"
STACK = ROOT / "containers/stack.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\necho "arguments=$*"\nenv\n')
    docker.chmod(0o755)
    return tmp_path


def run(
    folder: Path, *arguments: str, status: int = 0, **variables: str
) -> tuple[dict[str, str], str]:
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env={"PATH": f"{folder}/bin:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    return {name: value for name, _, value in lines}, done.stderr


def test_it_deploys_with_the_settings_of_a_file(folder: Path) -> None:
    (folder / "site.env").write_text(
        "# a comment=1\n\nOMEROHOST=omero.example.org\nPLUGINS=a b\nENV_FILE=.env\n"
        'CONFIG_omero_web_ui_top__links=[["F", "https://f.example.org/?a=b", {}]]\n'
        "NGINX_TLS=\nWEB_REPLICAS=3\n1=2\nno line\nNGINX_HTTP_PORT=8080"  # no newline
    )
    told, _ = run(folder, "lab", ENV_FILE="site.env", WEB_REPLICAS="5")
    assert told["arguments"] == f"stack deploy --compose-file {STACK} lab"
    assert told["OMEROHOST"] == "omero.example.org"
    assert told["PLUGINS"] == "a b"
    assert told["CONFIG_omero_web_ui_top__links"] == '[["F", "https://f.example.org/?a=b", {}]]'
    assert told["NGINX_TLS"] == ""
    assert told["NGINX_HTTP_PORT"] == "8080"
    assert told["WEB_REPLICAS"] == "5"  # the shell's
    assert told["ENV_FILE"] == str(folder / "site.env")


def test_another_content_of_the_site_s_file_is_another_config(folder: Path) -> None:
    (folder / "site.env").touch()
    site = folder / "site.omero"
    for content in (b"config set -- omero.web.page_size 1\n", b""):
        site.write_bytes(content)
        told, _ = run(folder, ENV_FILE="site.env", SITE_FILE="site.omero")
        assert told["SITE_FILE"] == str(site)
        assert told["SITE_DIGEST"] == hashlib.sha256(content).hexdigest()[:12]
        assert told["arguments"].endswith(" omero")


def test_without_settings_nothing_is_deployed(folder: Path) -> None:
    told, error = run(folder, ENV_FILE="none.env", status=1)
    assert (told, "none.env cannot be read; copy .env.example to .env" in error) == ({}, True)
    for arguments in (["--prune"], ["a", "b"], [""]):
        told, error = run(folder, *arguments, status=2)
        assert not told
        assert error.startswith("usage: containers/deploy-stack")


def test_the_stack_has_the_variables_of_compose() -> None:
    """NGINX and Redis have the same names in both; NGINX_UPSTREAM is Swarm's."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    stack = yaml.safe_load(STACK.read_text())["services"]
    for name in ("nginx", "redis"):
        names = compose[name]["environment"].keys() - {"NGINX_RESOLVER"}
        assert names == stack[name]["environment"].keys() - {"NGINX_UPSTREAM"}
    for name, service in stack.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["image"].removeprefix("${REGISTRY:-}") == compose[name]["image"], name
