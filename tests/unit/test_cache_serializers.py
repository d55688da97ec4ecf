"""What stands in Redis is data: a session as JSON, a pickle only behind OMERO.web's signature."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.cache_serializers import session, sign, signed

KEY = b"the secret key"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Planted:
    """A pickle that runs a command where it is loaded."""

    def __init__(self, target: Path) -> None:
        self.command = f"touch {target}"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@given(st.dictionaries(st.text(), JSON))
def test_a_session_is_read_as_it_was_written(data: dict[str, object]) -> None:
    assert session(json.dumps(data).encode()) == data


@given(st.binary() | JSON.map(lambda each: pickle.dumps(each)))
def test_whatever_is_no_session_is_none(value: bytes) -> None:
    found = session(value)
    assert found is None or isinstance(found, dict)


def test_a_pickle_is_no_session_and_is_not_run(tmp_path: Path) -> None:
    planted = pickle.dumps(Planted(tmp_path / "run"))
    assert session(planted) is None
    assert signed(planted, KEY) is None
    assert not (tmp_path / "run").exists()


def test_json_that_is_no_object_or_too_deep_is_no_session() -> None:
    for value in (b"[1]", b'"text"', b"7", b"null", b"[" * 100_000):
        assert session(value) is None


@given(st.binary())
def test_what_is_signed_is_read_with_the_same_key_alone(data: bytes) -> None:
    value = sign(data, KEY)
    assert signed(value, KEY) == data
    assert signed(value, b"another key") is None


@given(st.binary(), st.data())
def test_what_was_changed_anywhere_is_not_read(data: bytes, draw: st.DataObject) -> None:
    value = bytearray(sign(data, KEY))
    position = draw.draw(st.integers(0, len(value) - 1))
    value[position] ^= draw.draw(st.integers(1, 255))
    assert signed(bytes(value), KEY) is None
    assert signed(bytes(value[: position // 2]), KEY) is None
