"""What a web host gets where NGINX is elsewhere: trusted addresses and a closed port."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from roles.items import Absent, File, Item
from roles.survey import Survey
from roles.web import front
from tests.unit.helpers import GROUPS, SURVEY, a_host, only_member, site_of

SEEN = replace(
    SURVEY,
    nft=True,
    addresses={"n.example": ("10.0.0.3", "fd00::3"), "m.example": ("10.0.0.4",)},
)


def items(survey: Survey = SEEN, **web: Any) -> dict[str, Item]:
    site = site_of(
        a_host("w.example", "web", reached_as="10.0.0.2", **web),
        a_host("n.example", "nginx", reached_as="n.example"),
        a_host("m.example", "nginx", reached_as="m.example"),
    )
    return by_path(front.items(site, site.members["w.example"], survey))


def by_path(found: Sequence[Item]) -> dict[str, Item]:
    return {item.path: item for item in found}


def content(item: Item) -> str:
    assert isinstance(item, File)
    return str(item.content)


def test_gunicorn_is_told_every_address_of_every_nginx() -> None:
    assert content(items()[front.PROXIES]).split() == ["10.0.0.3", "10.0.0.4", "fd00::3"]


def test_the_port_is_for_nginx_and_the_host_itself() -> None:
    port = {"omero.web.application_server.port": 4090}
    rules = content(items(web_config=port)[front.RULES])
    accepted = re.findall(r"^ *(.*) accept$", rules, re.M)
    assert accepted == [
        'iifname "lo"',
        "tcp dport 4090 ip saddr { 10.0.0.3, 10.0.0.4 }",
        "tcp dport 4090 ip6 saddr { fd00::3 }",
    ]
    assert re.findall(r"^ *(.*) drop$", rules, re.M) == ["tcp dport 4090"]
    assert "policy accept" in rules  # nothing but this port is the bundle's business


def test_an_empty_set_would_be_a_mistake_to_nft() -> None:
    seen = replace(SEEN, addresses={"n.example": ("fd00::3",), "m.example": ()})
    assert "ip saddr" not in content(items(seen)[front.RULES])


def test_the_rules_come_before_omero_web_at_boot() -> None:
    unit = content(items()[front.UNIT])
    assert "Before=omero-web.service" in unit
    assert f"ExecStart=/usr/sbin/nft -f {front.RULES}" in unit


def test_without_systemd_there_is_no_unit() -> None:
    found = items(replace(SEEN, systemd=False))
    assert front.UNIT not in found
    assert isinstance(found[front.RULES], File)


def test_where_the_filter_cannot_be_set_the_addresses_are_trusted_all_the_same() -> None:
    found = items(replace(SEEN, nft=False))
    assert isinstance(found[front.RULES], Absent)
    assert isinstance(found[front.PROXIES], File)


def test_with_nginx_on_the_same_host_all_of_it_is_taken_away() -> None:
    site = site_of(a_host("@local", GROUPS))
    found = by_path(front.items(site, only_member(site), SEEN))
    assert all(isinstance(item, Absent) for item in found.values())
    (undo,) = found[front.RULES].commands()
    assert "nft delete table inet omero_web" in str(undo)
    assert front.UNIT in str(undo)
