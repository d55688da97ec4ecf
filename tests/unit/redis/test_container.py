from __future__ import annotations

import pytest

from roles.redis.container import memory

MEMINFO = "MemTotal:       24000000 kB\nMemFree:         1000 kB\n"
NONE_OF_V1 = "9223372036854771712\n"  # what the kernel shows without a limit


@pytest.mark.parametrize(
    ("limits", "kilobytes"),
    [
        ([], 24_000_000),
        (["", ""], 24_000_000),
        (["max\n", ""], 24_000_000),
        (["", NONE_OF_V1], 24_000_000),
        (["1073741824\n", ""], 1_048_576),
        (["", "536870912\n"], 524_288),
    ],
)
def test_the_memory_is_the_container_s_limit(limits: list[str], kilobytes: int) -> None:
    assert memory(limits, MEMINFO) == kilobytes
