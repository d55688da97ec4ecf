"""Settings that are each right and together wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.property_names import SESSION_COOKIE_AGE
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import checks, schema

SCHEMA = schema.locked()
LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PICKLES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://r/0"}}
REDIS = {"default": {**PICKLES["default"], "LOCATION": "unix:///run/redis.sock?db=0"}}
SERIALIZER = "omeroweb_ops.cache_serializers.JSONSerializer"
CACHE_ENGINE = "django.contrib.sessions.backends.cache"


APP = {"omero.web.apps": ["corsheaders"]}
FIRST = {"omero.web.middleware": [{"index": 0.5, "class": "corsheaders.middleware.CorsMiddleware"}]}


def find(values: dict[str, Any], *, cors: bool = True) -> list[Finding]:
    """Return the findings. cors: with the app and the middleware that other origins need."""
    if cors and any("cors_origin" in name for name in values):
        values = {**APP, **FIRST, **values}

    def effective(name: str) -> Any:
        if name in values:
            return values[name]
        return SCHEMA[name].value(SCHEMA.default(name, Path("/o")))

    return list(checks.find(effective))


def test_the_defaults_have_no_finding() -> None:
    assert find({}) == []


@pytest.mark.parametrize("age", [1, 60, 3153600000])
def test_a_session_may_be_short_or_long(age: int) -> None:
    assert find({SESSION_COOKIE_AGE: age}) == []


@pytest.mark.parametrize(
    ("values", "name", "said", "error"),
    [
        ({"omero.web.apps": ["a", "b", "a"]}, "omero.web.apps", "has a 2 times", True),
        (
            {"omero.web.middleware": [{"index": 1, "class": "x.Y"}, {"index": 2, "class": "x.Y"}]},
            "omero.web.middleware",
            "has x.Y 2 times",
            True,
        ),
        (
            {"omero.web.cors_origin_whitelist": ["hostname.example.com"]},
            "omero.web.cors_origin_whitelist",
            'set "https://hostname.example.com"',
            True,
        ),
        (
            {"omero.web.cors_origin_whitelist": ["https://a.example.org"]},
            "omero.web.csrf_trusted_origins",
            "https://a.example.org",
            False,
        ),
        (
            {
                "omero.web.cors_origin_allow_all": True,
                "omero.web.session_cookie_samesite": "None",
                "omero.web.session_cookie_secure": True,
            },
            "omero.web.cors_origin_allow_all",
            "any site may act as your users",
            True,
        ),
        (
            {"omero.web.csrf_cookie_samesite": "None"},
            "omero.web.csrf_cookie_samesite",
            "None needs omero.web.csrf_cookie_secure",
            True,
        ),
        *(
            (
                {SESSION_COOKIE_AGE: age},
                SESSION_COOKIE_AGE,
                "must be 1 to 3153600000 seconds (100 years)",
                True,
            )
            for age in (10**12, 3153600001, 0, -1)
        ),
        (
            {"omero.web.session_engine": CACHE_ENGINE},
            "omero.web.session_engine",
            "logins would be lost",
            True,
        ),
        (
            {"omero.web.session_engine": CACHE_ENGINE, "omero.web.caches": LOCMEM},
            "omero.web.session_engine",
            "logins would be lost",
            True,
        ),
        (
            {"omero.web.prefix": "/omero", "omero.web.static_url": "/static/"},
            "omero.web.static_url",
            "set /omero/static/",
            False,
        ),
        (
            {"omero.web.public.enabled": True, "omero.web.public.user": "public"},
            "omero.web.public.url_filter",
            "Example, for images: ^/webgateway/(render_",
            False,
        ),
        (
            {"omero.web.public.enabled": True, "omero.web.public.url_filter": "^/webgateway"},
            "omero.web.public.user",
            "must be set to the name of the public user",
            True,
        ),
        ({"omero.web.debug": True}, "omero.web.debug", "set False", False),
        (
            {"omero.web.nginx_server_extra_config": ["proxy_read_timeout 20s;"]},
            "omero.web.nginx_server_extra_config",
            "omero.web.wsgi_timeout = 60",
            False,
        ),
        (
            {"omero.web.wsgi_args": "--log-level debug --timeout 300"},
            "omero.web.wsgi_args",
            "set omero.web.wsgi_timeout = 300 instead",
            False,
        ),
        (
            {"omero.web.wsgi_args": "--graceful-timeout=60"},
            "omero.web.wsgi_args",
            "set web_graceful_timeout = 60 in the inventory",
            False,
        ),
        (
            {"omero.web.wsgi_args": "-b 0.0.0.0:5000"},
            "omero.web.wsgi_args",
            "omero.web.application_server.host and .port",
            True,
        ),
        (
            {"omero.web.session_engine": CACHE_ENGINE, "omero.web.caches": PICKLES},
            "omero.web.caches",
            "'default' keeps pickles in a Redis without a password",
            False,
        ),
    ],
)
def test_what_is_wrong_together_is_found(
    values: dict[str, Any], name: str, said: str, error: bool
) -> None:
    (only,) = find(values)
    assert (only.subject, only.is_error) == (name, error)
    assert said in only.message


@pytest.mark.parametrize(
    "values",
    [
        {"omero.web.session_engine": CACHE_ENGINE, "omero.web.caches": REDIS},
        *(
            {
                "omero.web.session_engine": CACHE_ENGINE,
                "omero.web.caches": {"default": {**PICKLES["default"], **safe}},
            }
            for safe in (
                {"LOCATION": "redis://:secret@r/0"},
                {"OPTIONS": {"PASSWORD": "secret"}},
                {"OPTIONS": {"SERIALIZER": SERIALIZER}},
            )
        ),
        {
            "omero.web.cors_origin_whitelist": ["https://a.example.org"],
            "omero.web.csrf_trusted_origins": ["https://*.example.org"],
        },
        {"omero.web.cors_origin_allow_all": True},
        {"omero.web.prefix": "/omero", "omero.web.static_url": "/omero/static/"},
        {"omero.web.prefix": "/omero", "omero.web.static_url": "https://static.example.org/"},
        {
            "omero.web.public.enabled": True,
            "omero.web.public.user": "public",
            "omero.web.public.url_filter": "^/(webadmin/myphoto/|webclient/(?!script)|webgateway/)",
        },
        {"omero.web.nginx_server_extra_config": ["proxy_read_timeout 600s;"]},
        {"omero.web.wsgi_args": "--timeout=30 --backlog 100"},
    ],
)
def test_what_is_right_together_is_let_through(values: dict[str, Any]) -> None:
    assert find(values) == []


def test_every_finding_is_told_at_once() -> None:
    values = {"omero.web.apps": ["a", "a"], "omero.web.cors_origin_whitelist": ["x", "y"]}
    assert len(find(values)) == 4  # and without corsheaders


@pytest.mark.parametrize(
    "named",
    [
        {"omero.web.cors_origin_allow_all": True},
        {
            "omero.web.cors_origin_whitelist": ["https://viewer.example.org"],
            "omero.web.csrf_trusted_origins": ["https://viewer.example.org"],
        },
    ],
)
@pytest.mark.parametrize(
    ("installed", "missing"),
    [
        ({}, ["corsheaders in omero.web.apps", "CorsMiddleware in omero.web.middleware"]),
        (APP, ["CorsMiddleware in omero.web.middleware"]),
        (FIRST, ["corsheaders in omero.web.apps"]),
        ({**APP, **FIRST}, []),
    ],
)
def test_origins_by_property_alone_have_no_effect_and_a_warning_says_so(
    named: dict[str, Any], installed: dict[str, Any], missing: list[str]
) -> None:
    found = find({**named, **installed}, cors=False)
    assert len(found) == bool(missing)
    for each in found:
        assert not each.is_error
        assert each.subject == next(iter(named))
        assert "set web_cors_origins instead" in each.message
        assert all(part in each.message for part in missing)
