"""What a user's selectors and target name mean."""

from pathlib import Path

from harness.bench.catalogue import Entry, NoSuchCase, catalogue, select
from harness.bench.stage import LinkKind, NoSuchLink, link_to
from harness.cli.wrong import WrongInput
from harness.record import Departure
from harness.target.contract import Target, TargetUnavailable
from harness.target.departures import Unreasoned, known
from harness.target.named import NO_LEAVE, NoSuchTarget, named, own_file_of
from harness.target.probe import probe
from harness.target.remote import Leave


def chosen(selected: tuple[str, ...], own: tuple[Path, ...]) -> tuple[Entry, ...]:
    """The cases that the selectors name; WrongInput if one names nothing."""
    try:
        entries = select(catalogue(path.resolve() for path in own), selected)
    except NoSuchCase as why:
        raise WrongInput(str(why)) from why
    if not entries:
        raise WrongInput("there are no cases here: name a directory of them with --cases")
    return entries


def target_of(name: str, leave: Leave = NO_LEAVE, configured_as: str | None = None) -> Target:
    """The target that a user names, ready for use; WrongInput if there is none, or something is missing for it."""
    try:
        target = named(name, leave, own_file_of(configured_as))
        probe(target)
    except (NoSuchTarget, TargetUnavailable) as why:
        raise WrongInput(str(why)) from why
    return target


def link_of(target: Target, asked: str | None) -> LinkKind:
    """The link that a user asked for, or that the target is met on; WrongInput if it can't be met on that."""
    try:
        return link_to(target, LinkKind(asked) if asked else None)
    except NoSuchLink as why:
        raise WrongInput(str(why)) from why


def departures_of(target: Target, file: Path | None) -> tuple[Departure, ...]:
    """What is known of a target, from `file` or as it is shipped; WrongInput if that can't be relied on."""
    try:
        return known(target.name, file)
    except Unreasoned as why:
        raise WrongInput(str(why)) from why
