"""The properties that the benchmarks set: each has a value that its kind accepts."""

from __future__ import annotations

from omeroweb_ops.state import schema

from benchmarks import configuration, properties


def test_each_property_exists_and_accepts_its_value() -> None:
    known = schema.locked()
    chosen = properties.values()
    assert len(chosen) == max(properties.COUNTS) == 106
    for name, value in chosen.items():
        assert known[name].encode(value) is not None


def test_the_first_forty_are_those_of_the_other_benchmark() -> None:
    forty = configuration.values()
    assert [*properties.values()][:40] == [*forty]
