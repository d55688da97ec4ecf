"""NGINX's figures and the days of the certificate among the metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from omeroweb_ops.locations import Locations
from omeroweb_ops.ops import certificate_end, nginx_status
from omeroweb_ops.shared import certificate
from omeroweb_ops.shared.certificate import Certificate
from omeroweb_ops.shared.expectations import Expectations

from tests.unit.helpers import installation

PAGE = """Active connections: 291 
server accepts handled requests
 16630948 16630947 31070465 
Reading: 6 Writing: 179 Waiting: 106 
"""  # noqa: W291


def values(locations: Locations) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in nginx_status.collect(locations)
        for sample in metric.samples
    }


def test_the_page_of_nginx_is_read() -> None:
    found = nginx_status.parse(PAGE)
    assert found["accepted"] == 16630948
    assert found["handled"] == 16630947
    assert found["requests"] == 31070465
    assert [found[state] for state in nginx_status.STATES] == [291, 6, 179, 106]
    with pytest.raises(ValueError, match="status page"):
        nginx_status.parse("<html>")


def test_without_an_nginx_there_are_no_figures(tmp_path: Path) -> None:
    assert values(installation(tmp_path).locations) == {}


@pytest.mark.parametrize("text", ["", "80", "x /y z", "1 /omero-web-nginx-status localhost"])
def test_an_nginx_that_does_not_answer_is_down(tmp_path: Path, text: str) -> None:
    locations = installation(tmp_path).locations
    locations.nginx_status.write_text(text)
    assert values(locations) == {"omeroweb_nginx_up": 0}


@pytest.mark.parametrize(
    ("tls", "here", "asked"),
    [
        ("certificate", True, "127.0.0.1"),
        ("off", True, "x.example"),
        ("certificate", False, "x.example"),
    ],
)
def test_the_certificate_of_nginx_on_this_host_is_asked_for_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str, here: bool, asked: str
) -> None:
    locations = installation(tmp_path).locations
    locations.site.write_text(Expectations("https://x.example:8443/", tls).dump())
    if here:
        locations.nginx_status.write_text("80 /y z")
    calls = []

    def examine(*arguments: object) -> Certificate:
        calls.append(arguments)
        return Certificate(dates="expired")

    monkeypatch.setattr(certificate, "examine", examine)
    end = certificate_end.CertificateEnd()
    assert [end.get(locations), end.get(locations)] == [0, 0]
    assert calls == [(asked, 8443, "x.example")]
