"""``python -m cctrawl``: the command, for where it is not on the path."""

from cctrawl.cli import main

main()
