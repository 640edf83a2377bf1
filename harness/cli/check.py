"""`targets check`: whether a target can be tested from here, and what is missing for that."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from harness.bench.fitting import refuse_misfit
from harness.bench.links import LinkRefused
from harness.bench.reach import reach
from harness.bench.stage import abilities, grounds_of, link_to, may_use_ike_ports, may_use_raw_sockets
from harness.case import Case
from harness.cli import words
from harness.cli.elsewhere import leave, leave_options, show_commands
from harness.cli.selection import target_of
from harness.clock import started_at
from harness.codes import Trigger
from harness.record import printable
from harness.report.summary import ERROR_OF_OURS
from harness.target.contract import Elsewhere, NotApplicable, Target, TargetUnavailable

IMPOSSIBLE = "an-ability-that-does-not-exist"


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at; where it is `needed` and not `there`, nothing can be claimed of the target."""

    what: str
    there: bool
    says: str
    needed: bool = False

    @property
    def word(self) -> str:
        """How it is told."""
        return "ok" if self.there else "MISSING" if self.needed else "without"


class _Impossible(Case):
    """What no target can do."""

    needs = frozenset({IMPOSSIBLE})


@click.command("check")
@click.argument("name", metavar="NAME|FILE")
@leave_options
@words.as_json
def check_command(name: str, allow_commands: bool, i_may_test: tuple[str, ...], as_json: bool) -> int:
    """Ask a target's adapter, and the target by one first message, whether it can be tested from here.

    Exit status: 0 it can be, 3 its adapter promises what can't be or it answers nothing, 64 something that it needs is
    not here.
    """
    allowed = leave(allow_commands, i_may_test)
    target = target_of(name, allowed)
    show_commands(target, allowed)
    try:
        checks = tuple(_checks(target))
    finally:
        target.stop()
    missing = [each for each in checks if each.needed and not each.there]
    if as_json:
        told = {
            "format": 1,
            "target": {"name": target.name, "version": target.version},
            "ready": not missing,
            "checks": [asdict(each) for each in checks],
        }
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        for each in checks:
            click.echo(printable(f"{each.word:8}{each.what:19}{each.says}"))
    return ERROR_OF_OURS if missing else 0


def _checks(target: Target) -> Iterator[Checked]:
    yield Checked(
        "adapter", True, f"{target.name} {target.version}".strip() + " has what it needs", needed=True
    )
    yield _an_impossible_ability(target)
    yield from _of_the_link(target)
    if isinstance(target, Elsewhere):
        yield from _of_somebody(target)
    yield _tried("reach", lambda: reach(target), "it answers a first message")


def _an_impossible_ability(target: Target) -> Checked:
    link = link_to(target, None)
    try:
        refuse_misfit(_Impossible, target, abilities(link, target), target.name)
    except NotApplicable:
        return Checked("honesty", True, "what can't be is NOT_APPLICABLE", needed=True)
    return Checked("honesty", False, "its adapter claims an ability that can't exist", needed=True)


def _of_the_link(target: Target) -> Iterator[Checked]:
    grounds = grounds_of(target)
    with grounds.inside():
        first, *_ = grounds.peer_addresses(1)
        low = may_use_ike_ports(first)
    raw = may_use_raw_sockets()
    yield Checked(
        "peers",
        low,
        f"stand at {first}, on ports 500 and 4500"
        if low
        else f"stand at {first}, on free ports: 500 and 4500 are not to be had",
    )
    yield Checked(
        "raw sockets",
        raw,
        "ESP beside UDP, and a second tap"
        if raw
        else "no ESP beside UDP and no second tap: they are for root",
    )


def _of_somebody(device: Elsewhere) -> Iterator[Checked]:
    refused = device.refuses_attacks(started_at())
    yield Checked("consent", refused is None, refused or "it may be attacked")
    for trigger in Trigger:
        why = device.why_not_caused(trigger)
        yield Checked(str(trigger), why is None, why or "can be caused")


def _tried(what: str, attempt: Callable[[], None], says: str) -> Checked:
    try:
        attempt()
    except (TargetUnavailable, NotApplicable, LinkRefused) as why:
        return Checked(what, False, str(why), needed=True)
    return Checked(what, True, says, needed=True)
