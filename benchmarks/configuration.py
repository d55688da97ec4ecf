"""Forty properties changed on a host: by `omero config set`, and by the bundle's state engine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from omeroweb_ops.state import schema
from omeroweb_ops.state.desired import Desired

from benchmarks.deploy import seconds
from roles.conventions import LOCATIONS
from roles.host_paths import OPS_COMMAND
from tests.integration.engine import ensure_engine
from tests.integration.hosts import Fleet, deploy, docker_inventory

# What a deploy runs of the engine where something differs: plan, validation and trial, then write.
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


def main() -> None:
    """Measure and print."""
    fleet = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        host = fleet.make_host("plain")
        deploy(docker_inventory(host))
        chosen = values()
        deployed = Desired.parse(host.read(str(LOCATIONS.desired_state)), "the host's")
        wanted = Desired({**deployed.set, **chosen}, deployed.append, deployed.remove)
        lines = "".join(f"omero config set {name} '{value}'\n" for name, value in chosen.items())
        by_hand = seconds(lambda: host.run(f"set -e\n{lines}", timeout=900))
        host.run(f"set -e\n{''.join(f'omero config set {name}' + chr(10) for name in chosen)}")
        host.write("/root/desired", wanted.dump(), "0600")
        print(f"{'40 properties':50} {'seconds':>8} {'ratio':>6}")
        for what, measured in (
            ("omero config set, each", by_hand),
            ("bundle: plan, validation, trial", seconds(lambda: host.run(ENGINE, cwd="/root"))),
            ("bundle: write", seconds(lambda: host.run(f"{OPS_COMMAND} config apply"))),
            ("bundle: nothing to do", seconds(lambda: host.run(f"{OPS_COMMAND} config plan"))),
        ):
            print(f"{what:50} {measured:8.2f} {measured / by_hand:6.3f}", flush=True)
    finally:
        fleet.remove()


if __name__ == "__main__":
    main()
