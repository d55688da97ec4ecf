"""Forty properties changed on a host: by `omero config set`, and by the bundle's state engine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from omeroweb_ops.state import schema
from omeroweb_ops.state.desired import Desired

from benchmarks.fleet import fleet, seconds
from benchmarks.measurement import Measurement
from benchmarks.terminal import run_alone
from roles.conventions import LOCATIONS
from roles.host_paths import OPS_COMMAND
from tests.integration.hosts import Host, deploy, docker_inventory

# What a deploy runs of the engine where something differs: plan, validation and trial, then write.
ALL = "40 properties"
ENGINE = f"{OPS_COMMAND} config check --desired - < desired && cp desired {LOCATIONS.desired_state}"
NUMBERS = (
    "application_server.max_requests chunk_size max_table_download_rows max_table_slice_size "
    "maximum_multifile_download_size page_size ping_interval public.cache.timeout "
    "search.default_group search.default_user session_cookie_age thumbnails_batch "
    "wsgi_timeout wsgi_worker_connections wsgi_workers"
)
SWITCHES = (
    "check_version csrf_cookie_httponly feedback.comment.enabled feedback.error.enabled "
    "login.show_client_downloads public.get_only session_expire_at_browser_close "
    "show_forgot_password use_x_forwarded_host user_dropdown"
)
TEXTS = (
    "admins.email_subject_prefix favicon_url html_meta_referrer login_incorrect_credentials_text "
    "login.client_downloads_base plate_layout public.cache.key session_cookie_name time_zone "
    "top_logo_link wsgi_args x_frame_options public.user top_logo session_cookie_path"
)


def values() -> dict[str, object]:
    """Forty properties, each with another value than its default."""
    known = schema.locked()
    texts = {"time_zone": "UTC", "wsgi_args": "--backlog 100", "x_frame_options": "DENY"}
    chosen: dict[str, object] = {f"omero.web.{name}": 7 for name in NUMBERS.split()}
    for name in SWITCHES.split():
        chosen[f"omero.web.{name}"] = known[f"omero.web.{name}"].default != "true"
    for name in TEXTS.split():
        chosen[f"omero.web.{name}"] = texts.get(name, "/something")
    assert len(chosen) == 40
    return chosen


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield the seconds of forty properties, and of more and fewer of them."""
    with fleet() as hosts, hosts.make_host("plain") as host:
        deploy(docker_inventory(host))
        deployed = Desired.parse(host.read(str(LOCATIONS.desired_state)), "the host's")
        host.write("/root/deployed", deployed.dump(), "0600")
        for _pair in range(pairs):
            chosen = values()
            yield Measurement(ALL, "documented", documented(host, chosen), "s")
            yield from bundle(host, deployed, chosen)


def documented(host: Host, chosen: Mapping[str, object]) -> float:
    """Set the properties one by one, return the seconds, and unset them again."""
    known = schema.locked()
    words = [(name, known[name].encode(value)) for name, value in chosen.items()]
    lines = "".join(f"omero config set -- {shlex.join(each)}\n" for each in words)
    took = seconds(lambda: host.run(f"set -e\n{lines}", timeout=900))
    host.run(f"set -e\n{''.join(f'omero config set {name}' + chr(10) for name in chosen)}")
    return took


def bundle(host: Host, deployed: Desired, chosen: Mapping[str, object]) -> Iterator[Measurement]:
    """Yield the seconds of the engine's steps, and go back to what was deployed."""
    wanted = Desired({**deployed.set, **chosen}, deployed.append, deployed.remove)
    host.write("/root/desired", wanted.dump(), "0600")
    check = seconds(lambda: host.run(ENGINE, cwd="/root"))
    write = seconds(lambda: host.run(f"{OPS_COMMAND} config apply"))
    yield Measurement(ALL, "bundle", check + write, "s")
    yield Measurement(f"{ALL}: plan, validation, trial", "bundle", check, "s")
    yield Measurement(f"{ALL}: write", "bundle", write, "s")
    idle = seconds(lambda: host.run(f"{OPS_COMMAND} config plan"))
    yield Measurement("nothing to change", "bundle", idle, "s")
    host.run(f"cp deployed {LOCATIONS.desired_state} && {OPS_COMMAND} config apply", cwd="/root")


if __name__ == "__main__":
    run_alone(measure)
