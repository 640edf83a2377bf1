"""`targets`: implementations that can be fetched, devices that a person sets up, and what can be tested from here."""

from pathlib import Path

import click

from harness.cli import words
from harness.cli.check import check_command
from harness.cli.device import config_command
from harness.cli.wrong import WrongInput
from harness.target.contract import TargetUnavailable
from harness.target.packages import PACKAGES, default_cache, fetch


@click.group("targets")
def targets_command() -> None:
    """Fetch implementations to test, print how a device is set up, and check targets."""


targets_command.add_command(check_command)
targets_command.add_command(config_command)


@targets_command.command("install")
@click.argument("names", nargs=-1, required=True, type=click.Choice(list(PACKAGES)), metavar="NAME…")
@click.option(
    "--cache", type=words.DIRECTORY, help="Where to keep them; default: the user's cache directory."
)
def install_command(names: tuple[str, ...], cache: Path | None) -> int:
    """Unpack Debian's packages in a directory of their own: nothing is installed, no service started."""
    for name in names:
        try:
            prefix = fetch(name, cache or default_cache())
        except TargetUnavailable as why:
            raise WrongInput(str(why)) from why
        click.echo(f"{name} {prefix.version}: {prefix.root}")
    return 0


install_command.epilog = f"NAME is one of {', '.join(PACKAGES)}."
