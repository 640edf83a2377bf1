"""What a gateway of remote clients is set up with besides tunnels: addresses to give, redirection, mobility, tickets."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Literal


@dataclass(frozen=True, slots=True)
class AddressPool:
    """Inner addresses to give to clients, of one family, and what goes with them (RFC 7296 section 3.15, Mode-Config).

    `demanded`: a client that asks for no address is refused (FAILED_CP_REQUIRED).
    """

    subnet: str
    dns: tuple[str, ...] = ()
    demanded: bool = False

    def __post_init__(self) -> None:
        ip_network(self.subnet)
        for server in self.dns:
            ip_address(server)

    @property
    def version(self) -> int:
        """The version of IP, 4 or 6."""
        return ip_network(self.subnet).version

    @property
    def prefix(self) -> int:
        """The length of the subnet's prefix."""
        return ip_network(self.subnet).prefixlen

    @property
    def netmask(self) -> bytes:
        """The subnet's mask, as many octets as an address has."""
        return ip_network(self.subnet).netmask.packed

    def __contains__(self, address: bytes) -> bool:
        network = ip_network(self.subnet)
        size = 4 if network.version == 4 else 16
        if len(address) != size or ip_address(address) not in network:
            return False
        ends = (network.network_address, network.broadcast_address)
        return network.num_addresses <= 2 or ip_address(address) not in ends

    def addresses(self) -> Iterator[bytes]:
        """The addresses to give, lowest first."""
        return (address.packed for address in ip_network(self.subnet).hosts())

    def servers(self) -> Iterator[bytes]:
        """The name servers' addresses."""
        return (ip_address(server).packed for server in self.dns)


GatewayKind = Literal["ipv4", "ipv6", "fqdn"]


@dataclass(frozen=True, slots=True)
class Redirect:
    """The gateway that clients are sent to, and when they are: RFC 5685 sections 3, 6 and 5.

    `patience` is how many seconds a client that was told `established` may take before its SA is deleted.
    """

    kind: GatewayKind
    gateway: str
    when: Literal["init", "auth", "established"] = "init"
    patience: float = 10.0

    def __post_init__(self) -> None:
        if self.kind != "fqdn" and f"ipv{ip_address(self.gateway).version}" != self.kind:
            raise ValueError(f"{self.gateway!r} is no {self.kind} address")
        if len(self.gateway.encode()) > 255:
            raise ValueError("a gateway's name has at most 255 octets")

    @property
    def identity(self) -> bytes:
        """The gateway as it stands in the notify: an address' octets, or the name's (RFC 5685 section 9.2)."""
        return self.gateway.encode() if self.kind == "fqdn" else ip_address(self.gateway).packed


@dataclass(frozen=True, slots=True)
class Mobility:
    """MOBIKE (RFC 4555): the further addresses of this end, and whether a peer that moved is asked to answer from there.

    `refused` are subnets that a peer may not move to (section 3.5).
    """

    additional: tuple[str, ...] = ()
    routability: bool = True
    refused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for address in self.additional:
            ip_address(address)
        for subnet in self.refused:
            ip_network(subnet)


@dataclass(frozen=True, slots=True)
class Tickets:
    """Session resumption (RFC 5723): tickets by value, sealed under `key`, which outlives a restart.

    `lifetime` in seconds, bounded by that of the IKE SA.
    """

    key: bytes = field(repr=False)
    lifetime: float = 3_600.0

    def __post_init__(self) -> None:
        if len(self.key) != 32:
            raise ValueError(f"a key for tickets has 32 octets, not {len(self.key)}")
        if not 0 < self.lifetime < 2**32:
            raise ValueError(f"a ticket lives for 1 to 4294967295 seconds, not {self.lifetime}")


@dataclass(frozen=True, slots=True)
class CrashDetection:
    """Quick crash detection (RFC 6290): secrets of 32 octets that outlive a restart, the newest first, four at most."""

    secrets: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.secrets) <= 4 or any(len(secret) < 32 for secret in self.secrets):
            raise ValueError("crash detection has one to four secrets of at least 32 octets")
