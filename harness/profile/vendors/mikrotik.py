"""MikroTik RouterOS 7, as its terminal takes it."""

from collections.abc import Iterator, Mapping
from math import ceil

from harness.codes import Encr, Group, Integ
from harness.profile.configuration import Identity, IdentityKind
from harness.profile.vendors.sheet import Telling, no_volume, within
from harness.profile.vendors.suites import Words, listed, unsaid, widened
from harness.profile.vendors.tunnel import NAME, Tunnel, host, known_by
from harness.profile.vendors.vendor import Vendor

_GROUPS: Mapping[int, str] = {
    Group.MODP_768: "modp768",
    Group.MODP_1024: "modp1024",
    Group.MODP_1536: "modp1536",
    Group.MODP_2048: "modp2048",
    Group.MODP_3072: "modp3072",
    Group.MODP_4096: "modp4096",
    Group.MODP_6144: "modp6144",
    Group.MODP_8192: "modp8192",
    Group.ECP_256: "ecp256",
    Group.ECP_384: "ecp384",
    Group.ECP_521: "ecp521",
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "sha256",
    Integ.AUTH_HMAC_SHA2_512_256: "sha512",
}
_IKE = Words(
    {
        (Encr.ENCR_DES, None): "des",
        (Encr.ENCR_3DES, None): "3des",
        **{(Encr.ENCR_AES_CBC, bits): f"aes-{bits}" for bits in (128, 192, 256)},
        **{(Encr.ENCR_CAMELLIA_CBC, bits): f"camellia-{bits}" for bits in (128, 192, 256)},
    },
    _HASHES,
    _GROUPS,
)
_CHILD = Words(
    {
        (Encr.ENCR_DES, None): "des",
        (Encr.ENCR_3DES, None): "3des",
        (Encr.ENCR_NULL, None): "null",
        **{(Encr.ENCR_AES_CBC, bits): f"aes-{bits}-cbc" for bits in (128, 192, 256)},
        **{(Encr.ENCR_AES_CTR, bits): f"aes-{bits}-ctr" for bits in (128, 192, 256)},
        **{(Encr.ENCR_AES_GCM_16, bits): f"aes-{bits}-gcm" for bits in (128, 192, 256)},
    },
    _HASHES,
    _GROUPS,
)
_IDENTITIES: Mapping[IdentityKind, str] = {
    "ipv4": "address",
    "ipv6": "address",
    "fqdn": "fqdn",
    "user_fqdn": "user-fqdn",
    "key_id": "key-id",
}
_MODES = {"v2": "ike2", "v1-main": "main", "v1-aggressive": "aggressive"}
_DAY = 24 * 60 * 60


def write(tunnel: Tunnel) -> Telling[None]:
    """A profile, a peer, its identity, a proposal, and a policy for each pair of subnets."""
    yield from _profile(tunnel)
    yield _add(
        "peer",
        f"address={host(tunnel.peer)}",
        f"local-address={tunnel.device}",
        f"exchange-mode={_MODES[tunnel.way]}",
        f"profile={NAME}",
        *([] if tunnel.calls else ["passive=yes"]),
        "send-initial-contact=no",
    )
    yield from _identity(tunnel)
    yield from _proposal(tunnel)
    for own, other in tunnel.pairs:
        yield (
            f"/ip ipsec policy add peer={NAME} proposal={NAME} tunnel=yes action=encrypt "
            f"src-address={own} dst-address={other}"
        )


def _add(menu: str, *properties: str) -> str:
    return f"/ip ipsec {menu} add name={NAME} {' '.join(properties)}"


def _profile(tunnel: Tunnel) -> Telling[None]:
    """A profile has one hash, so the suites are those with the hash of the first."""
    hashed = next((each.prf for each in tunnel.ike_suites if _IKE.of(each)), None)
    alike = [each for each in tunnel.ike_suites if each.prf == hashed]
    yield from unsaid((each for each in tunnel.ike_suites if each.prf != hashed), _ONE_HASH)
    suites = yield from _IKE.say(alike, "an IKE SA")
    yield from widened(suites, "an IKE SA", ("cipher",), ("group",))
    seconds = yield from within(tunnel.lifetimes, "ike_hard", 1, 1_000 * _DAY)
    yield _add(
        "profile",
        f"hash-algorithm={suites[0].hash}",
        f"enc-algorithm={','.join(listed([each.cipher for each in suites]))}",
        f"dh-group={','.join(listed([each.group for each in suites]))}",
        f"lifetime={seconds}s",
        *_dpd(tunnel),
        "nat-traversal=yes",
        "proposal-check=obey",
    )


_ONE_HASH = "an IKE SA with another hash"


def _dpd(tunnel: Tunnel) -> Iterator[str]:
    dpd = tunnel.view.dpd
    if dpd is None:
        yield "dpd-interval=disable-dpd"
    else:
        yield f"dpd-interval={ceil(dpd.interval)}s"
        yield f"dpd-maximum-failures={dpd.retries}"


def _identity(tunnel: Tunnel) -> Telling[None]:
    own = yield from _known_by("my-id", tunnel.view.local_id, "its own")
    other = yield from _known_by("remote-id", tunnel.peer_id, "the harness's")
    yield (
        f'/ip ipsec identity add peer={NAME} auth-method=pre-shared-key secret="{tunnel.secret(forbidden=_QUOTES)}" '
        f"{own}{other}generate-policy=no"
    )


_QUOTES = '"\\$?'


def _known_by(name: str, who: Identity, whose: str) -> Telling[str]:
    word = yield from known_by(who, _IDENTITIES, whose)
    return f"{name}={word}:{who.value} " if word else ""


def _proposal(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _CHILD.say(tunnel.child_suites, "a Child SA")
    yield from widened(suites, "a Child SA", ("cipher",), ("hash",))
    seconds = yield from within(tunnel.lifetimes, "child_hard", 1, 1_000 * _DAY)
    yield from no_volume(tunnel.lifetimes)
    yield _add(
        "proposal",
        f"auth-algorithms={','.join(listed([each.hash or 'null' for each in suites]))}",
        f"enc-algorithms={','.join(listed([each.cipher for each in suites]))}",
        f"lifetime={seconds}s",
        f"pfs-group={suites[0].group or 'none'}",
    )


MIKROTIK = Vendor(
    name="mikrotik",
    product="MikroTik RouterOS 7",
    write=write,
    switch="`passive=yes` of `/ip ipsec peer`",
    covers="a first negotiation of its own: it waits for its peer to begin phase 1",
    gaps=(
        "rekeys, and a phase 2 for traffic while phase 1 stands: the manual says nothing of either",
        "a peer that is not passive begins phase 2 as well, as soon as a policy names it",
        "DPD is set apart, and its probes are its own",
        "in IKEv1 the word also decides which side of XAUTH it is",
    ),
    besides=("firewall rules for UDP 500 and 4500 and ESP, and a rule that keeps the subnets out of NAT",),
    stops_rekeys=False,
    verified=(
        "MikroTik's manual of IPsec for what passive means, and the resources of its Terraform provider for properties and "
        "algorithms"
    ),
)
