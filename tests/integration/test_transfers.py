"""Users download original files, whole and as an archive, and upload one: by TLS, with a prefix."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.integration.client import BLOCK, Client, assert_content
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, deploy, docker_inventory
from tests.integration.limits import measured, memory_in_use
from tests.integration.omero_server import ADA, OmeroServer, omero_host

PREFIX = "/omero"
LARGE = 4 * 10**9  # bytes: more than 32 bits count
SMALL = 3_000_000
UPLOAD = 20_000_000
MEMORY = 2**30  # bytes that may be added: a quarter of the file, for two gunicorns and NGINX
PACE = 0.05  # seconds for each block while a deploy goes on, which has to end first


@pytest.fixture(scope="module")
def omero(make_session_host: MakeHost, deployed_image: str) -> Iterator[OmeroServer]:
    with omero_host(make_session_host, deployed_image, file_size=LARGE) as server:
        yield server


@pytest.fixture(scope="module")
def web(make_session_host: MakeHost, deployed_image: str, omero: OmeroServer) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        deploy(inventory(host, omero))
        yield host


def inventory(host: Host, omero: OmeroServer, **properties: object) -> str:
    own = {"omero.web.prefix": PREFIX, "omero.web.server_list": omero.server_list}
    return docker_inventory(
        host, nginx_tls="self-signed", web_graceful_timeout=300, web_config=own | properties
    )


def client(web: Host) -> Client:
    return Client(f"https://{web.ip}{PREFIX}", ADA)


def test_4_gb_arrive_while_others_browse_and_a_change_is_deployed(
    web: Host, omero: OmeroServer
) -> None:
    user, before, predecessors = client(web), memory_in_use(web), gunicorns(web)
    with measured(web, f"https://127.0.0.1{PREFIX}") as found, ThreadPoolExecutor() as pool:
        answer = user.get("/webgateway/archived_files/download/1/", stream=True)
        assert answer.headers["Content-Length"] == str(LARGE)
        change = pool.submit(deploy, inventory(web, omero, **{"omero.web.page_size": 123}))
        blocks = paced(answer.iter_content(BLOCK), change)
        assert assert_content(blocks, id=1) == LARGE
    assert not gunicorns(web) & predecessors
    assert found.memory - before < MEMORY
    assert {status for status, _ in found.pages} == {200}
    assert found.kills == 0


def gunicorns(host: Host) -> set[int]:
    return {each.pid for each in host.processes("gunicorn")}


def paced(blocks: Iterable[bytes], change: Future[Deployment]) -> Iterator[bytes]:
    """Slow until the change is there, so that it comes in the middle; then as fast as can be."""
    position = 0
    for block in blocks:
        yield block
        position += len(block)
        if not change.done():
            assert position < LARGE, "the download was faster than the deploy"
            time.sleep(PACE)
    assert change.result().changed


def test_several_files_arrive_as_one_archive_and_an_upload_comes_back(
    web: Host, omero: OmeroServer
) -> None:
    omero.restart(file_size=SMALL)
    user = client(web)
    path = "/webgateway/archived_files/download/?image=1&image=2&image=3&zipname=three"
    answer = user.get(path)
    assert answer.headers["Content-Disposition"] == "attachment; filename=three.zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = [f"image-1-1-{number}.tif" for number in (1, 2, 3)]
    assert sorted(archive.namelist()) == names
    for number, name in enumerate(names, 1):
        assert assert_content([archive.read(name)], id=number) == SMALL

    sent = os.urandom(UPLOAD)
    files = {"annotation_file": ("notes.bin", sent)}
    answer = user.post("/webclient/annotate_file/", {"image": "1"}, files=files)
    assert answer.status_code == 200, answer.text[:2000]
    (annotation,) = user.get("/webclient/api/annotations/?type=file&image=1").json()["annotations"]
    file = annotation["file"]
    assert (file["name"], file["size"]) == ("notes.bin", UPLOAD)
    assert user.get(f"/webclient/download_original_file/{file['id']}/").content == sent
    assert omero.calls()["not_implemented"] == {}
