"""A site's lock: which requirements uv gets, and what differs between two locks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from roles import site_lock
from roles.site_lock import APP, Change, changes, top_level
from tests.unit.helpers import HASH

BASE = (APP / "requirements.in").read_text(encoding="utf-8")
names = st.sampled_from(["numpy", "omero-figure", "Django", "deflate", "omero_web_zarr"])
versions = st.from_regex(r"[1-9]\.[0-9]{1,2}", fullmatch=True)


def packages(text: str) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line]
    assert len({each.name for each in found}) == len(found), "a package has two lines"
    return {each.name: each for each in found}


def test_another_omero_web_frees_what_fits_the_bundle_s_only() -> None:
    found = packages(top_level(BASE, "5.30.1", ()))
    assert str(found["omero-web"].specifier) == "==5.30.1"
    assert not found["omero-py"].specifier
    assert "3.7.0" in found["django-cors-headers"].specifier
    assert "4.0" not in found["django-cors-headers"].specifier
    assert packages(BASE).keys() == found.keys()


@given(st.dictionaries(names, versions, max_size=3))
def test_what_is_added_replaces_its_line_and_all_else_stays(more: dict[str, str]) -> None:
    text = f"# mine\n{BASE}numpy==1.0 # old\n"
    made = top_level(text, None, [f"{name}=={version}" for name, version in more.items()])
    found = packages(made)
    for name, version in more.items():
        assert str(found[name].specifier) == f"=={version}"
    for name, requirement in packages(text).items():
        if name not in more:
            assert found[name] == requirement
    assert made.startswith("# mine\n")
    assert top_level(made, None, []) == made


@pytest.mark.parametrize("wrong", ["x y", "omero-web=5", "==5", "./local"])
def test_what_is_no_requirement_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        top_level(BASE, None, [wrong])


def test_changes_are_what_is_added_removed_or_has_another_version() -> None:
    def lock(**pins: str) -> str:
        return "".join(f"{name}=={version} {HASH}\n" for name, version in pins.items())

    found = changes(lock(a="1", b="1", c="1"), lock(a="1", b="2", d="1"))
    assert found == [Change("b", "1", "2"), Change("c", "1", None), Change("d", None, "1")]


def test_the_bundle_s_lock_is_newer_than_the_oldest_python_of_a_lock() -> None:
    text = (APP / "requirements.txt").read_text(encoding="utf-8")
    assert f"--python-version {site_lock.OLDEST_PYTHON} " in text
