"""Options that several commands have, and how their values are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.bench.catalogue import Entry, NoSuchCase, catalogue, select
from harness.bench.stage import LinkKind
from harness.cli.wrong import WrongInput
from harness.codes import ProfileName
from harness.target.contract import Target
from harness.target.named import NoSuchTarget, named

F = TypeVar("F", bound=Callable[..., Any])

PROFILES = click.Choice([str(name) for name in ProfileName])
LINKS = click.Choice([str(kind) for kind in LinkKind])
DIRECTORY = click.Path(file_okay=False, path_type=Path)
EXISTING_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
ANY_PATH = click.Path(path_type=Path)

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
    "--link", type=LINKS, default=str(LinkKind.VIRTUAL), show_default=True, help="How the two ends meet."
)


def chosen(selected: tuple[str, ...], own: tuple[Path, ...]) -> tuple[Entry, ...]:
    """The cases that the selectors name; WrongInput if one names nothing."""
    try:
        entries = select(catalogue(path.resolve() for path in own), selected)
    except NoSuchCase as why:
        raise WrongInput(str(why)) from why
    if not entries:
        raise WrongInput("there are no cases here: name a directory of them with --cases")
    return entries


def target_of(name: str) -> Target:
    """The target that a user names; WrongInput if there is none."""
    try:
        return named(name)
    except NoSuchTarget as why:
        raise WrongInput(str(why)) from why
