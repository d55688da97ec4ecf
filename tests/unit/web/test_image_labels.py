"""The Dockerfile's labels and the list of an image's packages."""

from __future__ import annotations

import re
import tomllib
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from roles.inventory.requirements_file import pins
from roles.operations import sbom

ROOT = Path(__file__).parents[3]


def test_the_labels_have_the_versions_of_the_lock() -> None:
    text = (ROOT / "Dockerfile").read_text()
    pairs = re.findall(r'^(?:LABEL|   ) ([\w.-]+)="([^"]*)"', text, re.M)
    labels = dict(pairs)
    for name, values in groupby(sorted(pairs), itemgetter(0)):  # the images agree
        assert name.endswith((".title", ".description")) or len({*values}) == 1, name
    locked = pins((ROOT / "app/requirements.txt").read_text())
    for name in ("omero-web", "omero-py", "django"):
        assert labels[f"omeroweb-bundle.{name}"] == next(iter(locked[name]))
    assert labels["org.opencontainers.image.version"] == next(iter(locked["omero-web"]))
    project = tomllib.loads((ROOT / "app/pyproject.toml").read_text())["project"]
    assert labels["omeroweb-bundle.version"] == project["version"]


def test_debian_s_installed_packages_have_their_purl() -> None:
    listed = (
        "libc6:amd64\t2.36-9+deb12u14\tamd64\tinstalled\n"
        "perl\t5.36.0-7\tamd64\tconfig-files\n"
        "tzdata\t2026a-0+deb12u1\tall\tinstalled\n"
    )
    first, second = sbom.debian(listed, "debian-12")
    assert (first.name, first.version) == ("libc6", "2.36-9+deb12u14")
    assert str(first.purl) == ("pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12")
    assert second.name == "tzdata"
