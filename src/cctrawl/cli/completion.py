"""Shell completion: the command that prints the script, and what stands for arguments."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from cctrawl.cli.options import complete_file, silent_option, verbose_option

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_CCTRAWL_COMPLETE"  # click's own name for it; the script sets it


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@silent_option
@verbose_option
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and files in SHELL: bash (4.4 or newer), zsh or fish.

    \b
    eval "$(cctrawl completion bash)"            # in ~/.bashrc
    eval "$(cctrawl completion zsh)"             # in ~/.zshrc, behind compinit
    cctrawl completion fish > ~/.config/fish/completions/cctrawl.fish
    """  # noqa: D301 - \b is the character that keeps click from wrapping
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has those of SHELLS
    click.echo(kind(context.find_root().command, {}, "cctrawl", VARIABLE).source())


def complete_job(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the shipped jobs that begin so, else let the shell complete a file: ``my_job.py:function``."""
    from cctrawl.runs.jobs import shipped_jobs  # noqa: PLC0415 - not needed for --help

    jobs = [
        CompletionItem(name, help=job.summary) for name, job in shipped_jobs().items() if name.startswith(begun)
    ]
    return jobs or complete_file(context, parameter, begun)
