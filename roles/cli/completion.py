"""`./run completion`: print the script with which a shell completes `./run`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from . import exit_status
from .group import COMPLETE, group


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh"]))
def completion(shell: str) -> int:
    """Print the script with which bash or zsh completes commands, options and sites.

    In ~/.bashrc: eval "$(/path/to/run completion bash)". In ~/.zshrc, after compinit: the same with
    zsh.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(_by_path(kind(group, {}, "run", COMPLETE).source()))
    return exit_status.OK


def _by_path(script: str) -> str:
    """Return click's script for a program that is called by its path and is not on the PATH.

    click's script for bash calls the word that was typed; the script for zsh calls `run`.
    """
    script = script.replace("(( ! $+commands[run] )) && return 1", "")
    return script.replace("_COMPLETE=zsh_complete run)", '_COMPLETE=zsh_complete "${words[1]}")')
