"""pyinfra's options for hosts, which each verb that reaches hosts takes and passes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])

# pyinfra's options for the hosts of a run, as pyinfra spells them: names, value, help.
# tests/unit/cli compares them with pyinfra's own.
HOST_OPTIONS: tuple[tuple[tuple[str, ...], str | None, str], ...] = (
    (("--limit",), "HOST", "Only this host or group. Repeatable."),
    (("--exclude",), "HOST", "Not this host or group. Repeatable."),
    (("--ssh-user", "--user"), "USER", "The user to log in as."),
    (("--ssh-port", "--port"), "PORT", "The port of SSH."),
    (("--ssh-key", "--key"), "FILE", "The private key."),
    (("--ssh-password-prompt",), None, "Ask for the password of SSH."),
    (("--sudo",), None, "Use sudo. Without it, sudo is used if it is needed."),
    (("--use-sudo-password",), None, "Ask each host's password of sudo."),
    (("--same-sudo-password",), None, "Ask once for the password of sudo on all hosts."),
    (("--data",), "KEY=VALUE", "Set a setting for this run. Repeatable."),
    (("--parallel",), "NUMBER", "The hosts at once."),
    (("--config",), "FILE", "pyinfra's own configuration."),
    (("--debug",), None, "Print what pyinfra does."),
)
REPEATABLE = ("--limit", "--exclude", "--data")


def add(function: C) -> C:
    """Give a verb pyinfra's options for its hosts. Its parameter `options` has their arguments."""
    for names, value, text in reversed(HOST_OPTIONS):
        function = click.option(
            *names,
            _parameter(names[0]),
            metavar=value,
            is_flag=value is None,
            multiple=names[0] in REPEATABLE,
            type=None if value is None else str,
            help=text,
            expose_value=False,
            callback=_collect,
        )(function)
    function = click.option(
        "-v",
        "verbosity",
        count=True,
        expose_value=False,
        callback=_collect,
        help="Print facts (-v), their commands (-vv) and all output (-vvv).",
    )(function)
    return function


def _parameter(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")


def _collect(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep the arguments of an option of pyinfra in the context."""
    given = ctx.meta.setdefault(__name__, [])
    name = param.opts[0]
    if param.name == "verbosity":
        given.extend(["-" + "v" * value] if value else [])
    elif isinstance(value, tuple):
        given.extend(part for each in value for part in (name, each))
    elif value is True:
        given.append(name)
    elif value:
        given.extend([name, value])


def given() -> list[str]:
    """Return the arguments of the command line that are pyinfra's, also those after `--`."""
    context = click.get_current_context()
    return [*context.meta.get(__name__, []), *(context.obj or [])]
