"""Events: told in the log, as nothing listens to them yet."""

import click

commands: tuple[click.Command, ...] = ()
