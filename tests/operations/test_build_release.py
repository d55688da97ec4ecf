"""A release is built in a folder, by a real shell; uv and the builder are stand-ins."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omeroweb_ops.locations import BASE, CURRENT, PREVIOUS
from uv import find_uv_bin

from roles.host_paths import CACHE
from roles.inventory import requirements_file
from roles.inventory.plugins import Addition
from roles.operations import prefetch_store, shell_file
from roles.operations.files import File
from roles.web import release
from roles.web import tools as tools_role
from roles.web.ice import Wheel
from tests.operations.local import ROOT, names, programs, shell

UV = """
echo "$PWD: $*" >> FOLDER/calls
case $* in
    *venv*) mkdir -p bin lib/omeroweb/static
        cp FOLDER/python bin/python; chmod 755 bin/python; echo x > lib/omeroweb/static/a.js
        mkdir served collected.new; ln -s /etc static ;;
esac
"""


PYTHON = """#!/bin/sh
cat FOLDER/fails 2> /dev/null && exit 1
case $* in *plugin_requirements*) echo "$*" >&2; exit 1 ;; esac
"""


class Build:
    """A release in a directory, with all that it is made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.release = release.Release("lock\n", Wheel(None, "key"), "debian-12-x86_64")
        self.path = folder / "web" / self.release.path.relative_to(BASE)
        self.cache = folder / "cache"
        (self.cache / "ice/key").mkdir(parents=True)
        (self.cache / "tools/bin").mkdir(parents=True)
        wheel = self.cache / "ice/key/zeroc_ice-3.6.5.whl"
        wheel.write_text("ice")
        self.sums = self.cache / "ice/key/complete"
        self.sums.write_text(subprocess.check_output(["sha256sum", wheel.name], cwd=wheel.parent,
                                                     text=True))  # fmt: skip
        programs(self.cache / "tools/bin", uv=UV.replace("FOLDER", str(folder)))
        (self.cache / "build.sh").write_text('cd "$4" && shift 4 && "$@"\n')
        (folder / "python").write_text(PYTHON.replace("FOLDER", str(folder)))
        self.path.mkdir(parents=True)
        for name in ("requirements.txt", "plugin-0.txt", "own.whl", "it's a plugin.whl"):
            (self.path / name).touch(mode=0o600)

    def __call__(self) -> subprocess.CompletedProcess[str]:
        wheels = ["own.whl", "it's a plugin.whl"]
        return self.run(release.build_command(self.release, ["plugin-0.txt"], wheels))

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        for here, there in ((BASE, self.folder / "web"), (CACHE, self.cache)):
            command = command.replace(str(here), str(there))
        return shell(command)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def test_a_release_is_installed_from_its_locks_and_wheels_and_complete(build: Build) -> None:
    done = build()
    assert done.returncode == 0, done.stderr
    uv = f"{build.path}: --cache-dir {build.cache}/uv --no-config"
    install = f"{uv} pip install -q --python {build.path}/bin/python --no-deps"
    ice = f"{build.cache}/ice/key/zeroc_ice-3.6.5.whl"
    assert build.calls[1:] == [
        f"{install} --require-hashes -r requirements.txt -r plugin-0.txt",
        f"{install} {ice} ./own.whl ./it's a plugin.whl",
    ]
    assert re.fullmatch(
        re.escape(f"{uv} venv -q --allow-existing --python ")
        + r"/usr/\S*/python3\.\d+ "
        + re.escape(str(build.path)),
        build.calls[0],
    )
    code = (build.path / "bin/python", build.path / "lib/omeroweb/static/a.js")
    size = sum(path.stat().st_size for path in code)
    assert (build.path / "complete").read_text() == f"2 {size}\n"
    assert code[1].stat().st_mtime == 946684800
    assert (build.path / "own.whl").stat().st_mode & 0o777 == 0o644
    left = {"served", "collected.new", "static"} & {*names(build.path)}
    assert left == set()  # what a package has put where root writes later
    assert Path("/etc/passwd").exists()


def test_a_build_that_fails_leaves_nothing(build: Build) -> None:
    (build.folder / "fails").write_text("no module named omero\n")
    done = build()
    assert done.returncode != 0
    assert "no module named omero" in done.stdout
    assert not build.path.exists()


def test_a_wheel_that_is_not_what_it_was_is_not_installed(build: Build) -> None:
    (build.cache / "ice/key/zeroc_ice-3.6.5.whl").write_text("another")
    assert build().returncode != 0
    assert not (build.folder / "calls").exists()
    assert not build.path.exists()


def test_a_wheel_of_an_older_bundle_has_no_sum(build: Build) -> None:
    build.sums.write_text("")
    assert build().returncode == 0


def test_what_a_plugin_lacks_ends_the_build(build: Build) -> None:
    build.release = release.Release(
        "lock\n", build.release.ice, "debian-12-x86_64", (Addition("omero-x", ""),)
    )
    build.path = build.path.rename(build.path.parent / build.release.name)
    done = build()
    assert done.returncode != 0
    called = "-I -m omeroweb_ops.releases.plugin_requirements"
    assert f'{called} {{"omero-x": ["omero-x"]}}' in done.stderr
    assert not build.path.exists()


@pytest.mark.parametrize("linked", [False, True])
def test_a_build_begins_with_an_empty_directory_and_makes_room(build: Build, linked: bool) -> None:
    """Of what never served, only the active and the previous release stay.

    linked: /opt/omero is a link to another disk.
    """
    if linked:
        (build.folder / "web").rename(build.folder / "another disk")
        (build.folder / "web").symlink_to("another disk")
    releases = build.path.parent
    for name in ("active", "before", "served", "failed"):
        (releases / name).mkdir()
    (releases / "served/served").touch()
    (releases / "note").touch()
    for link, name in ((CURRENT, "active"), (PREVIOUS, "before")):
        (build.folder / "web" / link.relative_to(BASE)).symlink_to(releases.resolve() / name)
    command = shell_file.command(release._START, build.release.path, CURRENT, PREVIOUS)
    assert build.run(command).returncode == 0
    assert names(releases) == sorted(["active", "before", "served", "note", build.path.name])
    assert names(build.path) == []


def install_tools(build: Build, *sent: object) -> str:
    """Return shell that installs uv, where the host's Python is a stand-in."""
    python = build.folder / "python3"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {build.folder}/calls\n'
        f'case $* in *venv*) mkdir -p "{build.cache}/tools/bin"; cp "$0" '
        f'"{build.cache}/tools/bin/python" ;; esac\n'
    )
    python.chmod(0o755)
    tools = build.cache / "tools"
    install = shell_file.command(
        tools_role._INSTALL_TOOLS, python, tools, build.cache / "tools.txt", *sent
    )
    return shell_file.command(
        tools_role._BUILD_TOOLS,
        "digest",
        *("sh", "-ec", install),
        tools=tools,
        sent=build.cache / "uv.gz",
    )


def test_uv_s_virtualenv_is_installed_from_the_lock(build: Build) -> None:
    assert shell(install_tools(build)).returncode == 0
    assert (build.cache / "tools/complete").read_text() == "digest\n"
    assert build.calls[-1] == f"-m pip install -q --require-hashes -r {build.cache}/tools.txt"


def test_this_machine_s_uv_runs_on_a_host_of_the_same_kind(build: Build) -> None:
    sent = build.cache / "uv.gz"
    (content,) = tools_role._sent()
    sent.write_bytes(base64.b64decode(content.content))
    done = shell(install_tools(build, sent))
    assert done.returncode == 0, done.stderr
    uv = build.cache / "tools/bin/uv"
    assert uv.read_bytes() == Path(find_uv_bin()).read_bytes()
    assert os.access(uv, os.X_OK)
    assert not sent.exists()
    settings = subprocess.run(
        [uv.parent / "pip", "config", "list"], capture_output=True, check=False
    )
    assert settings.returncode == 0, settings.stderr
    assert (build.cache / "tools/complete").read_text() == "digest\n"
    sent.write_bytes(b"not a program")
    assert shell(install_tools(build, sent)).returncode != 0
    assert not (build.cache / "tools/complete").exists()


def test_uv_is_sent_to_hosts_on_which_it_runs() -> None:
    assert tools_role.runs_here(platform.machine())
    assert not tools_role.runs_here("another")
    pins = requirements_file.pins((ROOT / "requirements-uv.txt").read_text())
    assert pins["uv"] == requirements_file.pins(tools_role.TOOLS_LOCK.read_text())["uv"]


@pytest.mark.parametrize(
    ("now", "has", "compiles", "again"),
    [
        ("python3.11", "", True, False),
        ("python3.11", "", False, False),
        ("python3.11", "\0uv alone", False, False),
        ("python3.11", "\0uv alone", True, True),
        ("python3.13", "", True, True),
        ("python3.13", "\0uv alone", False, True),
    ],
)
def test_uv_is_installed_anew_for_another_python_of_the_host_and_for_a_compilation(
    monkeypatch: pytest.MonkeyPatch, now: str, has: str, compiles: bool, again: bool
) -> None:
    """Debian 12 becomes Debian 13: its Python has no setuptools for the build of zeroc-ice."""
    lock = tools_role.TOOLS_LOCK.read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{lock}\0link python3.11{has}".encode()).hexdigest()
    complete = File("/x", f"{digest}\n").state
    monkeypatch.setattr(tools_role, "read_states", lambda _paths: [complete, f"link {now}"])
    monkeypatch.setattr(prefetch_store, "was_absent", lambda *_: False)
    assert bool([*tools_role.install_uv._inner("x86_64", compiles=compiles)]) is again


@pytest.mark.parametrize(
    ("printed", "index"),
    [
        ("global.index-url='http://mirror.example/simple'", "http://mirror.example/simple"),
        ("install.index-url='http://a.example'\\n:env:.index-url='http://b'", "http://b"),
        ("global.index-url='http://a.example'\\ninstall.index-url='http://b'", "http://b"),
        ("global.extra-index-url='http://c.example'", ""),
        ("", ""),
    ],
)
def test_a_mirror_of_pip_s_configuration_is_uv_s_too(
    build: Build, printed: str, index: str
) -> None:
    programs(build.cache / "tools/bin", pip=f'printf "{printed}\\n"')
    (build.cache / "tools/pip.conf").touch()
    done = build.run(
        f"unset UV_DEFAULT_INDEX\n{tools_role.PACKAGE_SOURCES}printenv UV_DEFAULT_INDEX"
    )
    assert done.stdout.strip() == index


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("text", "before", "proxy"),
    [
        ("proxy = http://proxy.example:3128", "", PROXY),
        ("proxy = proxy.example:3128", "", PROXY),
        ("proxy = http://me:it's@proxy.example:3128", "", "http://me:it's@proxy.example:3128"),
        ("proxy = http://other.example:1", f"export HTTPS_PROXY={PROXY}", PROXY),
        ("proxy = http://other.example:1", f"export https_proxy={PROXY}", ""),
        ("index-url = http://mirror.example/simple", "", ""),
    ],
)
def test_the_proxy_of_pip_s_configuration_is_uv_s_too(
    build: Build, text: str, before: str, proxy: str
) -> None:
    """The real pip reads the file; uv and Python read the variable."""
    written = build.folder / "pip.conf"
    written.write_text(f"[global]\n{text}\n")
    programs(build.cache / "tools/bin", pip=f'exec {sys.executable} -m pip "$@"')
    names = "HTTPS_PROXY HTTP_PROXY https_proxy http_proxy ALL_PROXY all_proxy"
    done = build.run(
        f"unset {names}; export PIP_CONFIG_FILE={written}\n{before}\n"
        f"{tools_role.PACKAGE_SOURCES}printenv HTTPS_PROXY"
    )
    assert done.stdout.strip() == proxy
