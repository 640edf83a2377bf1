"""What a device is set up to be: proposals, identities, selectors, lifetimes; it knows no vendor's words."""

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from ipaddress import ip_address, ip_network
from math import inf
from typing import Any, Literal, NamedTuple

from cryptography.x509 import Name

from harness.codes import (
    AuthMethodV1,
    Encr,
    EncrV1,
    Esn,
    Group,
    HashV1,
    IdType,
    Integ,
    Prf,
    ProfileName,
    Protocol,
)
from harness.profile.child_policy import ChildPolicy
from harness.profile.cluster import Cluster
from harness.profile.credentials import PROOFS, Credentials, EapMethod, Ppk, Proof, User
from harness.profile.defence import Defence
from harness.profile.exchanges import Exchanges, Fragments
from harness.profile.extensions import AddressPool, CrashDetection, Mobility, Redirect, Tickets
from harness.profile.packets import Packets
from harness.profile.version1 import Version1

IdentityKind = Literal["ipv4", "ipv6", "fqdn", "user_fqdn", "dn", "key_id"]

_ID_TYPES: dict[str, IdType] = {
    "ipv4": IdType.ID_IPV4_ADDR,
    "ipv6": IdType.ID_IPV6_ADDR,
    "fqdn": IdType.ID_FQDN,
    "user_fqdn": IdType.ID_RFC822_ADDR,
    "dn": IdType.ID_DER_ASN1_DN,
    "key_id": IdType.ID_KEY_ID,
}


@lru_cache(maxsize=1024)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an end says it is; the numbers of these kinds are the same in both versions of IKE.

    A distinguished name, `dn`, is written as in RFC 4514: `CN=hub,O=Example`.
    """

    kind: IdentityKind
    value: str

    def __post_init__(self) -> None:
        if self.kind not in _ID_TYPES:
            raise ValueError(f"no identity is of kind {self.kind!r}; the kinds are {', '.join(_ID_TYPES)}")
        if self.kind == "dn":
            _distinguished_name(self.value)
        if self.kind in ("ipv4", "ipv6") and f"ipv{ip_address(self.value).version}" != self.kind:
            raise ValueError(f"{self.value!r} is no {self.kind} address")

    def __str__(self) -> str:
        return self.value

    @property
    def id_type(self) -> int:
        """The ID Type of the Identification payload (RFC 7296 section 3.5, RFC 2407 section 4.6.2.1)."""
        return _ID_TYPES[self.kind]

    @property
    def data(self) -> bytes:
        """The Identification Data: four or sixteen octets of an address, a name's DER, otherwise the text."""
        if self.kind in ("ipv4", "ipv6"):
            return _packed(self.value)
        return _distinguished_name(self.value) if self.kind == "dn" else self.value.encode()


MOST_SELECTORS = 255
"""A TS payload counts its selectors in one octet (RFC 7296 section 3.13)."""
MOST_ADDITIONAL = 7
"""There are seven transform types for additional key exchanges (RFC 9370 section 2.2.1)."""


def _check_additional(methods: tuple[int, ...]) -> None:
    if len(methods) > MOST_ADDITIONAL or len(set(methods)) < len(methods) or Group.NONE in methods:
        raise ValueError(f"additional key exchanges are up to seven different methods, not {methods}")


def _distinguished_name(text: str) -> bytes:
    """The DER of a name in the form of RFC 4514; ValueError if it is none."""
    try:
        return Name.from_rfc4514_string(text).public_bytes()
    except ValueError:
        raise ValueError(f"{text!r} is no distinguished name") from None


@dataclass(frozen=True, slots=True)
class IkeProposal:
    """One suite for an IKE SA of version 2; `key_bits` is None where the cipher has one key length.

    `additional` are the methods of further key exchanges, in their order (RFC 9370).
    """

    encr: int
    key_bits: int | None
    integ: int
    prf: int
    group: int
    additional: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_additional(self.additional)


@dataclass(frozen=True, slots=True)
class IsakmpPolicy:
    """One suite for an ISAKMP SA of version 1; `lifetime` in seconds is offered and bounds what is taken."""

    encr: int
    key_bits: int | None
    hash: int
    auth: int
    group: int
    lifetime: int = 86_400


@dataclass(frozen=True, slots=True)
class ChildProposal:
    """One suite for a Child SA or an IPsec SA, in the code points of version 2.

    `additional` are the methods of further key exchanges, in their order, after a first one; a Child SA that
    comes with IKE_AUTH has none.
    """

    protocol: int
    encr: int
    key_bits: int | None
    integ: int
    esn: int = Esn.NO_ESN
    additional: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_additional(self.additional)


class Selector(NamedTuple):
    """A pair of subnets in CIDR form, as seen from the device that is configured."""

    local: str
    remote: str


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long SAs live, in seconds; None: no such limit.

    At a soft limit a device whose profile allows it rekeys; at a hard one every device removes.
    """

    ike_soft: float | None = 77_760.0
    ike_hard: float | None = 86_400.0
    child_soft: float | None = 3_240.0
    child_hard: float | None = 3_600.0
    child_kilobytes: int | None = 4_608_000
    half_open: float = 30.0
    idle: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise ValueError(f"a lifetime is positive and ends; {name} is {value}")


SOFT_SHARE = 0.9
"""The share of a hard lifetime at which a soft limit stands if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Dpd:
    """Liveness checks: after `interval` seconds of silence, repeated each `retry`, given up after `retries`."""

    interval: float
    retry: float = 2.0
    retries: int = 5


DEFAULT_PSK = b"an-open-secret-for-tests-only"

PROPOSALS_V2: tuple[IkeProposal, ...] = (
    IkeProposal(Encr.ENCR_AES_GCM_16, 256, Integ.NONE, Prf.PRF_HMAC_SHA2_256, Group.CURVE25519),
    IkeProposal(Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.MODP_2048),
    IkeProposal(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.ECP_256),
    IkeProposal(Encr.ENCR_3DES, None, Integ.AUTH_HMAC_SHA1_96, Prf.PRF_HMAC_SHA1, Group.MODP_1024),
)

POLICIES_V1: tuple[IsakmpPolicy, ...] = (
    IsakmpPolicy(EncrV1.AES_CBC, 128, HashV1.SHA2_256, AuthMethodV1.PRE_SHARED_KEY, Group.MODP_2048),
    IsakmpPolicy(EncrV1.AES_CBC, 128, HashV1.SHA1, AuthMethodV1.PRE_SHARED_KEY, Group.MODP_1536),
    IsakmpPolicy(EncrV1.TRIPLE_DES_CBC, None, HashV1.SHA1, AuthMethodV1.PRE_SHARED_KEY, Group.MODP_1024),
    IsakmpPolicy(EncrV1.TRIPLE_DES_CBC, None, HashV1.MD5, AuthMethodV1.PRE_SHARED_KEY, Group.MODP_1024),
)

CHILD_PROPOSALS: tuple[ChildProposal, ...] = (
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_GCM_16, 256, Integ.NONE),
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128),
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96),
    ChildProposal(Protocol.ESP, Encr.ENCR_3DES, None, Integ.AUTH_HMAC_SHA1_96),
)


Standby = Literal["alone", "cold", "synchronised"]
STANDBYS: tuple[Standby, ...] = ("alone", "cold", "synchronised")


@dataclass(frozen=True, slots=True)
class Peer:
    """A further peer: those fields of a Configuration that are its own, under the names they have there.

    `local_id` and `local_address` are the device's where they are None.
    """

    remote_id: Identity | None
    peer: str | None
    psk: bytes = field(repr=False)
    local_id: Identity | None = None
    local_address: str | None = None
    profile: ProfileName = ProfileName.STRICT
    initiate_version: int = 2
    initiate_mode: Literal["main", "aggressive"] = "main"
    local_auth: Proof = "psk"
    remote_auth: Proof = "psk"
    ppk: Ppk | None = None
    local_subnets: tuple[str, ...] = ("198.51.100.0/24",)
    remote_subnets: tuple[str, ...] = ("203.0.113.0/24",)
    second_selector: Selector | None = None
    child_proposals: tuple[ChildProposal, ...] = CHILD_PROPOSALS
    pfs_group: int | None = None
    lifetimes: Lifetimes = Lifetimes()
    dpd: Dpd | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """A device and its peer, perhaps with further ones; the defaults are what the catalogue is played with."""

    profile: ProfileName = ProfileName.STRICT
    versions: tuple[int, ...] = (1, 2)
    """The versions of IKE that it speaks."""
    initiate_version: int = 2
    """The version in which a two-way device starts."""
    initiate_mode: Literal["main", "aggressive"] = "main"
    """The phase 1 mode in which a two-way device starts version 1."""
    aggressive: bool = True
    """Whether it answers Aggressive Mode."""
    proposals_v2: tuple[IkeProposal, ...] = PROPOSALS_V2
    proposals_v1: tuple[IsakmpPolicy, ...] = POLICIES_V1
    child_proposals: tuple[ChildProposal, ...] = CHILD_PROPOSALS
    pfs_group: int | None = None
    """The group demanded of a Child SA that is made or rekeyed by itself; None: none demanded."""
    local_id: Identity = Identity("ipv4", "192.0.2.1")
    remote_id: Identity | None = Identity("ipv4", "192.0.2.2")
    """Who the peer must be; None: anybody who knows the key."""
    local_auth: Proof = "psk"
    """How it proves who it is."""
    remote_auth: Proof = "psk"
    """How the peer must prove who it is."""
    psk: bytes = field(default=DEFAULT_PSK, repr=False)
    credentials: Credentials | None = None
    """What it signs with, and whom it trusts; None: it knows no certificates."""
    peer_credentials: Credentials | None = None
    """What the peer has of these; the device itself never looks at them."""
    users: tuple[User, ...] = ()
    """Who may come with a password; a device that has to show one itself is the first of them."""
    eap_methods: tuple[EapMethod, ...] = ("mschapv2", "md5")
    """The EAP methods it speaks, the one it likes best first."""
    ppk: Ppk | None = None
    """The post-quantum key it shares with the peer; None: none."""
    local_address: str = "192.0.2.1"
    peer: str | None = "192.0.2.2"
    """The address of the peer; None: any, so nothing can be started towards it."""
    local_subnets: tuple[str, ...] = ("198.51.100.0/24",)
    remote_subnets: tuple[str, ...] = ("203.0.113.0/24",)
    second_selector: Selector | None = None
    """A further pair of subnets, for a second Child SA."""
    lifetimes: Lifetimes = Lifetimes()
    dpd: Dpd | None = None
    """Liveness checks of its own; None: it only answers them."""
    version1: Version1 = field(default_factory=Version1)
    """What it does in IKEv1 alone."""
    cookie_threshold: int | None = None
    """More half-open IKE SAs than this, and a COOKIE is demanded; 0: always; None: never."""
    defence: Defence = Defence()
    """What is kept for peers that have not proved who they are, and what they have to do for it."""
    intermediate_limit: int = 10
    """How many IKE_INTERMEDIATE exchanges a peer may make before IKE_AUTH (RFC 9242); 0: none are agreed to."""
    childless: bool = True
    """Whether an IKE SA may be made without a child (RFC 6023)."""
    auth_lifetime: float | None = None
    """Seconds after which the peer is told to authenticate again, and its IKE SA ends (RFC 4478)."""
    pool: AddressPool | None = None
    """Inner addresses for clients that ask for one."""
    redirect: Redirect | None = None
    """Where clients that can be redirected are sent (RFC 5685)."""
    mobility: Mobility | None = None
    """MOBIKE (RFC 4555); None: not supported."""
    tickets: Tickets | None = None
    """Session resumption (RFC 5723); None: not supported."""
    crash_detection: CrashDetection | None = None
    """Quick crash detection (RFC 6290); None: not supported."""
    children: ChildPolicy = ChildPolicy()
    """How many Child SAs of IKEv2, for what, in which mode."""
    exchanges: Exchanges = Exchanges()
    """Windows and patience of IKEv2."""
    fragments: Fragments | None = None
    """Fragmentation of IKEv2 messages (RFC 7383); None: not supported."""
    cluster: Cluster | None = None
    """Synchronisation of counters after a failover, its own or its peer's (RFC 6311); None: not supported."""
    packets: Packets = field(default_factory=Packets)
    """How the packets of its tunnels are treated."""
    standby: Standby = "alone"
    """The second node behind its address, which takes over by failover: none, one without the SAs, or one that has them."""
    further_peers: tuple[Peer, ...] = ()
    """Peers besides that of the fields above, each with what is its own; the rest is the device's."""

    def __post_init__(self) -> None:
        if not self.versions or not set(self.versions) <= {1, 2}:
            raise ValueError(f"the versions of IKE are 1 and 2, not {self.versions}")
        if self.initiate_version not in (1, 2):
            raise ValueError(f"the versions of IKE are 1 and 2, not {self.initiate_version}")
        if self.initiate_mode not in ("main", "aggressive"):
            raise ValueError(f"phase 1 starts in mode main or aggressive, not {self.initiate_mode!r}")
        for proof in (self.local_auth, self.remote_auth):
            if proof not in PROOFS:
                raise ValueError(f"an end proves itself by {', '.join(PROOFS)}, not by {proof!r}")
        if self.local_auth == "signature" and not (self.credentials and self.credentials.key):
            raise ValueError("who signs needs credentials with a key")
        if self.standby not in STANDBYS:
            raise ValueError(f"a standby is one of {', '.join(STANDBYS)}, not {self.standby!r}")
        if max(len(self.local_subnets), len(self.remote_subnets)) > MOST_SELECTORS:
            raise ValueError(f"a Child SA is for {MOST_SELECTORS} subnets at most")
        for subnet in (*self.local_subnets, *self.remote_subnets, *(self.second_selector or ())):
            ip_network(subnet)
        for address in filter(None, (self.local_address, self.peer)):
            ip_address(address)
        self._refuse_twins()
        self.each_peer()  # each of them is looked at as this one was

    def _refuse_twins(self) -> None:
        """An identity tells peers apart, so each has its own, and one peer at most may be anybody."""
        seen: set[tuple[int, bytes] | None] = set()
        for whom in (self.remote_id, *(each.remote_id for each in self.further_peers)):
            said = None if whom is None else (whom.id_type, whom.data)
            if self.further_peers and said in seen:
                raise ValueError(f"two peers are {whom or 'anybody'}; an identity tells peers apart")
            seen.add(said)

    def each_peer(self) -> "tuple[Configuration, ...]":
        """The device as each of its peers meets it: with that one as its only peer."""
        if not self.further_peers:
            return (self,)
        alone = replace(self, further_peers=())
        return (alone, *(alone._with(each) for each in self.further_peers))

    def _with(self, peer: Peer) -> "Configuration":
        own = {each.name: getattr(peer, each.name) for each in fields(Peer)}
        for name in ("local_id", "local_address"):
            own[name] = own[name] or getattr(self, name)
        return replace(self, **own)

    def mirrored(self) -> "Configuration":
        """The same tunnel seen from its other end: identities, addresses and subnets exchanged.

        Where any peer is welcome the other end is called 192.0.2.2.
        """
        peer = self.peer or "192.0.2.2"
        second = self.second_selector
        return replace(
            self,
            local_id=self.remote_id or address_identity(peer),
            remote_id=self.local_id,
            local_auth=self.remote_auth,
            remote_auth=self.local_auth,
            credentials=self.peer_credentials,
            peer_credentials=self.credentials,
            local_address=peer,
            peer=self.local_address,
            local_subnets=self.remote_subnets,
            remote_subnets=self.local_subnets,
            second_selector=Selector(second.remote, second.local) if second else None,
        )

    def with_lifetimes(self, **changes: Any) -> "Configuration":
        """The same with other lifetimes; a hard limit that is given alone brings its soft one along."""
        for kind in ("ike", "child"):
            hard = changes.get(f"{kind}_hard")
            if hard is not None:
                changes.setdefault(f"{kind}_soft", hard * SOFT_SHARE)
        return replace(self, lifetimes=replace(self.lifetimes, **changes))


def address_identity(address: str) -> Identity:
    """The identity of an end that is known by its address."""
    return Identity("ipv4" if ip_address(address).version == 4 else "ipv6", address)


DEFAULT = Configuration()
