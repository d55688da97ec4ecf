"""What follows from web_cors_origins and web_cors_login, and what contradicts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.state import derived
from omeroweb_ops.state.desired import Desired

from roles.conventions import LOCATIONS
from roles.inventory import checks
from tests.unit.helpers import SCHEMA, a_host, mistakes_of, properties_of, site_of

APPS = "omero.web.apps"
MIDDLEWARE = "omero.web.middleware"
WHITELIST = "omero.web.cors_origin_whitelist"
ALLOW_ALL = "omero.web.cors_origin_allow_all"
TRUSTED = "omero.web.csrf_trusted_origins"
SAMESITE = ("omero.web.session_cookie_samesite", "omero.web.csrf_cookie_samesite")
SECURE = ("omero.web.session_cookie_secure", "omero.web.csrf_cookie_secure")
FIRST = "corsheaders.middleware.CorsMiddleware"
SECOND = "corsheaders.middleware.CorsPostCsrfMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
VIEWER = "https://viewer.example.org"
TLS = {"nginx_tls": "self-signed"}


def properties(**data: Any) -> dict[str, Any]:
    """Data of every property that a site is to have."""
    data = {"web_cors_origins": [VIEWER], **data}
    texts = properties_of(site_of(a_host("@local", **data)))
    return {name: SCHEMA[name].value(text) for name, text in texts.items()}


def order(middleware: list[dict[str, Any]]) -> list[str]:
    """As omeroweb.utils.sort_properties_to_tuple."""
    return [entry["class"] for entry in sorted(middleware, key=lambda entry: entry["index"])]


def test_origins_alone_do_all_that_is_needed() -> None:
    found = properties()
    assert found[APPS] == ["corsheaders"]
    assert found[WHITELIST] == [VIEWER]
    assert found[TRUSTED] == [VIEWER]
    classes = order(found[MIDDLEWARE])
    assert classes[0] == FIRST
    assert classes[classes.index(CSRF) + 1] == SECOND
    defaults = json.loads(SCHEMA.default(MIDDLEWARE, Path("/o")) or "")
    assert [each for each in classes if "corsheaders" not in each] == order(defaults)
    assert not found.keys() & {*SAMESITE, *SECURE, ALLOW_ALL}


def test_without_origins_nothing_of_it_is_set() -> None:
    assert not properties(web_cors_origins=[]).keys() & {APPS, MIDDLEWARE, WHITELIST, TRUSTED}


def test_logins_from_other_sites_need_cookies_that_browsers_send_there() -> None:
    found = properties(web_cors_login=True, **TLS)
    assert [found[name] for name in SAMESITE] == ["None", "None"]
    assert [found[name] for name in SECURE] == [True, True]


@pytest.mark.parametrize("how", ["web_config", "web_config_append"])
def test_what_the_site_has_in_the_same_lists_is_kept(how: str) -> None:
    own = {
        APPS: ["omero_figure"],
        TRUSTED: ["https://portal.example.org"],
        MIDDLEWARE: [{"index": 9, "class": "own.Middleware"}],
    }
    found = properties(**{how: own})
    assert sorted(found[APPS]) == ["corsheaders", "omero_figure"]
    assert sorted(found[TRUSTED]) == ["https://portal.example.org", VIEWER]
    assert {FIRST, SECOND, "own.Middleware"} <= {*order(found[MIDDLEWARE])}


def test_more_origins_may_be_appended_by_the_property_s_own_name() -> None:
    found = properties(web_config_append={WHITELIST: ["https://b.example"]})
    assert sorted(found[WHITELIST]) == ["https://b.example", VIEWER]


def test_a_recipe_from_the_documentation_is_not_doubled() -> None:
    """An inventory that had all of it before web_cors_origins came."""
    own = [{"index": 0.5, "class": FIRST}, {"index": 10, "class": SECOND}]
    found = properties(web_config_append={APPS: ["corsheaders"], MIDDLEWARE: own})
    assert found[APPS] == ["corsheaders"]
    assert [entry for entry in found[MIDDLEWARE] if "corsheaders" in entry["class"]] == own


CLASSES = st.sampled_from([CSRF, COMMON, "a.A", "b.B", "c.C", FIRST, SECOND])
# Between two of these is a third: between neighbours among the floats there is none.
INDEX = st.integers(-3, 12) | st.integers(-3000, 12000).map(lambda number: number / 1000)
LISTS = st.dictionaries(CLASSES, INDEX, max_size=7).filter(
    lambda places: len({*places.values()}) == len(places)
)


@given(LISTS, st.booleans())
def test_in_the_site_s_own_list_they_get_the_right_places(
    places: dict[str, float], as_text: bool
) -> None:
    own: Any = [{"index": place, "class": name} for name, place in places.items()]
    around = derived.DeploymentContext(cors_origins=(VIEWER,))
    given_list = json.dumps(own) if as_text else own
    desired = derived.with_derived(Desired({MIDDLEWARE: given_list}), around, LOCATIONS)
    middleware = desired.set[MIDDLEWARE]
    assert [entry for entry in middleware if entry in own] == own
    classes = order(middleware)
    assert len({*classes}) == len(classes) == len({*places, FIRST, SECOND})
    if FIRST not in places:
        assert classes[0] == FIRST
    if CSRF in places and SECOND not in places:
        assert classes[classes.index(CSRF) + 1] == SECOND


ORIGINS = st.lists(st.sampled_from([f"https://{name}.example" for name in "abcd"]), unique=True)


@given(ORIGINS, ORIGINS, st.sampled_from(["set", "append"]), st.booleans())
def test_every_trusted_origin_is_there_once(
    origins: list[str], own: list[str], how: str, front_elsewhere: bool
) -> None:
    explicit = Desired(set={TRUSTED: own}) if how == "set" else Desired(append={TRUSTED: own})
    around = derived.DeploymentContext(cors_origins=(*origins,), front_elsewhere=front_elsewhere)
    once = derived.with_derived(explicit, around, LOCATIONS)
    texts, findings = once.resolve(SCHEMA, LOCATIONS.omerodir)
    assert findings == []
    assert sorted(json.loads(texts.get(TRUSTED, "[]"))) == sorted({*origins, *own})
    again, _findings = derived.with_derived(once, around, LOCATIONS).resolve(
        SCHEMA, LOCATIONS.omerodir
    )
    names = (APPS, MIDDLEWARE, WHITELIST, TRUSTED)
    assert [again.get(name) for name in names] == [texts.get(name) for name in names]


def test_a_list_that_is_none_is_told_and_not_replaced() -> None:
    found = mistakes_of(a_host(web_cors_origins=[VIEWER], web_config={APPS: "not a list"}))
    assert len(found) == 1
    assert APPS in found[0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"web_config": {WHITELIST: ["https://b.example"]}}, WHITELIST),
        ({"web_config": {ALLOW_ALL: True}}, ALLOW_ALL),
        ({"web_cors_login": True}, "nginx_tls"),
        ({"web_cors_login": True, "web_cors_origins": [], **TLS}, "web_cors_origins"),
        *(
            ({"web_cors_login": True, "web_config": {name: "Lax"}, **TLS}, name)
            for name in SAMESITE
        ),
        *(({"web_cors_login": True, "web_config": {name: False}, **TLS}, name) for name in SECURE),
    ],
)
def test_a_contradiction_names_both(data: dict[str, Any], told: str) -> None:
    (found,) = mistakes_of(a_host(**{"web_cors_origins": [VIEWER], **data}))
    assert "web_cors_" in found
    assert told in found


def test_what_says_the_same_twice_is_no_contradiction() -> None:
    found = properties(
        web_cors_login=True, web_config={SAMESITE[0]: "None", SECURE[0]: "true"}, **TLS
    )
    assert found[SAMESITE[0]] == "None"


def test_an_https_page_cannot_call_an_http_site() -> None:
    site = site_of(a_host(web_cors_origins=[VIEWER]))
    (warning,) = checks.warnings(site)
    assert VIEWER in str(warning)
    assert "nginx_tls" in str(warning)
    assert not checks.warnings(site_of(a_host(web_cors_origins=[VIEWER], **TLS)))
    assert not checks.warnings(site_of(a_host(web_cors_origins=["http://viewer.example.org"])))
