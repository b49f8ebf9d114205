"""`python -m web` is `enroute`."""

from web.cli import main

main()
