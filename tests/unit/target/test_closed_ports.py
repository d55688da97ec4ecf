"""Ports that are closed to all but some hosts, and the addresses that gunicorn trusts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from roles import host_paths
from roles.inventory.member import Member
from roles.inventory.site import Site
from roles.operations import firewall
from roles.operations.files import Absent, File, Item
from roles.survey import Survey
from roles.target import Target
from roles.target.closed_ports import closed_ports
from roles.web import trusted_proxies
from tests.unit.helpers import GROUPS, KEY, PASSWORD, SURVEY, a_host, only_member, site_of

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
    return found_on(site, site.members["w.example"], survey)


def found_on(site: Site, member: Member, survey: Survey) -> dict[str, Item]:
    return by_path(
        [
            trusted_proxies.proxies(Target(site, member, survey)),
            *firewall.items(closed_ports(Target(site, member, survey)), systemd=survey.systemd),
        ]
    )


def by_path(found: Sequence[Item]) -> dict[str, Item]:
    return {item.path: item for item in found}


def content(item: Item) -> str:
    assert isinstance(item, File)
    return str(item.content)


def test_gunicorn_is_told_every_address_of_every_nginx() -> None:
    assert content(items()[trusted_proxies.PROXIES]).split() == ["10.0.0.3", "10.0.0.4", "fd00::3"]


def test_the_port_is_for_nginx_and_the_host_itself() -> None:
    port = {"omero.web.application_server.port": 4090}
    rules = content(items(web_config=port)[host_paths.FIREWALL_RULES])
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
    assert "ip saddr" not in content(items(seen)[host_paths.FIREWALL_RULES])


def test_the_rules_come_before_omero_web_at_boot() -> None:
    unit = content(items()[host_paths.FIREWALL_SERVICE])
    assert "Before=omero-web.service" in unit
    assert f"ExecStart=/usr/sbin/nft -f {host_paths.FIREWALL_RULES}" in unit


def test_without_systemd_there_is_no_unit() -> None:
    found = items(replace(SEEN, systemd=False))
    assert host_paths.FIREWALL_SERVICE not in found
    assert isinstance(found[host_paths.FIREWALL_RULES], File)


def test_where_the_filter_cannot_be_set_the_addresses_are_trusted_all_the_same() -> None:
    found = items(replace(SEEN, nft=False))
    assert isinstance(found[host_paths.FIREWALL_RULES], Absent)
    assert isinstance(found[trusted_proxies.PROXIES], File)


def test_with_nginx_on_the_same_host_all_of_it_is_taken_away() -> None:
    site = site_of(a_host("@local", GROUPS))
    found = found_on(site, only_member(site), SEEN)
    assert all(isinstance(item, Absent) for item in found.values())
    undo = found[host_paths.FIREWALL_RULES].command
    assert "nft delete table inet omero_web" in str(undo)
    assert host_paths.FIREWALL_SERVICE in str(undo)


def redis_rules(secrets: str, **redis: Any) -> list[str]:
    site = site_of(
        a_host("r.example", "redis", reached_as="10.0.0.1", web_secrets=secrets, **redis),
        a_host("w.example", "web nginx", reached_as="10.0.0.2"),
        a_host("v.example", "web", reached_as="v.example"),
    )
    seen = replace(SEEN, addresses={"10.0.0.2": ("10.0.0.2",), "v.example": ("fd00::2",)})
    rules = found_on(site, site.members["r.example"], seen)[host_paths.FIREWALL_RULES]
    return re.findall(r"^ *(tcp .*)$", content(rules), re.M)


def test_redis_port_is_for_the_web_hosts_and_whom_the_site_names(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(f"redis_password: {PASSWORD}\nomero.web.secret_key: {KEY}\n")
    bound = {"redis_bind": "10.0.0.1", "redis_port": 6380}
    assert redis_rules(str(secrets), **bound) == [
        "tcp dport 6380 ip saddr { 10.0.0.2 } accept",
        "tcp dport 6380 ip6 saddr { fd00::2 } accept",
        "tcp dport 6380 drop",
    ]
    # a network beside an address of its own would be a mistake to nft
    allowed = redis_rules(str(secrets), **bound, redis_allow=["10.0.0.0/24", "10.0.0.7"])
    assert allowed[0] == "tcp dport 6380 ip saddr { 10.0.0.0/24 } accept"


def test_a_host_with_both_roles_has_both_ports_in_one_table(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(f"redis_password: {PASSWORD}\nomero.web.secret_key: {KEY}\n")
    open_redis = {"redis_bind": "10.0.0.1", "web_secrets": str(secrets)}
    site = site_of(
        a_host("r.example", "redis web", reached_as="10.0.0.1", **open_redis),
        a_host("w.example", "web", reached_as="10.0.0.2"),
        a_host("n.example", "nginx", reached_as="n.example"),
    )
    seen = replace(SEEN, addresses={"10.0.0.2": ("10.0.0.2",), "n.example": ("10.0.0.3",)})
    rules = content(found_on(site, site.members["r.example"], seen)[host_paths.FIREWALL_RULES])
    assert re.findall(r"^ *tcp dport (\d+) drop$", rules, re.M) == ["4080", "6379"]
    assert rules.count('iifname "lo" accept') == 1
