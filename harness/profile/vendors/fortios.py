"""FortiOS, as its command line takes it."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from harness.codes import Encr, Group, Integ
from harness.profile.configuration import Identity, IdentityKind
from harness.profile.vendors.sheet import Telling, volume_within, within
from harness.profile.vendors.suites import Words, listed, numbered, widened
from harness.profile.vendors.tunnel import NAME, Tunnel, is_v6, known_by, masked
from harness.profile.vendors.vendor import Vendor

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_DES, None): "des",
    (Encr.ENCR_3DES, None): "3des",
    **{(Encr.ENCR_AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes{bits}gcm" for bits in (128, 256)},
    (Encr.ENCR_CHACHA20_POLY1305, None): "chacha20poly1305",
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "sha256",
    Integ.AUTH_HMAC_SHA2_384_192: "sha384",
    Integ.AUTH_HMAC_SHA2_512_256: "sha512",
}
_GROUPS = numbered(
    "",
    *(Group.MODP_768, Group.MODP_1024, Group.MODP_1536, Group.MODP_2048, Group.MODP_3072, Group.MODP_4096),
    *(Group.MODP_6144, Group.MODP_8192, Group.ECP_256, Group.ECP_384, Group.ECP_521),
    *(Group.BRAINPOOL_P256R1, Group.BRAINPOOL_P384R1, Group.BRAINPOOL_P512R1),
    *(Group.CURVE25519, Group.CURVE448),
)
_IKE = Words(_CIPHERS, _HASHES, _GROUPS)
_CHILD = Words({**_CIPHERS, (Encr.ENCR_NULL, None): "null"}, _HASHES, _GROUPS)
_IDENTITIES: Mapping[IdentityKind, str] = {
    "ipv4": "address",
    "ipv6": "address",
    "fqdn": "fqdn",
    "user_fqdn": "user-fqdn",
    "key_id": "keyid",
}


def write(tunnel: Tunnel) -> Telling[None]:
    """A phase 1 and, for each pair of subnets, a phase 2."""
    yield from _block("phase1-interface", NAME, (yield from _phase_1(tunnel)))
    for at, pair in enumerate(tunnel.pairs, 1):
        yield from _block("phase2-interface", f"{NAME}-{at}", (yield from _phase_2(tunnel, pair)))


def _block(kind: str, name: str, settings: Sequence[str]) -> Iterator[str]:
    yield f"config vpn ipsec {kind}"
    yield f'    edit "{name}"'
    yield from (f"        set {each}" for each in settings)
    yield "    next"
    yield "end"


def _phase_1(tunnel: Tunnel) -> Telling[list[str]]:
    suites = yield from _IKE.say(tunnel.ike_suites, "an IKE SA")
    yield from widened(suites, "an IKE SA", ("cipher", "hash", "prf"), ("group",))
    seconds = yield from within(tunnel.lifetimes, "ike_hard", 120, 172_800)
    proposals = listed(
        [f"{each.cipher}-{each.hash}" if each.hash else f"{each.cipher}-prf{each.prf}" for each in suites]
    )
    six = "6" if is_v6(tunnel.device) else ""
    return [
        "type static",
        f'interface "{tunnel.interface}"',
        *(["ip-version 6"] if six else []),
        *(["ike-version 2"] if tunnel.way == "v2" else ["ike-version 1", f"mode {tunnel.mode_v1}"]),
        f"local-gw{six} {tunnel.device}",
        f"remote-gw{six} {tunnel.peer}",
        "authmethod psk",
        f"psksecret {_secret(tunnel)}",
        *(yield from _local(tunnel.view.local_id)),
        *(yield from _remote(tunnel.peer_id)),
        f"proposal {' '.join(proposals)}",
        f"dhgrp {' '.join(listed([each.group for each in suites]))}",
        f"keylife {seconds}",
        *_initiative(tunnel),
        *_dpd(tunnel),
    ]


def _secret(tunnel: Tunnel) -> str:
    """In hexadecimal digits, so that no quoting can go wrong."""
    return tunnel.secret() if tunnel.key is None else f"0x{tunnel.key.hex()}"


def _local(who: Identity) -> Telling[list[str]]:
    word = yield from known_by(who, _IDENTITIES, "its own")
    return [f'localid "{who.value}"', f"localid-type {word}"] if word else []


def _remote(who: Identity) -> Telling[list[str]]:
    """An address is not asked for by name: it is where the peer is."""
    if who.kind in ("ipv4", "ipv6"):
        return ["peertype any"]
    word = yield from known_by(who, _IDENTITIES, "the harness's")
    return ["peertype one", f'peerid "{who.value}"'] if word else ["peertype any"]


def _initiative(tunnel: Tunnel) -> list[str]:
    if tunnel.calls:
        return ["auto-negotiate enable", "rekey enable"]
    return [
        "passive-mode enable",
        "auto-negotiate disable",
        f"rekey {'enable' if tunnel.rekeys else 'disable'}",
    ]


def _dpd(tunnel: Tunnel) -> list[str]:
    dpd = tunnel.view.dpd
    if dpd is None:
        return ["dpd disable"]
    return ["dpd on-idle", f"dpd-retrycount {dpd.retries}", f"dpd-retryinterval {ceil(dpd.interval)}"]


def _phase_2(tunnel: Tunnel, pair: tuple[str, str]) -> Telling[list[str]]:
    suites = yield from _CHILD.say(tunnel.child_suites, "a Child SA")
    seconds = yield from within(tunnel.lifetimes, "child_hard", 120, 172_800)
    kilobytes = yield from volume_within(tunnel.lifetimes, 5_120, 4_294_967_295)
    proposals = listed([f"{each.cipher}-{each.hash}" if each.hash else each.cipher for each in suites])
    group = suites[0].group
    return [
        f'phase1name "{NAME}"',
        f"proposal {' '.join(proposals)}",
        *(["pfs enable", f"dhgrp {group}"] if group else ["pfs disable"]),
        f"keylife-type {'both' if kilobytes else 'seconds'}",
        f"keylifeseconds {seconds}",
        *([f"keylifekbs {kilobytes}"] if kilobytes else []),
        f"auto-negotiate {'enable' if tunnel.calls else 'disable'}",
        "keepalive disable",
        *(
            line
            for side, subnet in zip(("src", "dst"), pair, strict=True)
            for line in _selector(side, subnet)
        ),
    ]


def _selector(side: str, subnet: str) -> Iterator[str]:
    six = "6" if ":" in subnet else ""
    yield f"{side}-addr-type subnet{six}"
    yield f"{side}-subnet{six} {masked(subnet)}"


FORTIOS = Vendor(
    name="fortios",
    product="FortiOS",
    write=write,
    switch="`set passive-mode enable` under `vpn ipsec phase1-interface`",
    covers="a first negotiation of its own, started by traffic, by `auto-negotiate` or by hand",
    gaps=(
        (
            "rekeys are a setting of their own, `set rekey`, which speaks of phase 1: whether phase 2 is left to end is "
            "not documented"
        ),
        "`auto-negotiate` and `keepalive` of a phase 2 renew it without traffic: both are off here",
        "DPD is set apart, and its probes are its own",
        "it is for static tunnels; after a failover each member of a cluster has to have it",
    ),
    besides=("a firewall policy and a route for the tunnel interface; without a policy no phase 2 is taken",),
    verified=(
        "Fortinet's CLI reference of 6.2 and 7.2 and the resource documentation of its Terraform provider for every "
        "setting and suite; its guide to FGSP for the meaning of passive mode"
    ),
    interface="port1",
)
