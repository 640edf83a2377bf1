"""PAN-OS, as commands of the configuration mode."""

from collections.abc import Mapping, Sequence
from math import ceil

from harness.codes import Encr, Group, Integ
from harness.profile.configuration import Identity, IdentityKind, Lifetimes
from harness.profile.vendors.sheet import Remark, Telling, bounded, otherwise, within
from harness.profile.vendors.suites import Words, listed, numbered, widened
from harness.profile.vendors.tunnel import NAME, Tunnel, is_v6, known_by
from harness.profile.vendors.vendor import Vendor

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_DES, None): "des",
    (Encr.ENCR_3DES, None): "3des",
    **{(Encr.ENCR_AES_CBC, bits): f"aes-{bits}-cbc" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes-{bits}-gcm" for bits in (128, 256)},
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "sha256",
    Integ.AUTH_HMAC_SHA2_384_192: "sha384",
    Integ.AUTH_HMAC_SHA2_512_256: "sha512",
}
_GROUPS = numbered(
    "group",
    *(Group.MODP_768, Group.MODP_1024, Group.MODP_1536, Group.MODP_2048, Group.MODP_3072, Group.MODP_4096),
    *(Group.ECP_256, Group.ECP_384, Group.ECP_521),
)
_IKE = Words(_CIPHERS, _HASHES, _GROUPS)
_CHILD = Words({**_CIPHERS, (Encr.ENCR_NULL, None): "null"}, _HASHES, _GROUPS)
_IDENTITIES: Mapping[IdentityKind, str] = {
    "ipv4": "ipaddr",
    "ipv6": "ipaddr",
    "fqdn": "fqdn",
    "user_fqdn": "ufqdn",
    "key_id": "keyid",
}
_MOST = 65_535
"""Of whatever unit."""
_HOUR = 3_600


def write(tunnel: Tunnel) -> Telling[None]:
    """Two crypto profiles, a gateway and a tunnel with its proxy IDs."""
    yield from _ike_profile(tunnel)
    yield from _ipsec_profile(tunnel)
    yield from _gateway(tunnel)
    yield from _tunnel(tunnel)


def _ike_profile(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _IKE.say(tunnel.ike_suites, "an IKE SA")
    yield from widened(suites, "an IKE SA", ("cipher",), ("prf",), ("group",))
    profile = f"set network ike crypto-profiles ike-crypto-profiles {NAME}"
    yield f"{profile} encryption {_list([each.cipher for each in suites])}"
    yield f"{profile} hash {_list([each.prf for each in suites])}"
    yield f"{profile} dh-group {_list([each.group for each in suites])}"
    yield f"{profile} lifetime {(yield from _lifetime(tunnel.lifetimes, 'ike_hard'))}"


def _list(words: Sequence[str]) -> str:
    return f"[ {' '.join(listed(words))} ]"


def _lifetime(lifetimes: Lifetimes, field: str) -> Telling[str]:
    """In seconds as far as they go, else in hours."""
    seconds = getattr(lifetimes, field)
    if seconds is None or seconds <= _MOST:
        return f"seconds {(yield from within(lifetimes, field, 180, _MOST))}"
    hours = bounded(seconds / _HOUR, 1, _MOST)
    if hours * _HOUR != seconds:
        yield otherwise(
            field, hours * _HOUR, f"{field} is whole hours: {hours} instead of {seconds:g} seconds"
        )
    return f"hours {hours}"


def _ipsec_profile(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _CHILD.say(tunnel.child_suites, "a Child SA")
    yield from widened(suites, "a Child SA", ("cipher",), ("hash",))
    profile = f"set network ike crypto-profiles ipsec-crypto-profiles {NAME}"
    yield f"{profile} esp encryption {_list([each.cipher for each in suites])}"
    yield f"{profile} esp authentication {_list([each.hash or 'none' for each in suites])}"
    yield f"{profile} dh-group {suites[0].group or 'no-pfs'}"
    yield f"{profile} lifetime {(yield from _lifetime(tunnel.lifetimes, 'child_hard'))}"
    if (kilobytes := tunnel.lifetimes.child_kilobytes) is not None:
        yield f"{profile} lifesize mb {(yield from _megabytes(kilobytes))}"


def _megabytes(kilobytes: int) -> Telling[int]:
    megabytes = bounded(kilobytes / 1_024, 1, _MOST)
    if megabytes * 1_024 != kilobytes:
        yield otherwise("child_kilobytes", megabytes * 1_024, f"a child ends by whole megabytes: {megabytes}")
    return megabytes


def _gateway(tunnel: Tunnel) -> Telling[None]:
    gateway, version = f"set network ike gateway {NAME}", "ikev2" if tunnel.way == "v2" else "ikev1"
    if is_v6(tunnel.device):
        yield Remark("IPv6 has to be switched on for the gateway by hand")
    yield f"{gateway} authentication pre-shared-key key {tunnel.secret(forbidden=_QUOTES)}"
    yield f"{gateway} protocol version {version}"
    yield f"{gateway} protocol {version} ike-crypto-profile {NAME}"
    if version == "ikev1":
        yield f"{gateway} protocol ikev1 exchange-mode {tunnel.mode_v1}"
    yield f"{gateway} protocol {version} dpd enable {'yes' if tunnel.view.dpd else 'no'}"
    if dpd := tunnel.view.dpd:
        yield f"{gateway} protocol {version} dpd interval {max(2, ceil(dpd.interval))}"
    yield f"{gateway} protocol-common nat-traversal enable yes"
    if not tunnel.calls:
        yield f"{gateway} protocol-common passive-mode yes"
    yield f"{gateway} local-address interface {tunnel.interface}"
    yield f"{gateway} local-address ip {tunnel.device}"
    yield f"{gateway} peer-address ip {tunnel.peer}"
    yield from _identity(f"{gateway} local-id", tunnel.view.local_id, "its own")
    yield from _identity(f"{gateway} peer-id", tunnel.peer_id, "the harness's")


_QUOTES = "\"'\\"


def _identity(command: str, who: Identity, whose: str) -> Telling[None]:
    if word := (yield from known_by(who, _IDENTITIES, whose)):
        yield f"{command} type {word}"
        yield f"{command} id {who.value}"


def _tunnel(tunnel: Tunnel) -> Telling[None]:
    ipsec = f"set network tunnel ipsec {NAME}"
    yield f"{ipsec} auto-key ike-gateway {NAME}"
    yield f"{ipsec} auto-key ipsec-crypto-profile {NAME}"
    for at, (own, other) in enumerate(tunnel.pairs, 1):
        yield f"{ipsec} auto-key proxy-id net-{at} local {own}"
        yield f"{ipsec} auto-key proxy-id net-{at} remote {other}"
        yield f"{ipsec} auto-key proxy-id net-{at} protocol any"
    yield f"{ipsec} tunnel-monitor enable no"
    yield f"{ipsec} tunnel-interface tunnel.1"


PAN_OS = Vendor(
    name="pan-os",
    product="Palo Alto Networks PAN-OS",
    write=write,
    switch="`protocol-common passive-mode yes` of the IKE gateway (Enable Passive Mode)",
    covers="a first negotiation of its own",
    gaps=(
        (
            "rekeys: of two gateways with IKEv2 the one with the shorter key lifetime asks for them; a lifetime longer "
            "than the harness's puts them off, and nothing switches them off"
        ),
        "whether a first child on a standing IKE SA is meant too is not documented",
        "a tunnel monitor keeps its tunnel up: it is off here; liveness checks are set apart",
    ),
    besides=(
        "the command line is not known to take comments: leave out the lines that begin with #",
        (
            "local-address ip is written as on the interface, with its prefix length where it has one; tunnel.1 wants a "
            "zone, a virtual router and a policy; then commit"
        ),
    ),
    stops_rekeys=False,
    verified=(
        "public configurations, whose releases are not told, for the commands, and a listing of the command hierarchy for "
        "passive-mode, exchange-mode, dpd and lifetimes; lifesize and proxy-id as known from its guide, not found again"
    ),
    interface="ethernet1/1",
)
