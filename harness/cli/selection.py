"""What a user's selectors and target name mean."""

from pathlib import Path

from harness.bench.catalogue import Entry, NoSuchCase, catalogue, select
from harness.cli.wrong import WrongInput
from harness.target.contract import Target
from harness.target.named import NoSuchTarget, named


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
