"""Visitors of a published port at a constant rate, each with a connection of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

RATE = 30  # requests a second
_AT_ONCE = 64  # so that a slow answer does not slow the others down
_TIMEOUT = 60  # seconds


@dataclass
class Answers:
    """What the visitors were given. failed: everything but 200. slowest: seconds."""

    good: int = 0
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __str__(self) -> str:
        return f"{self.good} good, {len(self.failed)} failed, slowest {self.slowest:.2f} s"


def assert_nobody_noticed(answers: Answers) -> None:
    """Every visitor was given the page, and there were some."""
    print(answers)
    assert not answers.failed, answers.failed
    assert answers.good > RATE


@contextlib.contextmanager
def visitors(url: str) -> Iterator[Answers]:
    """Request a page at RATE for as long as the block lasts, and for a second after that."""
    answers, lock, over = Answers(), threading.Lock(), threading.Event()

    def visit() -> None:
        began = time.monotonic()
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.get(url, timeout=_TIMEOUT, headers={"Connection": "close"})
                failure = "" if answer.status_code == 200 else f"{answer.status_code}"
            except requests.RequestException as error:
                failure = repr(error)
        took = time.monotonic() - began
        with lock:
            answers.slowest = max(answers.slowest, took)
            answers.good += not failure
            answers.failed += [f"{failure} after {took:.2f} s"] if failure else []

    def arrive(pool: ThreadPoolExecutor) -> None:
        due = time.monotonic()
        while not over.wait(max(0.0, due - time.monotonic())):
            pool.submit(visit)
            due += 1 / RATE

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        arrivals = threading.Thread(target=arrive, args=[pool])
        arrivals.start()
        try:
            yield answers
            over.wait(1)  # visitors meet what follows the change
        finally:
            over.set()
            arrivals.join()
