"""A monitored host: alert rules and dashboard with a real Prometheus, and messages that arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE

PAGE = ROOT / "docs/monitoring.md"
ALERTS = ROOT / "docs/monitoring/alerts.yml"
DASHBOARD = ROOT / "docs/monitoring/dashboard.json"
TOOLS = "/opt/prometheus/usr/bin"
NAME = "images.example.org"
WEBHOOK = "http://127.0.0.1:8099/hooks/hunter2-of-the-webhook"
SETTINGS: dict[str, Any] = {
    "nginx_server_name": NAME,
    "nginx_tls": "self-signed",
    "web_secrets": "secrets.json",  # JSON is YAML
    "web_notify": {"mail": "admins@example.org", "smtp": "127.0.0.1:8025"},
}
MESSAGES = "/root/messages"
SERIES = {  # metric: its values, a minute apart, where all is well and where something is wrong
    "up": ("1x90", "0x90"),
    "omeroweb_session_store_up": ("1x90", "0x90"),
    'omeroweb_http_requests_total{status="5xx"}': ("0x90", "0+10x90"),
    'omeroweb_http_request_duration_seconds_bucket{le="0.25"}': ("0+60x90", "0+1x90"),
    'omeroweb_http_request_duration_seconds_bucket{le="10"}': ("0+60x90", "0+60x90"),
    'omeroweb_http_request_duration_seconds_bucket{le="+Inf"}': ("0+60x90", "0+60x90"),
    "omeroweb_redis_memory_used_bytes": ("70x90", "81x90"),
    "omeroweb_redis_memory_max_bytes": ("100x90", "100x90"),
    "omeroweb_nginx_up": ("1x90", "0x90"),
    "omeroweb_certificate_expiry_timestamp_seconds": ("1905600x90", "1814400x90"),
    'omeroweb_doctor_problems{status="error"}': ("0x90", "1x90"),
    'omeroweb_doctor_problems{status="warning"}': ("1x90", "1x90"),
    "omeroweb_doctor_timestamp_seconds": ("0+60x90", "0x90"),
    "omeroweb_notify_undelivered": ("0x90", "1x90"),
    "omeroweb_clearsessions_timestamp_seconds": ("0x90", "-180000x90"),
    "omeroweb_clearsessions_failed": ("0x90", "0x90"),
    "omeroweb_security_updates_pending": ("0x90", "1x90"),
}


def rule_tests(alerts: dict[str, Any]) -> dict[str, Any]:
    """Every alert rings where its metric is wrong, and none where all is well."""
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]

    def rung(rule: dict[str, Any]) -> dict[str, Any]:
        labels = {**rule["labels"], "instance": "a"}
        if "sum by" not in rule["expr"]:
            labels["job"] = "omero-web"
        if 'status="error"' in rule["expr"]:
            labels["status"] = "error"
        texts = rule["annotations"].items()
        shown = {name: text.replace("{{ $labels.instance }}", "a") for name, text in texts}
        return {"exp_labels": labels, "exp_annotations": shown}

    def case(column: int) -> dict[str, Any]:
        return {
            "interval": "1m",
            "input_series": [
                {"series": labelled(name), "values": values[column]}
                for name, values in SERIES.items()
            ],
            "alert_rule_test": [
                {
                    "eval_time": "80m",
                    "alertname": rule["alert"],
                    "exp_alerts": [rung(rule)] if column and "absent" not in rule["expr"] else [],
                }
                for rule in rules
            ],
        }

    (absent,) = [rule for rule in rules if "absent" in rule["expr"]]
    labels = {**absent["labels"], "job": "omero-web"}
    nothing = {
        "interval": "1m",
        "input_series": [],
        "alert_rule_test": [
            {
                "eval_time": "80m",
                "alertname": absent["alert"],
                "exp_alerts": [{"exp_labels": labels, "exp_annotations": absent["annotations"]}],
            }
        ],
    }
    return {"rule_files": ["rules.yml"], "tests": [case(0), case(1), nothing]}


def labelled(name: str) -> str:
    own = 'instance="a",job="omero-web"'
    return name.replace("{", "{" + own + ",") if "{" in name else f"{name}{{{own}}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The controller's, with the secrets."""
    folder = tmp_path_factory.mktemp("monitoring")
    secrets = folder / SETTINGS["web_secrets"]
    secrets.write_text(json.dumps({"notify_webhook": WEBHOOK}))
    secrets.chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_systemd_image: str, folder: Path) -> Iterator[Host]:
    with make_session_host("systemd", image=deployed_systemd_image, name="monitored") as host:
        host.run(f"echo 127.0.0.1 {NAME} >> /etc/hosts")
        deploy(docker_inventory(host, **SETTINGS), cwd=folder)
        host.write("/root/server.py", (ROOT / "tests/message_server.py").read_text())
        host.run(f"setsid python3 /root/server.py {MESSAGES} 8025 8099 > /dev/null 2>&1 &")
        host.wait_until(lambda: host.exists(MESSAGES), 20, "the servers of mail and webhook")
        yield host


def messages(host: Host) -> list[str]:
    """What has arrived: the subjects of mails, and the status of webhooks."""
    found = [json.loads(line) for line in host.read(MESSAGES).splitlines()]
    return [
        each["headers"]["Subject"].strip() if each["kind"] == "mail" else each["data"]["status"]
        for each in found
    ]


def check_by_timer(host: Host) -> None:
    """What the timer starts."""
    host.run("systemctl start omero-web-notify.service", timeout=300)


def test_one_message_when_it_breaks_and_one_when_it_is_well(host: Host, folder: Path) -> None:
    show = (
        "systemctl show omero-web-notify.timer -p ActiveState,UnitFileState,NextElapseUSecMonotonic"
    )
    timer = dict(line.split("=") for line in host.run(show).stdout.splitlines())
    assert (timer["ActiveState"], timer["UnitFileState"]) == ("active", "enabled")
    assert timer["NextElapseUSecMonotonic"] not in ("", "0", "infinity")
    host.run("systemctl stop omero-web-notify.timer")  # it must not run in between
    check_by_timer(host)  # test hosts have no OMERO.server
    assert messages(host) == [f"[OMERO.web] {NAME}: 1 warning: OMERO.server", "warning"]
    host.run("omero web stop")
    check_by_timer(host)
    host.run("omeroweb-ops doctor --notify")
    host.run("omero web start")
    check_by_timer(host)
    host.run("omeroweb-ops doctor --notify")
    mails = [each for each in messages(host) if each.startswith("[")]
    assert len(mails) == 3, mails
    assert mails[1].startswith(f"[OMERO.web] {NAME}: ")
    assert "service" in mails[1]
    assert mails[2].startswith(f"[OMERO.web] {NAME}: well again: ")
    assert mails[2].endswith("(1 warning left)")
    assert messages(host)[1::2] == ["warning", "broken", "well"]

    omero_web = host.run(f"cat {BASE}/state/notify.json", user="omero-web", check=False)
    assert omero_web.exit_code != 0
    host.run("omeroweb-ops maintenance on")
    assert (
        "Nothing is reported: planned maintenance is on."
        in host.run("omeroweb-ops doctor --notify").stdout
    )
    assert (
        "silent: planned maintenance is on" in host.run("omeroweb-ops status", check=False).stdout
    )
    host.run("omeroweb-ops maintenance off")
    python = host.run("readlink -f /opt/omero/web/venv3/bin/python").stdout.strip()
    assert python.startswith("/usr/bin/")
    host.run("mv /opt/omero/web/venv3/bin/python /opt/omero/web/venv3/bin/away")
    try:
        check_by_timer(host)
    finally:
        host.run("mv /opt/omero/web/venv3/bin/away /opt/omero/web/venv3/bin/python")
    assert f"[OMERO.web] {NAME}: 1 error: doctor" in messages(host)
    check_by_timer(host)
    assert "hunter2" not in host.run("journalctl -u omero-web-notify --no-pager").stdout
    assert deploy(docker_inventory(host, **SETTINGS), cwd=folder).changed_operations == (
        "OMERO.web | Run timer of doctor",  # which was stopped
    )


def test_prometheus_takes_the_metrics_the_alerts_and_the_dashboard(host: Host) -> None:
    host.http("/webclient/login/")
    host.run("omeroweb-ops updates", check=False)
    host.run("omero web clearsessions")
    host.run("omeroweb-ops doctor --notify")
    host.run(
        "cd /tmp && apt-get update -q && apt-get download -q prometheus && "
        "dpkg -x prometheus_*.deb /opt/prometheus",
        timeout=600,
    )
    (scrape,) = [
        yaml.safe_load(text)
        for text in re.findall(r"```yaml\n(scrape.*?)```", PAGE.read_text(), re.S)
    ]
    alerts = yaml.safe_load(ALERTS.read_text())
    host.write("/tmp/rules.yml", ALERTS.read_text())
    host.write("/tmp/tests.yml", yaml.safe_dump(rule_tests(alerts)))
    host.run(
        f"cd /tmp && {TOOLS}/promtool check rules rules.yml && "
        f"{TOOLS}/promtool test rules tests.yml"
    )
    url = f"https://{NAME}/ops/metrics"
    host.run(f"curl -skf {url} | {TOOLS}/promtool check metrics")

    (job,) = scrape["scrape_configs"]
    job |= {"static_configs": [{"targets": [NAME]}], "tls_config": {"insecure_skip_verify": True}}
    own = {"global": {"scrape_interval": "1s"}, "rule_files": ["rules.yml"]}
    host.write("/tmp/prometheus.yml", yaml.safe_dump({**own, **scrape}))
    host.run(
        f"cd /tmp && {TOOLS}/prometheus --config.file=prometheus.yml --storage.tsdb.path=/tmp/tsdb "
        "--web.listen-address=127.0.0.1:9090 > /tmp/prometheus.log 2>&1 &"
    )
    rate = "rate(omeroweb_http_requests_total[10s])"
    host.wait_until(lambda: query(host, rate) != [], 60, "Prometheus' first rates")
    assert query(host, 'up{job="omero-web"}') == [1]
    (counted,) = query(host, 'omeroweb_http_requests_total{method="GET",status="2xx"}')
    assert counted >= 1
    (days,) = query(host, "(omeroweb_certificate_expiry_timestamp_seconds - time()) / 86400")
    assert days > 3600  # self-signed for ten years
    (requests,) = query(host, "omeroweb_nginx_requests_total")
    assert requests >= counted
    empty = {expression for expression in expressions() if query(host, expression) == []}
    assert empty == set()

    # who may read NGINX's figures: the host itself
    status = "/omero-web-nginx-status"
    assert host.http(status, headers={"Host": NAME}).status_code == 403
    own_answer = host.run(["curl", "-s", "-H", f"Host: {NAME}", f"http://127.0.0.1{status}"])
    assert "Active connections" in own_answer.stdout


def expressions() -> list[str]:
    """Every query of the dashboard, with its variables filled in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(found) > 20
    return [each.replace("$instance", ".*").replace("$__rate_interval", "20s") for each in found]


def query(host: Host, expression: str) -> list[float]:
    """The value of each series."""
    asked = host.run(
        [
            *("curl", "-s", "-G", "http://127.0.0.1:9090/api/v1/query"),
            *("--data-urlencode", f"query={expression}"),
        ],
        check=False,
    )
    if asked.exit_code:
        return []
    answer = json.loads(asked.stdout)
    assert answer["status"] == "success", (expression, answer)
    return [float(each["value"][1]) for each in answer["data"]["result"]]
