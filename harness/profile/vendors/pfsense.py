"""pfSense 2.5 and later, as steps through its pages."""

from collections.abc import Iterator, Mapping
from math import ceil

from harness.codes import Encr, Integ
from harness.profile.configuration import Identity, IdentityKind
from harness.profile.vendors.sheet import Telling, no_volume, within
from harness.profile.vendors.suites import Words, numbered
from harness.profile.vendors.tunnel import Tunnel, known_by
from harness.profile.vendors.vendor import Vendor

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_CHACHA20_POLY1305, None): "CHACHA20-POLY1305",
    **{(Encr.ENCR_AES_CBC, bits): f"AES, {bits} bits" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"AES{bits}-GCM, 128 bits" for bits in (128, 192, 256)},
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_SHA1_96: "SHA1",
    Integ.AUTH_HMAC_SHA2_256_128: "SHA256",
    Integ.AUTH_HMAC_SHA2_384_192: "SHA384",
    Integ.AUTH_HMAC_SHA2_512_256: "SHA512",
    Integ.AUTH_AES_XCBC_96: "AES-XCBC",
}
_WORDS = Words(_CIPHERS, _HASHES, numbered("", 1, 2, 5, *range(14, 25), *range(28, 33)))
_IDENTITIES: Mapping[IdentityKind, str] = {
    "ipv4": "IP address",
    "ipv6": "IP address",
    "fqdn": "Fully qualified domain name",
    "user_fqdn": "User Fully qualified domain name",
    "key_id": "KeyID tag",
}
_START = {True: "Initiate at start", False: "None (Responder Only)"}
_CLOSE = {True: "Restart/Reconnect", False: "Close connection and clear SA"}
_LONGEST = 2**31 - 1


def write(tunnel: Tunnel) -> Telling[None]:
    """A phase 1, and a phase 2 for each pair of subnets."""
    yield "VPN > IPsec > Tunnels > Add P1"
    yield from _phase_1(tunnel)
    for own, other in tunnel.pairs:
        yield "VPN > IPsec > Tunnels > Show Phase 2 Entries > Add P2"
        yield from _phase_2(tunnel, own, other)
    yield "Save, then Apply Changes"


def _phase_1(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _WORDS.say(tunnel.ike_suites, "an IKE SA")
    life = yield from within(tunnel.lifetimes, "ike_hard", 1, _LONGEST)
    yield f"  Key Exchange version: {'IKEv2' if tunnel.way == 'v2' else 'IKEv1'}"
    yield f"  Interface: the one with {tunnel.device}"
    yield f"  Remote Gateway: {tunnel.peer}"
    yield "  Authentication Method: Mutual PSK"
    if tunnel.way != "v2":
        yield f"  Negotiation mode: {tunnel.mode_v1.capitalize()}"
    yield from _identity("My identifier", tunnel.view.local_id, "its own")
    yield from _identity("Peer identifier", tunnel.peer_id, "the harness's")
    yield f"  Pre-Shared Key: {tunnel.secret()}"
    for suite in suites:
        yield f"  Encryption Algorithm: {suite.cipher}; Hash: {suite.prf}; DH Group: {suite.group}"
    yield f"  Life Time: {life}"
    word, other = ("Rekey Time", "Reauth Time") if tunnel.way == "v2" else ("Reauth Time", "Rekey Time")
    yield f"  {word}: {_seconds(tunnel.ike_soft)}; {other}: 0; Rand Time: 0"
    yield f"  Child SA Start Action: {_START[tunnel.calls]}"
    yield f"  Child SA Close Action: {_CLOSE[tunnel.calls]}"
    yield from _dpd(tunnel)


def _identity(field: str, who: Identity, whose: str) -> Telling[None]:
    if word := (yield from known_by(who, _IDENTITIES, whose)):
        yield f"  {field}: {word}, {who.value}"


def _seconds(soft: float | None) -> int:
    return ceil(soft or 0)


def _dpd(tunnel: Tunnel) -> Iterator[str]:
    dpd = tunnel.view.dpd
    if dpd is None:
        yield "  Dead Peer Detection: off"
    else:
        yield f"  Dead Peer Detection: on; Delay: {ceil(dpd.interval)}; Max failures: {dpd.retries}"


def _phase_2(tunnel: Tunnel, own: str, other: str) -> Telling[None]:
    suites = yield from _WORDS.say(tunnel.child_suites, "a Child SA")
    life = yield from within(tunnel.lifetimes, "child_hard", 1, _LONGEST)
    yield from no_volume(tunnel.lifetimes)
    yield f"  Mode: Tunnel IPv{6 if ':' in own else 4}"
    yield f"  Local Network: Network, {own}"
    yield f"  Remote Network: Network, {other}"
    yield "  Protocol: ESP"
    for suite in suites:
        yield f"  Encryption Algorithm: {suite.cipher}{f'; Hash: {suite.hash}' if suite.hash else ''}"
    yield f"  PFS key group: {suites[0].group or 'off'}"
    yield f"  Life Time: {life}; Rekey Time: {_seconds(tunnel.child_soft)}; Rand Time: 0"
    yield "  Automatically ping host: empty; Keep Alive: off"


PFSENSE = Vendor(
    name="pfsense",
    product="pfSense 2.5 and later",
    write=write,
    switch="Child SA Start Action: None (Responder Only), with Rekey Time and Reauth Time 0 against rekeys",
    covers="starts at load and for traffic; after a loss the tunnel stays down until the harness comes again",
    gaps=(
        "rekeys and reauthentication are fields of their own, and empty means nine tenths of the life",
        (
            "a child that comes to the end of its life is deleted and made again by its charon (seen of strongSwan 5.9.8): "
            "the harness has to renew it before"
        ),
        "Child SA Close Action starts again after a Delete if it is Restart/Reconnect",
        "a phase 2's Automatically ping host and Keep Alive make traffic, or start it, by themselves",
        "releases before 2.5 have the check boxes Responder Only and Disable rekey in place of these",
    ),
    verified=(
        "the sources of pfSense 2.4 and a copy of a later release's choices for the fields and their values; which weak "
        "algorithms a release still has could not be seen: DES, 3DES and MD5 are left out"
    ),
)
