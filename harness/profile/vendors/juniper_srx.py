"""Juniper SRX, as commands of the configuration mode."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from harness.codes import Encr, Group, Integ, ProfileName
from harness.profile.configuration import Identity, IdentityKind
from harness.profile.vendors.sheet import Telling, volume_within, within
from harness.profile.vendors.suites import Spoken, Words, numbered
from harness.profile.vendors.tunnel import NAME, Tunnel, known_by
from harness.profile.vendors.vendor import Vendor

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_DES, None): "des-cbc",
    (Encr.ENCR_3DES, None): "3des-cbc",
    **{(Encr.ENCR_AES_CBC, bits): f"aes-{bits}-cbc" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes-{bits}-gcm" for bits in (128, 256)},
}
_GROUPS = numbered(
    "group",
    *(Group.MODP_768, Group.MODP_1024, Group.MODP_1536, Group.MODP_2048, Group.MODP_3072, Group.MODP_4096),
    *(Group.ECP_256, Group.ECP_384, Group.ECP_521, Group.MODP_2048_256),
)
_IKE = Words(
    _CIPHERS,
    {
        Integ.AUTH_HMAC_MD5_96: "md5",
        Integ.AUTH_HMAC_SHA1_96: "sha1",
        Integ.AUTH_HMAC_SHA2_256_128: "sha-256",
        Integ.AUTH_HMAC_SHA2_384_192: "sha-384",
        Integ.AUTH_HMAC_SHA2_512_256: "sha-512",
    },
    _GROUPS,
)
_CHILD = Words(
    {**_CIPHERS, (Encr.ENCR_AES_GCM_16, 192): "aes-192-gcm"},
    {
        Integ.AUTH_HMAC_MD5_96: "hmac-md5-96",
        Integ.AUTH_HMAC_SHA1_96: "hmac-sha1-96",
        Integ.AUTH_HMAC_SHA2_256_128: "hmac-sha-256-128",
        Integ.AUTH_HMAC_SHA2_384_192: "hmac-sha-384",
        Integ.AUTH_HMAC_SHA2_512_256: "hmac-sha-512",
    },
    _GROUPS,
)
_IDENTITIES: Mapping[IdentityKind, str] = {
    "ipv4": "inet",
    "ipv6": "inet6",
    "fqdn": "hostname",
    "user_fqdn": "user-at-hostname",
}
_ESTABLISH = {
    ProfileName.STRICT: "responder-only-no-rekey",
    ProfileName.REKEY_OK: "responder-only",
    ProfileName.TWO_WAY: "immediately",
}
_MOST_PROPOSALS = 4
"""That a policy names."""


def write(tunnel: Tunnel) -> Telling[None]:
    """Proposals, policies, a gateway and a VPN with its traffic selectors."""
    yield from _ike(tunnel)
    yield from _gateway(tunnel)
    yield from _ipsec(tunnel)


def _ike(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _IKE.say(tunnel.ike_suites, "an IKE SA", _MOST_PROPOSALS)
    seconds = yield from within(tunnel.lifetimes, "ike_hard", 180, 86_400)
    for at, suite in enumerate(suites, 1):
        proposal = f"set security ike proposal {NAME}-{at}"
        yield f"{proposal} authentication-method pre-shared-keys"
        yield f"{proposal} encryption-algorithm {suite.cipher}"
        yield f"{proposal} authentication-algorithm {suite.prf}"
        yield f"{proposal} dh-group {suite.group}"
        yield f"{proposal} lifetime-seconds {seconds}"
    policy = f"set security ike policy {NAME}"
    if tunnel.way != "v2":
        yield f"{policy} mode {tunnel.mode_v1}"
    yield f"{policy} proposals [ {_names(suites)} ]"
    yield f'{policy} pre-shared-key ascii-text "{tunnel.secret(forbidden=_QUOTES)}"'


_QUOTES = '"\\'


def _names(suites: Sequence[Spoken]) -> str:
    return " ".join(f"{NAME}-{at}" for at, _ in enumerate(suites, 1))


def _gateway(tunnel: Tunnel) -> Telling[None]:
    gateway = f"set security ike gateway {NAME}"
    yield f"{gateway} ike-policy {NAME}"
    yield f"{gateway} address {tunnel.peer}"
    yield f"{gateway} local-address {tunnel.device}"
    yield f"{gateway} external-interface {tunnel.interface}"
    yield f"{gateway} version {'v2-only' if tunnel.way == 'v2' else 'v1-only'}"
    yield from _identity(f"{gateway} local-identity", tunnel.view.local_id, "its own")
    yield from _identity(f"{gateway} remote-identity", tunnel.peer_id, "the harness's")
    if dpd := tunnel.view.dpd:
        yield f"{gateway} dead-peer-detection always-send"
        yield f"{gateway} dead-peer-detection interval {ceil(dpd.interval)}"
        yield f"{gateway} dead-peer-detection threshold {dpd.retries}"


def _identity(command: str, who: Identity, whose: str) -> Telling[None]:
    if word := (yield from known_by(who, _IDENTITIES, whose)):
        yield f"{command} {word} {who.value}"


def _ipsec(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _CHILD.say(tunnel.child_suites, "a Child SA", _MOST_PROPOSALS)
    seconds = yield from within(tunnel.lifetimes, "child_hard", 180, 86_400)
    kilobytes = yield from volume_within(tunnel.lifetimes, 64, 4_294_967_295)
    for at, suite in enumerate(suites, 1):
        yield from _child_proposal(f"set security ipsec proposal {NAME}-{at}", suite, seconds, kilobytes)
    yield f"set security ipsec policy {NAME} proposals [ {_names(suites)} ]"
    if group := suites[0].group:
        yield f"set security ipsec policy {NAME} perfect-forward-secrecy keys {group}"
    vpn = f"set security ipsec vpn {NAME}"
    yield f"{vpn} bind-interface st0.0"
    yield f"{vpn} ike gateway {NAME}"
    yield f"{vpn} ike ipsec-policy {NAME}"
    for at, (own, other) in enumerate(tunnel.pairs, 1):
        yield f"{vpn} traffic-selector net-{at} local-ip {own}"
        yield f"{vpn} traffic-selector net-{at} remote-ip {other}"
    yield f"{vpn} establish-tunnels {_ESTABLISH[tunnel.view.profile]}"


def _child_proposal(proposal: str, suite: Spoken, seconds: int, kilobytes: int | None) -> Iterator[str]:
    yield f"{proposal} protocol esp"
    yield f"{proposal} encryption-algorithm {suite.cipher}"
    if suite.hash:
        yield f"{proposal} authentication-algorithm {suite.hash}"
    yield f"{proposal} lifetime-seconds {seconds}"
    if kilobytes:
        yield f"{proposal} lifetime-kilobytes {kilobytes}"


JUNIPER_SRX = Vendor(
    name="juniper-srx",
    product="Juniper SRX",
    write=write,
    switch=(
        "`establish-tunnels responder-only-no-rekey` under `security ipsec vpn`; "
        "`responder-only` where rekeys are its own"
    ),
    covers="a first negotiation of its own, and rekeys with the longer of the two words alone",
    gaps=(
        "`responder-only` without `-no-rekey` leaves rekeys of both kinds to either end",
        "both words need the iked process; releases without it have `immediately` and `on-traffic` alone",
        "`dead-peer-detection` is set apart, and its probes are its own; `vpn-monitor` may start a tunnel again",
        "an SA ends at its hard lifetime unless the harness renews it earlier",
    ),
    besides=(
        "the zone of the outer interface wants `host-inbound-traffic system-services ike`, st0.0 a zone and a unit",
    ),
    verified=(
        "public configurations, whose releases are mostly not told (23.4 in one), for everything but "
        "`responder-only-no-rekey`, known from Juniper's reference of `establish-tunnels`, of which no copy could be consulted"
    ),
    interface="ge-0/0/0.0",
)
