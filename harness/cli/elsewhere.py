"""What a device that is somebody else's asks of whoever tests it: leave, consent, and one run at a time."""

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

import click

from harness.bench.catalogue import Entry
from harness.bench.fitting import is_attack
from harness.cli.wrong import WrongInput
from harness.clock import started_at
from harness.record import printable
from harness.target.contract import Elsewhere, Target
from harness.target.remote import Leave, Remote


def _addresses(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Each address as sockets write it."""
    try:
        return tuple(str(ip_address(each)) for each in given)
    except ValueError as why:
        raise click.BadParameter(str(why), ctx, param) from None


def leave_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which leave is given: `allow_commands` and `i_may_test`."""
    options = (
        click.option(
            "--allow-commands",
            is_flag=True,
            help="Run the commands that the target file names; they are shown first.",
        ),
        click.option(
            "--i-may-test",
            multiple=True,
            callback=_addresses,
            metavar="ADDRESS",
            help="You may test the device there, though its address is in no private network.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def leave(allow_commands: bool, i_may_test: Iterable[str]) -> Leave:
    """What the options say."""
    return Leave(allow_commands, frozenset(i_may_test))


def show_commands(target: Target, allowed: Leave) -> None:
    """Show what may be run of a target file, before anything is."""
    if not isinstance(target, Remote) or not allowed.commands:
        return
    for place, command in target.told.commands.items():
        click.echo(printable(f"{target.told.path}: {place} runs: {command}"), err=True)


def refuse_attack(target: Target, what: str) -> None:
    """WrongInput if the target is somebody's who did not consent to `what`."""
    why = target.refuses_attacks(started_at()) if isinstance(target, Elsewhere) else None
    if why is not None:
        raise WrongInput(f"{what}: {why}")


def jobs_at(target: Target, *others: Target, jobs: int | None) -> int | None:
    """How many cases may be played at a time: somebody's device is one, and meets one, whatever is played beside it."""
    if others or not isinstance(target, Elsewhere):
        return jobs
    if jobs not in (None, 1):
        raise WrongInput(f"{target.name} is one device, and meets one case at a time: leave --jobs away")
    return 1


def refuse_run(target: Target, entries: Iterable[Entry], configured_as: str | None) -> None:
    """WrongInput if a run asks more of somebody's device than may be asked."""
    if not isinstance(target, Elsewhere):
        return
    stands = target.configuration.profile
    if configured_as not in (None, stands):
        raise WrongInput(
            f"{target.name} is configured as {stands}, says its file: leave --configured-as away, or correct the file"
        )
    attack = next((entry for entry in entries if is_attack(entry.kind)), None)
    if attack is not None:
        refuse_attack(target, f"{attack.id} has the shape of an attack (select other cases, or)")
