"""Ask the facts of a host that an idle deploy needs in one remote call.

A deploy registers its questions before its operations run. The first answer that an operation needs
asks all of them, which saves a remote call for each. The answers are valid until an operation runs
a command on the host, and for MAX_AGE at most. Then each question is a remote call of its own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import gevent
from pyinfra import host as current_host
from pyinfra.api import Host

from . import prefetch_store, run_context
from .facts import HostFact, SecretStdin

T = TypeVar("T")


class Question(Generic[T]):
    """A fact with its arguments, which are text, numbers or tuples of text.

    stdin: the standard input, with which a question is a remote call of its own, at the same time
    as the others'.
    """

    def __init__(
        self, fact: type[HostFact[T]], stdin: SecretStdin | None = None, **arguments: Any
    ) -> None:
        self.fact, self.stdin, self.arguments = fact, stdin, arguments
        text = stdin.text if stdin else None
        self.key = (fact, text, tuple(sorted(arguments.items())))

    def ask(self, host: Host) -> T:
        """Ask a host."""
        given = {"_stdin": self.stdin} if self.stdin else {}
        found: T = host.get_fact(self.fact, **self.arguments, **given)
        return found


@dataclass(eq=False)
class _Questions:
    """The questions of a host, and the answers. at: time.monotonic() of the answers."""

    asked: Mapping[object, Question[Any]]  # by key: two roles may need the same fact
    answers: dict[object, Any] = field(default_factory=dict)
    at: float = float("-inf")


class Answers(HostFact[list[str]]):
    """The output of several commands. Each line begins with the command's number and a colon.

    The commands run at the same time, each with a file in a directory of its own for the output.
    `sed` writes the numbers, because a process of another user may print anything. The last line of
    a command is its status, after an empty line that ends its last line.
    """

    def command(self, commands: tuple[str, ...]) -> str:
        started = "".join(
            f"{{ (\n{each}\n) < /dev/null; printf '\\n%s\\n' $?; }} > \"$answers/{number}\" &\n"
            for number, each in enumerate(commands)
        )
        numbers = " ".join(map(str, range(len(commands))))
        return (
            "answers=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d) || exit\n"
            f"{started}wait\n"
            f'for number in {numbers}; do sed "s/^/$number:/" "$answers/$number"; done\n'
            'rm -rf "$answers"'
        )

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return output


def expect(host: Host, questions: Iterable[Question[Any]]) -> None:
    """Register the questions of a host for this run."""
    run_context.of(host.state).put(_Questions({each.key: each for each in questions}), host.name)


def answer(question: Question[T]) -> T:
    """Return a fact of the present host, with one remote call for all registered questions."""
    questions = run_context.of(current_host.state).get(_Questions, current_host.name)
    is_expected = questions is not None and question.key in questions.asked
    if questions and is_expected and not prefetch_store.has_run_something(current_host):
        if time.monotonic() - questions.at > prefetch_store.MAX_AGE:
            questions.answers = _ask(questions.asked.values())
            questions.at = time.monotonic()
        if question.key in questions.answers:
            known: T = questions.answers[question.key]
            return known
    return question.ask(current_host)


def _ask(questions: Collection[Question[Any]]) -> dict[object, Any]:
    """Return the answers by key, without those of commands that have failed."""
    host = current_host.state.inventory.get_host(current_host.name)
    alone = {each.key: gevent.spawn(each.ask, host) for each in questions if each.stdin}
    together = [each for each in questions if not each.stdin]
    facts = [each.fact() for each in together]
    commands = [fact.command(**each.arguments) for fact, each in zip(facts, together, strict=True)]
    output: list[str] = host.get_fact(Answers, commands=tuple(commands))
    parts = split(output)
    found: dict[object, Any] = {
        each.key: fact.process(parts[number])
        for number, (fact, each) in enumerate(zip(facts, together, strict=True))
        if number in parts
    }
    found.update((key, greenlet.get()) for key, greenlet in alone.items())
    return found


def split(output: Iterable[str]) -> dict[int, list[str]]:
    """Return the output of each command that has succeeded, by its number."""
    parts: dict[int, list[str]] = {}
    for line in output:
        number, _, text = line.partition(":")
        parts.setdefault(int(number), []).append(text)
    succeeded = {number: lines[:-1] for number, lines in parts.items() if lines[-1] == "0"}
    return {
        number: lines[:-1] if lines[-1:] == [""] else lines for number, lines in succeeded.items()
    }
