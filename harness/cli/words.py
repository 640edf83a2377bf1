"""Options that several commands have."""

import json
from math import isfinite
from pathlib import Path
from typing import Any

import click

from harness.bench.stage import LinkKind
from harness.codes import ProfileName


class _ProfileOrFile(click.ParamType[str]):
    """A profile by its name, or the path of a file that is there."""

    name = "profile or file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The profile's name, or the whole path."""
        if value in list(ProfileName):
            return str(value)
        if not Path(value).is_file():
            self.fail(f"{value!r} is neither one of {', '.join(ProfileName)} nor a file", param, ctx)
        return str(Path(value).resolve())


PROFILES = click.Choice([str(name) for name in ProfileName])
PROFILE_OR_FILE = _ProfileOrFile()
LINKS = click.Choice([str(kind) for kind in LinkKind])
DIRECTORY = click.Path(file_okay=False, path_type=Path)
EXISTING_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
ANY_PATH = click.Path(path_type=Path)


class Seconds(click.FloatRange):
    """A number of seconds that ends: neither `nan` nor `inf`."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; what is none, or too small, is refused."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return number


selectors = click.argument("selectors", nargs=-1, metavar="[SELECTOR]…")
cases = click.option(
    "--cases",
    multiple=True,
    type=EXISTING_DIRECTORY,
    metavar="DIR",
    help="Cases of your own, besides the catalogue.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable, in a shape that is kept.")
profile = click.option("--profile", type=PROFILES, help="What the target is judged by.")
strict = click.option("--strict", is_flag=True, help="A broken SHOULD fails too.")
seed = click.option(
    "--seed", type=click.IntRange(min=0), help="Repeats a run octet for octet on a virtual link."
)
link = click.option(
    "--link",
    type=LINKS,
    help="How the two ends meet; default: virtual, or udp where the target has sockets of its own.",
)


def tell_json(value: Any) -> None:
    """Print a value as JSON, in ASCII alone: nothing that stands in it can move a cursor."""
    click.echo(json.dumps(value, indent=1))
