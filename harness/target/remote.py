"""A device that only IKE reaches, as a target file describes it; its commands are run if whoever runs us allows it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address

from harness.clock import WallClock
from harness.codes import Trigger
from harness.profile import Configuration, Credentials
from harness.target.contract import (
    TRIGGERS,
    Addresses,
    Event,
    NotApplicable,
    NotCaused,
    Outcome,
    TargetUnavailable,
)
from harness.target.file import KEPT_THERE, PROVOKE, TargetFile
from harness.target.shell import Command
from harness.target.way import Way, way_to
from harness.wire.datagram import Endpoint

COARSE_SHARE, COARSE_S = 0.05, 2.0
"""By how much a timer of a device may be late."""


@dataclass(frozen=True, slots=True)
class Leave:
    """What whoever runs the harness allows besides: that commands of a file are run, and global addresses tested."""

    commands: bool = False
    addresses: frozenset[str] = frozenset()


class Passing:
    """A trigger that comes about by waiting."""

    def __init__(self, trigger: Trigger, seconds: float) -> None:
        self._clock = WallClock()
        self._moment = self._clock.now() + seconds
        self._says = f"waited {seconds:g} s for {trigger}"

    def outcome(self) -> Outcome | None:
        """That the time is over; None before."""
        return Outcome(True, self._says) if self._clock.now() >= self._moment else None


class Remote:
    """The device of a target file."""

    def __init__(self, told: TargetFile, leave: Leave = Leave()) -> None:
        self.told = told
        self._leave = leave
        self._running: list[Command] = []

    @property
    def name(self) -> str:
        """As the file names it."""
        return self.told.about.name

    @property
    def version(self) -> str:
        """As the file says."""
        return self.told.about.version

    @property
    def abilities(self) -> frozenset[str]:
        """What the file says of it, and the triggers that can be caused."""
        told = self.told
        proofs = {"psk"} if told.configuration.psk else set[str]()
        proofs |= {"certificates"} if told.configuration.peer_credentials is not None else set()
        triggers = {str(each) for each in Trigger if self.why_not_caused(each) is None}
        provokes = {"provoke"} if triggers else set()
        return frozenset({"responder", *told.about.ike, *told.about.abilities} | proofs | triggers | provokes)

    # --- where it is --------------------------------------------------------------------------------------------

    @cached_property
    def _way(self) -> Way:
        mine = self.told.peers.addresses
        return way_to(self.address, mine[0] if mine else None)

    @property
    def interface(self) -> str:
        """The interface over which the way leads to it."""
        return self._way.interface

    @property
    def address(self) -> str:
        """Its address."""
        return self.told.about.address

    def peer_addresses(self, count: int) -> tuple[str, ...]:
        """Those that the file names, or ours on the way to it."""
        return (self.told.peers.addresses or (self._way.address,))[:count]

    def inside(self) -> AbstractContextManager[None]:
        """Peers stand here."""
        return nullcontext()

    def prepare(self) -> None:
        """See that there is a way to it, from elsewhere than where it is: by its address it is told from its peers."""
        for each in self.told.peers.addresses or (None,):
            if way_to(self.address, each).address == self.address:
                raise TargetUnavailable(
                    f"peers can't stand at {self.address}, which is the device's own address: name others in [peers]"
                )

    def start(self, configuration: Configuration, peer: Endpoint) -> Addresses:
        """It runs, for all we know, and is told nothing."""
        del configuration, peer
        about = self.told.about
        return Addresses(Endpoint(about.address, about.port), Endpoint(about.address, about.nat_port))

    def stop(self) -> None:
        """It runs on; commands that have not ended are ended."""
        for command in self._running:
            command.kill()
        self._running.clear()

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The file."""
        return self.told.path

    @property
    def configuration(self) -> Configuration:
        """What the file says that it is set up to be."""
        return self.told.configuration

    @property
    def lifetimes(self) -> Mapping[str, float | None]:
        """Those that the file declares."""
        return self.told.lifetimes

    @property
    def t_resp_s(self) -> float:
        """Seconds within which it answers."""
        return self.told.about.t_resp_s

    @property
    def peer_ports(self) -> tuple[int, int]:
        """From where the first peer at an address sends."""
        return self.told.peers.port, self.told.peers.nat_port

    @property
    def max_rate(self) -> int:
        """Datagrams in any second that it bears."""
        return self.told.limits.max_rate

    @property
    def stranger(self) -> Configuration | None:
        """The device with the peer of [identity.control] in place of the other one."""
        control = self.told.control
        if control is None:
            return None
        signs = control.certificate is not None
        return replace(
            self.configuration,
            remote_id=control.remote_id,
            local_auth="signature" if signs else "psk",
            remote_auth="signature" if signs else "psk",
            psk=control.psk or b"",
            credentials=Credentials(key=KEPT_THERE) if signs else None,
            peer_credentials=control.certificate,
        )

    def spares(self, address: str) -> bool:
        """Whether the address is of no private network, and neither the device's nor one that may be tested."""
        return ip_address(address).is_global and address not in {self.address, *self._leave.addresses}

    def refuses_attacks(self, today: str) -> str | None:
        """Why it must not be attacked on this day, in a sentence; None if its owner consents."""
        return self.told.refuses_attacks(today)

    # --- what happens to it -------------------------------------------------------------------------------------

    def provoke(self, trigger: Trigger) -> Event:
        """Cause a local event by the command that the file names for it, or by waiting for it."""
        if trigger not in TRIGGERS:
            raise NotApplicable(f"there is no trigger {trigger}")
        why = self.why_not_caused(trigger)
        if why is not None:
            raise NotCaused(why)
        command = self.told.provoke.get(trigger)
        return Passing(trigger, self.wait_for(trigger)) if command is None else self._begun(command)

    def why_not_caused(self, trigger: Trigger) -> str | None:
        """What the file, or whoever runs us, has to say so that the trigger can be caused."""
        path = self.told.path
        if trigger in self.told.provoke:
            return (
                None
                if self._leave.commands
                else (
                    f"[{PROVOKE}] of {path} names a command for {trigger}, and commands of a file are run only with "
                    "--allow-commands"
                )
            )
        return (
            None
            if self.wait_for(trigger)
            else f"[{PROVOKE}] of {path} names no command for {trigger}: add one"
        )

    def wait_for(self, trigger: Trigger) -> float:
        """Seconds until a limit has passed that the file declares; 0 for triggers that don't come by themselves."""
        limits, waits = self.lifetimes, self.told.waits
        hard = limits.get("child_hard")
        own = {
            Trigger.SOFT_EXPIRY: waits.soft_expiry or limits.get("child_soft") or hard,
            Trigger.HARD_EXPIRY: waits.hard_expiry or hard,
        }
        limit = 0.0 if trigger in self.told.provoke else own.get(trigger) or 0.0
        return limit * (1 + COARSE_SHARE) + COARSE_S if limit else 0.0

    def crashed(self) -> str | None:
        """What the command for it tells, if there is one that may be run; None while the device lives."""
        ended = self._run(self.told.probe.alive)
        return (
            None if ended is None or ended.caused else f"it does not live, says [probe] alive: {ended.says}"
        )

    def restart(self) -> None:
        """Start it again by the command for it; TargetUnavailable if there is none that may be run, or it fails."""
        ended = self._run(self.told.probe.restart)
        if ended is None:
            raise TargetUnavailable(f"[probe] of {self.told.path} has no restart that may be run")
        if not ended.caused:
            raise TargetUnavailable(f"{self.name} can't be started again: {ended.says}")

    def logs(self) -> str:
        """The last that it logged, by the command for it; empty if there is none that may be run."""
        ended = self._run(self.told.probe.log)
        return "" if ended is None else ended.says

    def _run(self, command: str | None) -> Outcome | None:
        return self._begun(command).finished() if command is not None and self._leave.commands else None

    def _begun(self, command: str) -> Command:
        self._running = [each for each in self._running if each.outcome() is None]
        begun = Command(command, self.told.limits.command_s, self._secrets)
        self._running.append(begun)
        return begun

    @property
    def _secrets(self) -> tuple[str, ...]:
        """What must not be told again if a command tells it."""
        ends = (self.configuration, self.stranger)
        return tuple(end.psk.decode(errors="replace") for end in ends if end is not None and end.psk)
