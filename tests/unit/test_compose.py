"""compose.yaml: which variables reach which container, and what a container may do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from omeroweb_ops.container import environment

from roles.nginx import container as nginx
from roles.redis import container as redis

ROOT = Path(__file__).parents[2]
SITE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = SITE["services"]
SECRET = {redis.PASSWORD}  # is a file: `docker inspect` shows variables
EXAMPLE = (ROOT / ".env.example").read_text()


def variables(service: str) -> set[str]:
    return set(SERVICES[service]["environment"])


def test_each_container_is_given_all_variables_that_it_reads() -> None:
    assert variables("redis") == {*redis.VARIABLES} - SECRET - {redis.USER}
    assert variables("web") - {"TMPDIR"} == {*environment.NAMES} - SECRET - {"OMEROWEB_PLUGINS"}
    properties = set(map(environment.encode, nginx.PROPERTIES))
    own = {*nginx.VARIABLES} - {nginx.UPSTREAM}
    assert variables("nginx") == own | properties | {nginx.CORS_LOGIN.upper()}


@pytest.mark.parametrize("service", SERVICES)
def test_no_container_may_do_more_than_it_needs(service: str) -> None:
    given = SERVICES[service]
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid"} & given.keys()
    assert not any("docker.sock" in volume for volume in given["volumes"])


def test_only_web_reaches_redis() -> None:
    assert SITE["networks"]["sessions"] == {"internal": True}
    members = {name for name, each in SERVICES.items() if "sessions" in each["networks"]}
    assert members == {"redis", "web"}
    assert SERVICES["redis"]["networks"] == ["sessions"]
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["nginx"]


def test_nginx_waits_for_nothing() -> None:
    """So that visitors see the maintenance page while OMERO.web starts."""
    assert "depends_on" not in SERVICES["nginx"]


def test_the_example_names_only_settings_that_are_used() -> None:
    known = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    known |= {"COMPOSE_PROFILES"}.union(*map(variables, ("web", "nginx", "redis")))
    named = re.findall(r"^#?([A-Za-z_]+)=", EXAMPLE, re.MULTILINE)
    assert named
    assert {name for name in named if not name.startswith("CONFIG_omero_web_")} <= known
    assert "\nENV_FILE=.env\n" in EXAMPLE  # then properties in the file reach OMERO.web
