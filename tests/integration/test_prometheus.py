"""What docs/monitoring.md says about Prometheus, said to a real one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
TOOLS = "/opt/prometheus/usr/bin"
SERIES = {  # metric: its values, a minute apart, where all is well and where something is wrong
    "up": ("1x30", "0x30"),
    "omeroweb_session_store_up": ("1x30", "0x30"),
    'omeroweb_http_requests_total{status="5xx"}': ("0x30", "0+10x30"),
    'omeroweb_http_request_duration_seconds_bucket{le="0.25"}': ("0+60x30", "0+1x30"),
    'omeroweb_http_request_duration_seconds_bucket{le="10"}': ("0+60x30", "0+60x30"),
    'omeroweb_http_request_duration_seconds_bucket{le="+Inf"}': ("0+60x30", "0+60x30"),
    "omeroweb_redis_memory_used_bytes": ("70x30", "81x30"),
    "omeroweb_redis_memory_max_bytes": ("100x30", "100x30"),
    "omeroweb_clearsessions_timestamp_seconds": ("0x30", "-180000x30"),
    "omeroweb_clearsessions_failed": ("0x30", "0x30"),
    "omeroweb_security_updates_pending": ("0x30", "1x30"),
}


def examples() -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's scrape configuration, and its alerts."""
    blocks = [
        yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)
    ]
    (scrape,) = [block for block in blocks if "scrape_configs" in block]
    (alerts,) = [block for block in blocks if "groups" in block]
    return scrape, alerts


def rule_tests(alerts: dict[str, Any]) -> dict[str, Any]:
    """Every alert rings where its metric is wrong, and none where all is well."""
    names = [rule["alert"] for group in alerts["groups"] for rule in group["rules"]]
    instance, job = {"instance": "a"}, {"instance": "a", "job": "omero-web"}
    summed = ("OmeroWebErrors", "OmeroWebSlow")

    def case(column: int) -> dict[str, Any]:
        rung = [[{"exp_labels": instance if name in summed else job}] for name in names]
        return {
            "interval": "1m",
            "input_series": [
                {"series": labelled(name), "values": values[column]}
                for name, values in SERIES.items()
            ],
            "alert_rule_test": [
                {"eval_time": "25m", "alertname": name, "exp_alerts": expected if column else []}
                for name, expected in zip(names, rung, strict=True)
            ],
        }

    return {"rule_files": ["rules.yml"], "tests": [case(0), case(1)]}


def labelled(name: str) -> str:
    own = 'instance="a",job="omero-web"'
    return name.replace("{", "{" + own + ",") if "{" in name else f"{name}{{{own}}}"


def test_prometheus_takes_the_metrics_and_the_alerts(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    host.http("/webclient/login/")
    host.run(
        "cd /tmp && apt-get update -q && apt-get download -q prometheus && "
        "dpkg -x prometheus_*.deb /opt/prometheus",
        timeout=600,
    )
    scrape, alerts = examples()
    host.write("/tmp/rules.yml", yaml.safe_dump(alerts))
    host.write("/tmp/tests.yml", yaml.safe_dump(rule_tests(alerts)))
    host.run(f"cd /tmp && {TOOLS}/promtool test rules tests.yml")
    host.run(f"curl -sf http://127.0.0.1/ops/metrics | {TOOLS}/promtool check metrics")

    (job,) = scrape["scrape_configs"]
    job |= {"scheme": "http", "static_configs": [{"targets": ["127.0.0.1"]}]}
    own = {"global": {"scrape_interval": "1s"}, "rule_files": ["rules.yml"]}
    host.write("/tmp/prometheus.yml", yaml.safe_dump({**own, **scrape}))
    host.run(
        f"cd /tmp && {TOOLS}/prometheus --config.file=prometheus.yml --storage.tsdb.path=/tmp/tsdb "
        "--web.listen-address=127.0.0.1:9090 > /tmp/prometheus.log 2>&1 &"
    )
    host.wait_until(lambda: query(host, "omeroweb_workers") != [], 60, "Prometheus' first answer")
    assert query(host, 'up{job="omero-web"}') == [1]
    (counted,) = query(host, 'omeroweb_http_requests_total{method="GET",status="2xx"}')
    assert counted >= 1


def query(host: Host, expression: str) -> list[float]:
    """The value of each series."""
    asked = host.run(
        ["curl", "-s", "-G", "http://127.0.0.1:9090/api/v1/query", "-d", f"query={expression}"],
        check=False,
    )
    if asked.exit_code:
        return []
    return [float(each["value"][1]) for each in json.loads(asked.stdout)["data"]["result"]]
