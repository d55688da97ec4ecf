"""Properties that follow from other settings, and how they give way to explicit ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roles.conventions import LOCATIONS
from roles.inventory.site import Site
from tests.unit.helpers import KEY, PASSWORD, a_host, only_member, properties_of, site_of

CACHE = "django.contrib.sessions.backends.cache"
FILE = "django.contrib.sessions.backends.file"
ENGINE = "omero.web.session_engine"
CACHES = "omero.web.caches"
ADDITIONAL = "omero.web.django_additional_settings"
STATIC_URL = "omero.web.static_url"
PREFIX = "omero.web.prefix"
HOST = "omero.web.application_server.host"
TLS_PROPERTIES = {
    "omero.web.session_cookie_secure": "true",
    "omero.web.csrf_cookie_secure": "true",
    "omero.web.secure_proxy_ssl_header": '["HTTP_X_FORWARDED_PROTO", "https"]',
}


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    path = tmp_path / "secrets.yml"
    path.write_text(f"redis_password: {PASSWORD}\nomero.web.secret_key: {KEY}\n")
    return str(path)


def derived(groups: str = "redis web nginx", **data: Any) -> dict[str, str]:
    return properties_of(site_of(a_host("@local", groups, **data)))


def additional(texts: dict[str, str]) -> list[Any]:
    pairs = json.loads(texts.get(ADDITIONAL, "[]"))
    assert isinstance(pairs, list)
    return pairs


def test_with_a_redis_sessions_and_cache_are_kept_there_in_two_databases() -> None:
    """Clearing the cache must log nobody out."""
    texts = derived()
    assert texts[ENGINE] == CACHE
    caches = json.loads(texts[CACHES])
    assert {name: cache["LOCATION"] for name, cache in caches.items()} == {
        "default": "unix:///var/lib/omero-web-redis/redis.sock?db=0",
        "sessions": "unix:///var/lib/omero-web-redis/redis.sock?db=1",
    }
    for cache in caches.values():
        for names in (cache["OPTIONS"]["USERNAME"],  # of django-redis 7, and before
                      cache["OPTIONS"]["CONNECTION_POOL_KWARGS"]["username"]):  # fmt: skip
            assert names == "omero-web"
        assert "PASSWORD" not in cache["OPTIONS"]
        for name in ("SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT"):
            assert 0 < cache["OPTIONS"][name] < 30  # or a hanging Redis would hang the workers
    assert all(cache["BACKEND"] == "django_redis.cache.RedisCache" for cache in caches.values())
    # older releases, beside this one during a reload, write pickles and cannot read JSON
    assert {cache["VERSION"] for cache in caches.values()} == {2}
    assert {name: cache["OPTIONS"]["SERIALIZER"] for name, cache in caches.items()} == {
        "default": "omeroweb_ops.cache_serializers.SignedPickleSerializer",
        "sessions": "omeroweb_ops.cache_serializers.JSONSerializer",
    }
    assert additional(texts) == [["SESSION_CACHE_ALIAS", "sessions"]]


def test_without_a_redis_sessions_are_files_in_the_installation_s_own_folder() -> None:
    """Not in /tmp, which is another one in a unit with PrivateTmp than in a cron job."""
    texts = derived("web nginx")
    assert texts[ENGINE] == FILE
    assert CACHES not in texts
    assert additional(texts) == [["SESSION_FILE_PATH", str(LOCATIONS.sessions)]]


def test_file_sessions_can_be_chosen_beside_a_redis() -> None:
    texts = derived(web_sessions="file")
    assert texts[ENGINE] == FILE
    assert additional(texts) == [["SESSION_FILE_PATH", str(LOCATIONS.sessions)]]


def test_the_password_of_redis_reaches_its_clients_by_whatever_way(secrets: str) -> None:
    ways: list[dict[str, Any]] = [{}, {"redis_bind": "10.0.0.5", "redis_port": 6380}]
    for data in ways:
        caches = json.loads(derived(web_secrets=secrets, **data)[CACHES])
        for database, cache in enumerate(caches.values()):
            assert cache["LOCATION"].endswith(f"redis.sock?db={database}")
            assert cache["OPTIONS"]["PASSWORD"] == PASSWORD


def test_a_redis_elsewhere_is_asked_at_its_address(secrets: str) -> None:
    for address, written in (("10.0.0.5", "10.0.0.5"), ("fd00::5", "[fd00::5]")):
        site = site_of(
            a_host("r.example", "redis", address=address, redis_bind=address, web_secrets=secrets),
            a_host("w.example", "web nginx", reached_as="10.0.0.6"),
        )
        caches = json.loads(properties_of(site, "w.example")[CACHES])
        assert caches["sessions"]["LOCATION"] == f"redis://{written}:6379/1"


def test_a_redis_run_by_others_is_asked_at_its_url(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    for content, login in (
        (
            f"redis_password: {PASSWORD}\nredis_user: web\n",
            {"USERNAME": "web", "PASSWORD": PASSWORD},
        ),
        (f"redis_password: {PASSWORD}\n", {"PASSWORD": PASSWORD}),
        ("", {}),
    ):
        path.write_text(content)
        texts = derived(
            "web nginx", web_redis_url="rediss://r.example:6380/", web_secrets=str(path)
        )
        assert texts[ENGINE] == CACHE
        caches = json.loads(texts[CACHES])
        assert caches["sessions"]["LOCATION"] == "rediss://r.example:6380/1"
        assert caches["default"]["LOCATION"] == "rediss://r.example:6380/0"
        for cache in caches.values():
            options = cache["OPTIONS"]
            assert {
                name: options[name] for name in options if name[-4:] in ("NAME", "WORD")
            } == login


def test_the_site_s_own_caches_and_engine_win() -> None:
    own = {"default": {"BACKEND": "own.Cache", "LOCATION": "here"}}
    texts = derived(web_config={CACHES: own})
    assert json.loads(texts[CACHES]) == own
    assert additional(texts) == []  # there is no cache of the name "sessions"
    database = "django.contrib.sessions.backends.db"
    texts = derived(web_config={ENGINE: database})
    assert texts[ENGINE] == database
    assert additional(texts) == []


def test_own_caches_with_one_for_sessions_have_it_used() -> None:
    own = {name: {"BACKEND": "own.Cache"} for name in ("default", "sessions")}
    assert additional(derived(web_config={CACHES: own})) == [["SESSION_CACHE_ALIAS", "sessions"]]


@pytest.mark.parametrize("groups", ["redis web nginx", "web nginx"])
def test_additional_django_settings_of_the_site_are_kept_beside_the_derived(groups: str) -> None:
    (own_derived,) = additional(derived(groups))
    pairs = additional(derived(groups, web_config={ADDITIONAL: [["USE_TZ", True]]}))
    assert pairs == [own_derived, ["USE_TZ", True]]


@pytest.mark.parametrize(
    ("groups", "name"),
    [("redis web nginx", "SESSION_CACHE_ALIAS"), ("web nginx", "SESSION_FILE_PATH")],
)
def test_an_explicit_place_of_sessions_wins_over_the_derived(groups: str, name: str) -> None:
    """OMERO.web applies the pairs in order, so that the last one of a name counts."""
    pairs = additional(derived(groups, web_config={ADDITIONAL: [[name, "own"]]}))
    assert dict(pairs)[name] == "own"


def test_the_site_s_pairs_may_be_given_as_omero_config_set_takes_them() -> None:
    pairs = additional(derived(web_config={ADDITIONAL: '[["USE_TZ", true]]'}))
    assert ["USE_TZ", True] in pairs


@pytest.mark.parametrize("groups", ["redis web nginx", "web nginx"])
def test_the_site_s_pairs_may_be_appended(groups: str) -> None:
    (own_derived,) = additional(derived(groups))
    pairs = additional(derived(groups, web_config_append={ADDITIONAL: [["USE_TZ", True]]}))
    assert pairs == [own_derived, ["USE_TZ", True]]


def test_own_caches_may_be_given_as_omero_config_set_takes_them() -> None:
    own = json.dumps({name: {"BACKEND": "own.Cache"} for name in ("default", "sessions")})
    assert additional(derived(web_config={CACHES: own})) == [["SESSION_CACHE_ALIAS", "sessions"]]


@pytest.mark.parametrize("tls", ["self-signed", {"certificate": __file__, "key": __file__}])
def test_with_tls_cookies_are_for_https_only_and_django_knows_of_it(tls: Any) -> None:
    texts = derived(nginx_tls=tls)
    assert {name: texts[name] for name in TLS_PROPERTIES} == TLS_PROPERTIES


def test_without_tls_nothing_of_it_is_set() -> None:
    assert not derived().keys() & TLS_PROPERTIES.keys()


def test_tls_of_an_nginx_elsewhere_counts_too() -> None:
    site = site_of(
        a_host("w.example", "web", reached_as="10.0.0.2"),
        a_host("n.example", "nginx", reached_as="10.0.0.3", nginx_tls="self-signed"),
    )
    assert properties_of(site, "w.example").items() >= TLS_PROPERTIES.items()


@pytest.mark.parametrize("name", TLS_PROPERTIES)
def test_what_tls_derives_gives_way_to_what_is_explicit(name: str) -> None:
    own: Any = [] if name.endswith("header") else False
    texts = derived(nginx_tls="self-signed", web_config={name: own})
    assert json.loads(texts[name]) == own
    others = TLS_PROPERTIES.keys() - {name}
    assert all(texts[other] == TLS_PROPERTIES[other] for other in others)


@pytest.mark.parametrize("prefix", ["/omero", "/omero/"])
def test_static_files_are_below_the_prefix(prefix: str) -> None:
    assert derived(web_config={PREFIX: prefix})[STATIC_URL] == "/omero/static/"


def test_without_a_prefix_the_static_url_is_omero_web_s_own() -> None:
    assert STATIC_URL not in derived()
    assert STATIC_URL not in derived(web_config={PREFIX: ""})


def test_an_explicit_static_url_wins_over_the_prefix() -> None:
    texts = derived(web_config={PREFIX: "/omero", STATIC_URL: "https://cdn.example/s/"})
    assert texts[STATIC_URL] == "https://cdn.example/s/"


def test_a_prefix_reaches_omero_web_with_its_slash() -> None:
    """NGINX serves /omero for it, and Django's script name must be the same."""
    assert derived(web_config={PREFIX: "omero"})[PREFIX] == "/omero"


def test_an_omero_web_with_its_nginx_on_the_same_host_is_on_loopback_only() -> None:
    assert HOST not in derived()


def test_an_omero_web_with_an_nginx_elsewhere_listens_there() -> None:
    site = site_of(
        a_host("w.example", "web", reached_as="10.0.0.2"),
        a_host("n.example", "nginx", reached_as="10.0.0.3"),
    )
    texts = properties_of(site, "w.example")
    assert texts[HOST] == "0.0.0.0"
    assert "whitenoise" not in str(texts)  # NGINX has the files


def test_an_omero_web_without_an_nginx_of_the_bundle_serves_its_static_files() -> None:
    texts = properties_of(site_of(a_host("@local", "web")))
    assert HOST not in texts
    classes = [entry["class"] for entry in json.loads(texts["omero.web.middleware"])]
    assert classes.count("whitenoise.middleware.WhiteNoiseMiddleware") == 1
    assert "django.middleware.csrf.CsrfViewMiddleware" in classes


@pytest.mark.parametrize("own", [[{"index": 1, "class": "a.B"}], '[{"index": 1, "class": "a.B"}]'])
def test_middleware_of_the_site_is_kept_where_static_files_are_served_too(own: Any) -> None:
    texts = properties_of(
        site_of(a_host("@local", "web", web_config={"omero.web.middleware": own}))
    )
    classes = [entry["class"] for entry in json.loads(texts["omero.web.middleware"])]
    assert classes == ["a.B", "whitenoise.middleware.WhiteNoiseMiddleware"]


def test_the_address_to_listen_on_gives_way_to_an_explicit_one() -> None:
    site = site_of(
        a_host("w.example", "web", reached_as="10.0.0.2", web_config={HOST: "10.0.0.2"}),
        a_host("n.example", "nginx", reached_as="10.0.0.3"),
    )
    assert properties_of(site, "w.example")[HOST] == "10.0.0.2"


def upstreams(site: Site, name: str | None = None) -> list[str]:
    return [*site.network(site.members[name] if name else only_member(site)).upstreams.values()]


def test_one_host_is_served_over_loopback() -> None:
    site = site_of(a_host(web_config={"omero.web.application_server.port": 4090}))
    assert upstreams(site) == ["127.0.0.1:4090"]


def test_an_omero_web_bound_to_one_address_is_asked_there() -> None:
    site = site_of(a_host(web_config={HOST: "10.0.0.2"}))
    assert upstreams(site) == ["10.0.0.2:4080"]


def test_three_hosts_are_served_at_their_addresses_and_the_own_one_over_loopback(
    secrets: str,
) -> None:
    site = site_of(
        a_host("r.example", "redis", address="10.0.0.9", redis_bind="0.0.0.0", web_secrets=secrets),
        a_host("a.example", "web nginx", reached_as="10.0.0.1"),
        a_host(
            "b.example",
            "web",
            reached_as="10.0.0.2",
            web_config={"omero.web.application_server.port": 4090},
        ),
        a_host("@docker/c", "web nginx", address="fd00::3"),
    )
    assert upstreams(site, "a.example") == [
        "127.0.0.1:4080",
        "10.0.0.2:4090",
        "[fd00::3]:4080",
    ]
    assert upstreams(site, "@docker/c") == [
        "10.0.0.1:4080",
        "10.0.0.2:4090",
        "127.0.0.1:4080",
    ]


def test_the_address_of_the_inventory_wins_over_the_connector_s() -> None:
    site = site_of(a_host(reached_as="jump.example", address="10.0.0.7"))
    assert only_member(site).address == "10.0.0.7"


def test_appended_and_removed_items_reach_the_host_as_written() -> None:
    texts = derived(
        web_config_append={"omero.web.apps": ["omero_figure"]},
        web_config_remove={"omero.web.ui.top_links": ["Help"]},
    )
    assert json.loads(texts["omero.web.apps"]) == ["omero_figure"]
    labels = [link[0] for link in json.loads(texts["omero.web.ui.top_links"])]
    assert labels
    assert "Help" not in labels


@pytest.mark.parametrize("enabled", [True, "true"])
def test_a_public_site_keeps_one_session_of_omero_server_and_none_for_images(enabled: Any) -> None:
    public = {"omero.web.public.enabled": enabled, "omero.web.public.user": "public"}
    texts = derived(web_config=public)
    assert texts["omero.web.public.cache.enabled"] == "true"
    found = {each["class"]: each["index"] for each in json.loads(texts["omero.web.middleware"])}
    sessions = found["django.contrib.sessions.middleware.SessionMiddleware"]
    assert found["omeroweb_ops.ops.public_sessions.PublicSessionMiddleware"] > sessions
    own = derived(web_config={**public, "omero.web.public.cache.enabled": False})
    assert own["omero.web.public.cache.enabled"] == "false"


def test_a_site_that_is_not_public_has_nothing_of_it() -> None:
    for texts in (derived(), derived(web_config={"omero.web.public.enabled": False})):
        assert "omero.web.public.cache.enabled" not in texts
        assert "omero.web.middleware" not in texts
