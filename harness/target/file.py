"""A target file: a device that IKE alone reaches, in the words of whoever may test it.

Each table of the file is a declaration here: what is unknown, missing or of the wrong kind is refused by table and key,
and docs/targets.md is drawn from the same declarations. What the device is set up to be becomes a Configuration.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Literal, cast

from harness.codes import ProfileName, Trigger
from harness.files import octets_of, text_of
from harness.profile import Configuration, Credentials, Identity, Lifetimes
from harness.profile.configuration import address_identity
from harness.profile.written import Reader, Unfit
from harness.record import printable
from harness.target.contract import ABILITIES, PHASES, TRIGGERS

Phase = Literal["v1-main", "v1-aggressive", "v2"]
KEPT_THERE = b"the device keeps its key"
"""Stands for the private key of a device that signs: nobody here has it, nobody here needs it."""
BROADCAST = IPv4Address("255.255.255.255")
_DERIVED = {
    *TRIGGERS,
    *PHASES,
    "responder",
    "psk",
    "certificates",
    "configure",
    "two-way",
    "provoke",
    "show-sas",
}
ADMITTED = tuple(
    name for name, says in ABILITIES.items() if name not in _DERIVED and not says.startswith("of the link")
)
"""The abilities that a file may claim: those that do not follow from what else it says, or from the harness."""


class TargetFileError(ValueError):
    """A text that describes no target: the file, the table and key, and what would be right; never a secret."""


def _single_host(text: str) -> IPv4Address | IPv6Address:
    """The address of one machine; ValueError with a sentence if it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address; names are not looked up") from None
    if getattr(address, "ipv4_mapped", None) is not None:
        raise ValueError(f"{text} is an IPv4 address in disguise; write it as one")
    if address.is_multicast or address.is_unspecified or address == BROADCAST:
        raise ValueError(f"{text} is not the address of one device")
    return address


def _check_ports(port: int, nat_port: int) -> None:
    if not all(0 < each < 1 << 16 for each in (port, nat_port)) or port == nat_port:
        raise ValueError("port and nat_port are two numbers from 1 to 65535")


def _positive(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and number <= 0:
            raise ValueError(f"{name} is positive, not {number:g}")


@dataclass(frozen=True, slots=True)
class About:
    """Which device it is, and what it is set up to be."""

    name: str
    """How reports call it."""
    kind: Literal["remote"]
    address: str
    """Its address, IPv4 or IPv6."""
    configured_as: ProfileName
    """What it is set up to be: a positive control is set up two-way and judged strict."""
    ike: tuple[Phase, ...]
    """What it answers."""
    authorised: str = ""
    """The laboratory, ticket or contract that allows the test; fuzzing asks for it."""
    port: int = 500
    nat_port: int = 4500
    """Where it takes IKE and ESP in UDP (RFC 3948)."""
    abilities: tuple[str, ...] = ()
    """What else it can and is set up to do."""
    version: str = ""
    """What it runs, for reports."""
    t_resp_s: float = 5.0
    """Seconds within which it answers a valid request; 30 are usual with EAP."""

    def __post_init__(self) -> None:
        if not self.name or not f"{self.name}{self.version}".isprintable():
            raise ValueError("name and version are words that can be printed")
        if not self.ike:
            raise ValueError("ike names at least one of v1-main, v1-aggressive, v2")
        object.__setattr__(self, "address", str(_single_host(self.address)))  # as sockets write it
        _check_ports(self.port, self.nat_port)
        _positive(t_resp_s=self.t_resp_s)
        unknown = sorted(set(self.abilities) - set(ADMITTED))
        if unknown:
            raise ValueError(f"no ability is called {unknown[0]!r}; abilities are {', '.join(ADMITTED)}")


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the peers of a run stand."""

    addresses: tuple[str, ...] = ()
    """Addresses of this machine, a peer each as far as they go; unsaid, that from which the way leads to the device."""
    port: int = 500
    nat_port: int = 4500
    """From where the first peer at an address sends; 500 and 4500 if they can be had, others in any case."""

    def __post_init__(self) -> None:
        _check_ports(self.port, self.nat_port)
        object.__setattr__(self, "addresses", tuple(str(_single_host(each)) for each in self.addresses))


@dataclass(frozen=True, slots=True)
class Control:
    """Another peer that the device knows: as it, the stranger who ends a case makes a whole handshake."""

    remote_id: Identity
    psk: bytes | None = field(default=None, repr=False)
    certificate: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends as the device is told: itself is local, the peer is remote. A shared key or a certificate is needed."""

    local_id: Identity | None = None
    """Unsaid, its address."""
    remote_id: Identity | None = None
    """Unsaid, the peer's address."""
    psk: bytes | None = field(default=None, repr=False)
    """The shared key."""
    certificate: Credentials | None = None
    """The peer's certificate, its key, and the authorities that the device's certificate comes from."""
    control: Control | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """Triggers that come about by waiting, and the seconds until then; unsaid, the declared lifetimes of a Child SA."""

    soft_expiry: float | None = None
    hard_expiry: float | None = None

    def __post_init__(self) -> None:
        _positive(soft_expiry=self.soft_expiry, hard_expiry=self.hard_expiry)


@dataclass(frozen=True, slots=True)
class Probe:
    """Commands that tell of the device's life, for a shell."""

    alive: str | None = None
    """Ends with status 0 as long as the device lives."""
    restart: str | None = None
    """Starts it again after it died."""
    log: str | None = None
    """Prints what the device logged; its last lines go into the evidence."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Who allowed that the device is attacked (fuzzing, shapes of known defects, floods), and how long."""

    owner: str
    until: str
    """The last day, as 2026-12-31."""

    def __post_init__(self) -> None:
        if not self.owner.strip():
            raise ValueError("owner is who gave the consent")
        try:
            date.fromisoformat(self.until)
        except ValueError:
            raise ValueError(f"until is no date: {self.until}; write YYYY-MM-DD") from None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the device, and whoever shares its network, must not be asked to bear."""

    max_rate: int = 50
    """Datagrams in any second."""
    command_s: float = 30.0
    """Seconds that a command may take."""

    def __post_init__(self) -> None:
        _positive(max_rate=self.max_rate, command_s=self.command_s)


TABLES: Mapping[str, type] = {
    "target": About,
    "peers": Peers,
    "identity": Ends,
    "lifetimes": Lifetimes,
    "waits": Waits,
    "probe": Probe,
    "consent": Consent,
    "limits": Limits,
}
"""The tables of a target file but for two, by their names: `[provoke]` has a command for each trigger, and
`[configuration]` the fields of the Configuration that no other table says."""
PROVOKE, CONFIGURATION = "provoke", "configuration"
SAID_ELSEWHERE: Mapping[str, str] = {
    "profile": "configured_as in [target]",
    "versions": "ike in [target]",
    "aggressive": "ike in [target]",
    "local_address": "address in [target]",
    "peer": "addresses in [peers]",
    "local_id": "local_id in [identity]",
    "remote_id": "remote_id in [identity]",
    "psk": "psk in [identity]",
    "credentials": "certificate in [identity]",
    "peer_credentials": "certificate in [identity]",
    "lifetimes": "[lifetimes]",
}
"""The fields of the Configuration that another table says."""


@dataclass(frozen=True, slots=True)
class TargetFile:
    """What a target file says."""

    path: str
    """As the user named it."""
    about: About
    configuration: Configuration
    """What the device is set up to be."""
    lifetimes: Mapping[str, float | None]
    """Those that the file declares: of others nothing is known."""
    peers: Peers = Peers()
    control: Control | None = None
    waits: Waits = Waits()
    provoke: Mapping[Trigger, str] = field(default_factory=dict)
    probe: Probe = Probe()
    consent: Consent | None = None
    limits: Limits = Limits()

    @property
    def commands(self) -> Mapping[str, str]:
        """Each command of the file, by its table and key."""
        probes = {name: getattr(self.probe, name) for name in Probe.__slots__}
        return {
            **{f"{PROVOKE}.{trigger}": command for trigger, command in self.provoke.items()},
            **{f"probe.{name}": command for name, command in probes.items() if command is not None},
        }

    @property
    def is_global(self) -> bool:
        """Whether the device may be anybody's: its address is none of a private network."""
        return ip_address(self.about.address).is_global

    def refuses_attacks(self, today: str) -> str | None:
        """Why the device must not be attacked on this day (ISO 8601), in a sentence; None if it may be."""
        if self.consent is None:
            return (
                f"{self.path}: a device elsewhere is attacked only with its owner's consent: "
                "add [consent] with owner and until"
            )
        if not self.about.authorised:
            return f"{self.path}: consent without authority: say in [target] what it is authorised by"
        if date.fromisoformat(self.consent.until) < date.fromisoformat(today[:10]):
            return f"{self.path}: the consent ended on {self.consent.until}; ask {self.consent.owner} again"
        return None


def read(path: Path, environment: Mapping[str, str] = os.environ) -> TargetFile:
    """What the file says; secrets may be in files, named from its directory on, or in the environment."""
    try:
        return read_tables(load(path), str(path), Reader(_files(path.parent), environment))
    except Unfit as why:
        raise TargetFileError(f"{printable(str(path))}: {printable(str(why))}") from None


def load(path: Path) -> dict[str, Any]:
    """The tables of a file of TOML; TargetFileError if it is none."""
    told = printable(str(path))
    try:
        return tomllib.loads(text_of(path))
    except OSError as why:
        raise TargetFileError(f"{told}: can't be read ({why.strerror}); name a target file") from None
    except RecursionError:
        raise TargetFileError(f"{told}: no TOML: too deeply nested") from None
    except ValueError as why:
        raise TargetFileError(f"{told}: no TOML: {printable(str(why))}") from None


def read_tables(tables: Mapping[str, Any], path: str, reader: Reader) -> TargetFile:
    """What the tables say; Unfit names the table and key that say nothing."""
    known = (*TABLES, PROVOKE, CONFIGURATION)
    for name, table in tables.items():
        if name not in known:
            raise Unfit(name, f"unknown; the tables are {', '.join(known)}")
        if not isinstance(table, Mapping):
            raise Unfit(name, "a table follows")
    if "target" not in tables:
        raise Unfit("target", "missing; it says which device is meant")
    said = {
        name: reader.read(kind, _without_dates(tables.get(name, {})), name)
        for name, kind in TABLES.items()
        if name in tables or name != "consent"
    }
    about, ends = said["target"], said["identity"]
    declared = {name: getattr(said["lifetimes"], name) for name in tables.get("lifetimes", {})}
    configuration = _configuration(about, ends, declared, tables.get(CONFIGURATION, {}), reader)
    return TargetFile(
        path=path,
        about=about,
        configuration=configuration,
        lifetimes=declared,
        peers=said["peers"],
        control=_checked(ends.control),
        waits=said["waits"],
        provoke=_commands(tables.get(PROVOKE, {})),
        probe=said["probe"],
        consent=said.get("consent"),
        limits=said["limits"],
    )


def _files(directory: Path) -> Any:
    return lambda name: octets_of(directory / name)


def _without_dates(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in table.items()}


def _commands(table: Mapping[str, Any]) -> dict[Trigger, str]:
    for name, command in table.items():
        if name not in TRIGGERS:
            raise Unfit(f"{PROVOKE}.{name}", f"no trigger; the triggers are {', '.join(Trigger)}")
        if not isinstance(command, str) or not command.strip():
            raise Unfit(f"{PROVOKE}.{name}", "a command for a shell follows, as a text")
    return {Trigger(name): command for name, command in table.items()}


def _checked(control: Control | None) -> Control | None:
    if control is not None and (control.psk is None) == (control.certificate is None):
        raise Unfit("identity.control", "a psk or a certificate follows, and not both")
    return control


def _configuration(
    about: About,
    ends: Ends,
    lifetimes: Mapping[str, Any],
    further: Mapping[str, Any],
    reader: Reader,
) -> Configuration:
    """The device as the catalogue speaks of devices."""
    for name in further:
        if name in SAID_ELSEWHERE:
            raise Unfit(f"{CONFIGURATION}.{name}", f"this is said by {SAID_ELSEWHERE[name]}")
    proof = "psk" if ends.certificate is None else "signature"
    proofs = {"local_auth": proof, "remote_auth": proof}
    written = {**proofs, **further}
    if "psk" in (written["local_auth"], written["remote_auth"]) and not ends.psk:
        raise Unfit("identity", "psk is missing, or a certificate")
    wanted = {name: value for name, value in written.items() if name not in proofs}
    made = cast("Configuration", reader.read(Configuration, wanted, CONFIGURATION))
    known = {
        name: reader.field(Configuration, name, written[name], f"{CONFIGURATION}.{name}") for name in proofs
    }
    kept = Credentials(key=KEPT_THERE) if known["local_auth"] == "signature" else None
    try:
        return replace(
            made,
            profile=about.configured_as,
            versions=tuple(sorted({int(each[1]) for each in about.ike})),
            aggressive="v1-aggressive" in about.ike,
            local_id=ends.local_id or address_identity(about.address),
            remote_id=ends.remote_id,
            psk=ends.psk or b"",
            credentials=kept,
            peer_credentials=ends.certificate,
            local_address=about.address,
            peer=None,
            **known,
        ).with_lifetimes(**lifetimes)
    except ValueError as why:
        raise Unfit(CONFIGURATION, str(why)) from None
