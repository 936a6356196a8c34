"""The command line: parse, call, print; no logic.

`app` is the program: its commands, loaded when they are called, and what an error looks like. `options` are shared,
`defaults` come from variables and ``config.toml``. Each other module holds one group of commands.
"""

from cctrawl.cli.app import main

__all__ = ["main"]
