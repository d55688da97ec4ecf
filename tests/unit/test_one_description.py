"""What an inventory gives on hosts, beside what the same settings give in containers.

Each difference is one of `EXPLAINED`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.container import environment as properties
from omeroweb_ops.container import serve, site_files
from omeroweb_ops.state.derived import WHITENOISE

from roles.host_paths import NGINX_SITE, PAGES
from roles.inventory import checks, environment
from roles.inventory.site import Site, load
from roles.nginx import container, maintenance_page, public_site, request_policy, site_config
from roles.operations.files import File
from roles.redis import configuration
from roles.redis import container as redis_container
from roles.survey import Survey
from roles.target import Target
from tests.unit.helpers import KEY, PASSWORD, a_host, installation

SYSTEM = Survey(id="debian", version="12", memory=4_000_000)
HOSTS = {"redis": "redis.example", "web": "web.example", "nginx": "nginx.example"}
MEMORY = SYSTEM.memory

# What differs between the sites of NGINX, what stands for it in a comparison, and why.
NGINX_DIFFERENCES = [
    (
        r"upstream omero_web \{(.|\n)*?\n\}\n"
        r"|# The containers of OMERO\.web are asked (.|\n)*? 2s;\n"
        r"|    set \$omero_web_containers web:4080;\n",
        "",
        "a host knows the address of its OMERO.web; containers come and go, and are found by name",
    ),
    (r"http://(omero_web|\$omero_web_containers)", "http://backend", "as above"),
    (r"        # Another host is asked (.|\n)*?timeout 10s;\n", "", "there may be more containers"),
    (
        r"listen (\[::\]:)?\d+",
        r"listen \1",
        "a user other than root opens ports above 1024, which the engine publishes",
    ),
    (r"access_log \S+", "access_log", "a container's log is its output"),
    (
        r"=404;|@omero_web_static;|    # another version's during (.|\n)*?\n    \}\n\n",
        "",
        "a container has no files of the version before; OMERO.web has them",
    ),
    (r"\|(nginx\\\.example|localhost)\)", ")", "health checks ask a host by its address, too"),
]
# Properties that differ.
WEB_DIFFERENCES = {
    "omero.web.static_root": "an installation of the test",
    "omero.web.django_additional_settings": "the directory of file sessions, as above",
    "omero.web.application_server.host": "NGINX is another container",
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"nginx_server_name": "omero.example.org"},
    {
        "nginx_server_name": "omero.example.org *.facility.example.org",
        "nginx_tls": "self-signed",
        "nginx_https_port": 4443,
        "nginx_hsts": False,
        "nginx_maintenance_allow": ["10.1.0.0/16"],
    },
    {
        "nginx_behind_proxy": {"addresses": ["10.0.0.5"], "tls": True},
        "nginx_server_name": "omero.example.org",
        "nginx_max_body_size": "0",
        "nginx_max_connections": 0,
        "nginx_metrics_allow": ["10.0.0.7"],
        "redis_maxmemory": "512mb",
    },
    {
        "nginx_public_cache": {"time": "5m"},
        "nginx_tls": "self-signed",
        "nginx_robots": True,
        "web_cors_origins": ["https://viewer.example.org"],
        "web_cors_login": True,
        "web_config": {
            "omero.web.prefix": "/omero",
            "omero.web.public.enabled": True,
            "omero.web.public.user": "public",
            "omero.web.public.password": "public password",
            "omero.web.public.server_id": 1,
            "omero.web.session_cookie_name": "omero_session",
            "omero.web.wsgi_timeout": 100,
            "omero.web.server_list": [["omero.example.org", 4064, "omero"]],
        },
    },
    {"nginx_maintenance_page": {"contact": "help@example.org"}, "web_sessions": "redis"},
]


def hosts(settings: Mapping[str, Any]) -> Site:
    """The site of an inventory with three hosts."""
    secrets = {"redis_password": PASSWORD, "omero.web.secret_key": KEY}
    found, findings = load(
        [
            a_host(
                name,
                group,
                reached_as=name,
                **{key: value for key, value in settings.items() if key.startswith(f"{group}_")},
                **({"redis_bind": "10.0.0.9"} if group == "redis" else {}),
            )
            for group, name in HOSTS.items()
        ]
    )
    site = Site(found.members, secrets)
    assert [str(each) for each in [*findings, *checks.errors(site)]] == []
    return site


def variables(settings: Mapping[str, Any]) -> dict[str, str]:
    """The variables of containers that say the same."""
    plain = {name: value for name, value in settings.items() if name != "web_config"}
    return {
        **{
            name.upper(): value if isinstance(value, str) else json.dumps(value)
            for name, value in plain.items()
        },
        **{
            properties.encode(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in settings.get("web_config", {}).items()
        },
    }


def without_differences(text: str) -> str:
    for pattern, stand_in, _why in NGINX_DIFFERENCES:
        text = re.sub(pattern, stand_in, text)
    return text


def nginx_of_hosts(settings: Mapping[str, Any]) -> dict[str, str]:
    site = hosts(settings)
    target = Target(site, site.members[HOSTS["nginx"]], SYSTEM)
    items = [
        File(NGINX_SITE, site_config.content(target)),
        *maintenance_page.pages(target),
        *request_policy.pages(target.application.prefix),
        *public_site.items(target),
    ]
    return texts(items)


def nginx_of_containers(settings: Mapping[str, Any]) -> dict[str, str]:
    site, findings = container.site(variables(settings), {})
    assert [str(each) for each in findings] == []
    target = Target(site, site.members["@local"], SYSTEM)
    return texts(container.items(target, site_config.Container("web", ("127.0.0.11",))))


def texts(items: Any) -> dict[str, str]:
    kept = (NGINX_SITE, PAGES)
    return {
        each.path: each.content
        for each in items
        if isinstance(each, File) and each.path.startswith(kept)
    }


@pytest.mark.parametrize("settings", SETTINGS, ids=map(str, range(len(SETTINGS))))
def test_nginx_has_the_same_files(settings: dict[str, Any]) -> None:
    host, contained = nginx_of_hosts(settings), nginx_of_containers(settings)
    assert host.keys() == contained.keys()
    sites = [without_differences(each.pop(NGINX_SITE)) for each in (host, contained)]
    assert sites[0].splitlines() == sites[1].splitlines()
    assert host == contained  # every page


@pytest.mark.parametrize("settings", SETTINGS, ids=map(str, range(len(SETTINGS))))
def test_redis_has_the_same_configuration(settings: dict[str, Any]) -> None:
    site = hosts(settings)
    host = configuration.text(site.members[HOSTS["redis"]].settings, PASSWORD, MEMORY)
    found, _findings = environment.settings(variables(settings), ["redis_maxmemory"])
    contained = configuration.text(redis_container.opened(found), PASSWORD, MEMORY)
    bound = re.compile(r"^bind .*$", re.MULTILINE)  # the addresses of the host
    assert bound.sub("bind", host) == bound.sub("bind", contained)


@pytest.mark.parametrize("settings", SETTINGS, ids=map(str, range(len(SETTINGS))))
def test_omero_web_has_the_same_properties(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "FILES", tmp_path / "config")
    monkeypatch.setattr(site_files, "APPS", tmp_path / "apps")
    for name in ("OMEROWEB_READY_NEEDS_SERVER", "WEB_GRACEFUL_TIMEOUT", "WEB_WORKER_MEMORY"):
        monkeypatch.setenv(name, "")  # `configuration` sets them
    site = hosts(settings)
    host = site.desired(site.members[HOSTS["web"]])
    given = {**variables(settings), "WEB_SESSIONS": "redis", "REDIS_PASSWORD": PASSWORD}
    given[properties.encode("omero.web.secret_key")] = KEY
    engine = installation(tmp_path)
    contained, _branding = serve.configuration(engine, given)
    assert [*different(host.set, contained.set)] == []
    assert [*different(host.append, contained.append)] == []


def different(host: Mapping[str, Any], contained: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted((host.keys() | contained.keys()) - WEB_DIFFERENCES.keys()):
        left, right = (as_text(each.get(name)) for each in (host, contained))
        if left != right:
            yield f"{name}: {left} on a host, {right} in a container"


def as_text(value: Any) -> str:
    """The text of a property without what differs: Redis' address, and WhiteNoise for static files
    of other versions and plugins."""
    if isinstance(value, list):
        value = [each for each in value if each != WHITENOISE]
    text = value if isinstance(value, str) else json.dumps(value or [])
    return text.replace("//redis.example:", "//redis:")
