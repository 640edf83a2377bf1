"""What the bench needs of a target: start, address, stop; and the abilities that a target may have besides."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.clock import Entropy
from harness.codes import Trigger
from harness.profile import Configuration
from harness.wire.datagram import Datagram, Endpoint

TRIGGERS = frozenset(str(trigger) for trigger in Trigger)
ABILITIES = {
    "responder": "answers IKE",
    "psk": "authenticates with a pre-shared key",
    "certificates": "authenticates with certificates, and asks for them",
    "eap": "lets clients of IKEv2 authenticate by EAP",
    "null-auth": "does without authentication in IKEv2 where it is told to",
    "ppk": "mixes post-quantum preshared keys into those of IKEv2",
    "v2": "speaks IKEv2",
    "v1-main": "answers Main Mode",
    "v1-aggressive": "answers Aggressive Mode",
    "cookies": "can be told to demand cookies",
    "inner-addresses": "gives clients of IKEv2 inner addresses out of a pool",
    "redirect": "sends clients to another gateway where it is told to (RFC 5685)",
    "mobike": "lets IKE SAs move to other addresses (RFC 4555)",
    "resumption": "gives tickets and resumes sessions by them (RFC 5723)",
    "crash-detection": "gives tokens and heeds those of its peers (RFC 6290)",
    "auth-lifetime": "limits how long an authentication is good for (RFC 4478)",
    "childless": "makes IKE SAs without a first Child SA, or is told not to (RFC 6023)",
    "tcp-encapsulation": "serves IKE and ESP over TCP, on its port of NAT traversal",
    "puzzles": "can be told to set puzzles",
    "intermediate": "agrees to IKE_INTERMEDIATE where it is offered",
    "additional-key-exchanges": "can be told to make additional key exchanges",
    "configure": "can be set up for a single case",
    "two-way": "can be set up to initiate",
    "provoke": "can be given a reason to initiate",
    "show-sas": "lists its SAs",
    "standby": "can be two nodes behind one address",
    "data": "carries packets through its Child SAs, and answers echo requests in them",
    **{trigger: f"the trigger {trigger} can be caused" for trigger in sorted(TRIGGERS)},
    "virtual-clock": "of the link: hours pass in no time",
    "real-clock": "of the link: time is real",
    "many-addresses": "of the link: peers may have any address",
    "second-address": "of the link: a peer can go on from another address",
    "esp": "of the link: carries IP protocol 50",
    "icmp": "of the link: carries ICMP",
    "tcp": "of the link: carries TCP segments",
    "fragments": "of the link: carries IP fragments",
}
"""Everything that a case may need of a target or a link, and what it means."""
PHASES = ("v2", "v1-main", "v1-aggressive")
"""The abilities to answer a first message, that of the newest version first."""


class TargetUnavailable(Exception):
    """The target can't be started or reached; the sentence says why. The fault is not its conformance."""


class NotApplicable(Exception):
    """What a case needs does not exist on this target or this link; the sentence says what."""


class NotCaused(Exception):
    """A trigger that a case needs can't be caused as things are; the sentence says what to do about it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a target listens: for IKE, and for IKE and ESP in UDP (RFC 3948)."""

    ike: Endpoint
    natt: Endpoint

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses without their ports, each once."""
        return tuple(dict.fromkeys((self.ike.address, self.natt.address)))


def endpoint(text: str) -> Endpoint:
    """The endpoint that `192.0.2.1:500` or `[2001:db8::1]:500` names; ValueError with a sentence otherwise."""
    address, _, port = text.rpartition(":")
    try:
        return Endpoint(str(ip_address(address.strip("[]"))), int(port))
    except ValueError:
        raise ValueError(f"{text!r} is no ADDRESS:PORT") from None


class Target(Protocol):
    """An implementation under test."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    @property
    def version(self) -> str:
        """What it says of its version; may be empty before the first start."""
        ...

    @property
    def abilities(self) -> frozenset[str]:
        """What a case may need of it: `psk`, `v2`, `v1-main`, `configure`, `provoke`, names of triggers …"""
        ...

    def start(self, configuration: Configuration, peer: Endpoint) -> Addresses:
        """Make it ready for a case, freshly or still running; TargetUnavailable if it can't be."""
        ...

    def stop(self) -> None:
        """End it; harmless if it does not run."""
        ...


class SansIo(Protocol):
    """A device without sockets, as a virtual link plays it."""

    @property
    def next_wake(self) -> float | None:
        """When `wake` is next to be called."""
        ...

    def receive(self, datagram: Datagram, now: float) -> Any:
        """Take one datagram in."""
        ...

    def wake(self, now: float) -> Any:
        """Do what is due."""
        ...

    def provoke(self, trigger: Trigger, now: float) -> Any:
        """Let a local event happen."""
        ...


@runtime_checkable
class InProcess(Protocol):
    """The ability to be played on a virtual link."""

    def device(self, configuration: Configuration, entropy: Entropy) -> SansIo:
        """A fresh device of this configuration."""
        ...


@runtime_checkable
class Grounds(Protocol):
    """The ability to say where peers stand; those of a target without it have loopback addresses."""

    @property
    def interface(self) -> str:
        """The network interface there that leads to the target."""
        ...

    @property
    def address(self) -> str:
        """The target's own address."""
        ...

    def peer_addresses(self, count: int) -> tuple[str, ...]:
        """The addresses that `count` peers can have, always the same; fewer, but at least one, if there are no more."""
        ...

    def inside(self) -> AbstractContextManager[None]:
        """Sockets and taps that are opened in this context stand there, and go on standing there after it."""
        ...


@runtime_checkable
class SetUpByFile(Protocol):
    """The ability to be set up by a file that a user wrote in the target's own words."""

    @property
    def own_file(self) -> Path | None:
        """That file; None: it is set up as a case asks."""
        ...


def own_file(target: Target) -> Path | None:
    """The user's own file that a target is set up by, if it is."""
    return target.own_file if isinstance(target, SetUpByFile) else None


@runtime_checkable
class Prepares(Protocol):
    """The ability to see to it, before the first case, that everything is there."""

    def prepare(self) -> None:
        """Fetch what can be fetched; TargetUnavailable says what is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a local event that was to be caused: whether it happened, and in words."""

    caused: bool
    says: str


class Event(Protocol):
    """A local event that takes its time; the peers go on answering meanwhile."""

    def outcome(self) -> Outcome | None:
        """What came of it; None until that is known."""
        ...


@runtime_checkable
class Provokes(Protocol):
    """The ability to cause local events at the target."""

    def provoke(self, trigger: Trigger) -> str | Event:
        """Cause it; what came of it, in words, if that is known at once. NotApplicable if that is beyond this target."""
        ...


@runtime_checkable
class Elsewhere(Protocol):
    """The quality of being somebody's device: it can't be set up for a case, and must not be asked to bear everything."""

    @property
    def path(self) -> str:
        """The file that describes it, as the user named it."""
        ...

    @property
    def configuration(self) -> Configuration:
        """What it is said to be set up to be."""
        ...

    @property
    def lifetimes(self) -> Mapping[str, float | None]:
        """Those of its configuration that somebody declared; of others nothing is known."""
        ...

    @property
    def t_resp_s(self) -> float:
        """Seconds within which it answers a valid request."""
        ...

    @property
    def peer_ports(self) -> tuple[int, int]:
        """From where the first peer at an address is to send IKE, and IKE behind a NAT."""
        ...

    @property
    def max_rate(self) -> int:
        """How many datagrams it may be sent in any second."""
        ...

    @property
    def stranger(self) -> Configuration | None:
        """The device as a peer meets it that no case needs, if it knows such a one."""
        ...

    def why_not_caused(self, trigger: Trigger) -> str | None:
        """What to do so that this trigger can be caused; None if it can be."""
        ...

    def wait_for(self, trigger: Trigger) -> float:
        """Seconds until this trigger comes about by itself; 0 if it is not waited for."""
        ...

    def spares(self, address: str) -> bool:
        """Whether nothing may be sent there, whatever the device says of it: it may be anybody's address."""
        ...

    def refuses_attacks(self, today: str) -> str | None:
        """Why it must not be attacked on this day (ISO 8601), in a sentence; None if it may be."""
        ...


@runtime_checkable
class ShowsSas(Protocol):
    """The ability to list the target's SAs."""

    def show_sas(self) -> list[dict[str, Any]]:
        """The SAs as plain data."""
        ...


@runtime_checkable
class Explains(Protocol):
    """The ability to say what makes it what it is configured to be."""

    def switches(self) -> Mapping[str, str]:
        """Those of its own settings that decide what it starts by itself, each with its reason."""
        ...


@runtime_checkable
class GivesLogs(Protocol):
    """The ability to hand over log lines."""

    def logs(self) -> str:
        """What the target logged since its start."""
        ...


@runtime_checkable
class Crashes(Protocol):
    """The ability to tell whether the target died."""

    def crashed(self) -> str | None:
        """How it died, in words; None while it runs."""
        ...


@runtime_checkable
class Restarts(Protocol):
    """The ability to start the target again after it died."""

    def restart(self) -> None:
        """Start it as it was configured last."""
        ...
