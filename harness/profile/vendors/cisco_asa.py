"""Cisco ASA, by a crypto map."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from harness.codes import Encr, Group, Integ, Prf
from harness.profile.vendors.sheet import Telling, volume_within, within
from harness.profile.vendors.suites import Spoken, Words, numbered
from harness.profile.vendors.tunnel import NAME, Tunnel, addresses_for_identities, masked
from harness.profile.vendors.vendor import Vendor

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_DES, None): "des",
    (Encr.ENCR_3DES, None): "3des",
    (Encr.ENCR_AES_CBC, 128): "aes",
    (Encr.ENCR_AES_CBC, 192): "aes-192",
    (Encr.ENCR_AES_CBC, 256): "aes-256",
}
_GCM: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_AES_GCM_16, 128): "aes-gcm",
    (Encr.ENCR_AES_GCM_16, 192): "aes-gcm-192",
    (Encr.ENCR_AES_GCM_16, 256): "aes-gcm-256",
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha",
    Integ.AUTH_HMAC_SHA2_256_128: "sha256",
    Integ.AUTH_HMAC_SHA2_384_192: "sha384",
    Integ.AUTH_HMAC_SHA2_512_256: "sha512",
}
_GROUPS = numbered(
    "",
    *(Group.MODP_768, Group.MODP_1024, Group.MODP_1536, Group.MODP_2048, Group.MODP_3072, Group.MODP_4096),
    *(Group.ECP_256, Group.ECP_384, Group.ECP_521, Group.MODP_2048_256, Group.CURVE25519),
)
_V2 = Words(
    {**_CIPHERS, **_GCM},
    _HASHES,
    _GROUPS,
    prfs={
        Prf.PRF_HMAC_MD5: "md5",
        Prf.PRF_HMAC_SHA1: "sha",
        Prf.PRF_HMAC_SHA2_256: "sha256",
        Prf.PRF_HMAC_SHA2_384: "sha384",
        Prf.PRF_HMAC_SHA2_512: "sha512",
    },
)
_CHILD_V2 = Words(
    {**_CIPHERS, **_GCM, (Encr.ENCR_NULL, None): "null"},
    {integ: word.replace("sha", "sha-") if word != "sha" else "sha-1" for integ, word in _HASHES.items()},
    _GROUPS,
)
_OLD_HASHES: Mapping[int, str] = {
    integ: _HASHES[integ] for integ in (Integ.AUTH_HMAC_MD5_96, Integ.AUTH_HMAC_SHA1_96)
}
_V1 = Words(
    _CIPHERS,
    _OLD_HASHES,
    numbered("", Group.MODP_768, Group.MODP_1024, Group.MODP_1536, Group.MODP_2048),
)
_CHILD_V1 = Words(
    {
        **{cipher: f"esp-{word}" for cipher, word in _CIPHERS.items()},
        (Encr.ENCR_NULL, None): "esp-null",
    },
    {integ: f"esp-{word}-hmac" for integ, word in _OLD_HASHES.items()},
    _GROUPS,
)
_MAP = f"crypto map {NAME} 10"


def write(tunnel: Tunnel) -> Telling[None]:
    """Policies, transforms, an access list, a crypto map and a tunnel group."""
    v2 = tunnel.way == "v2"
    ike = yield from (_V2 if v2 else _V1).say(tunnel.ike_suites, "an IKE SA")
    child = yield from (_CHILD_V2 if v2 else _CHILD_V1).say(tunnel.child_suites, "a Child SA")
    seconds = yield from within(tunnel.lifetimes, "ike_hard", 120, 2_147_483_647)
    yield from addresses_for_identities(tunnel)
    for at, suite in enumerate(ike, 1):
        yield from (_policy_v2 if v2 else _policy_v1)(10 * at, suite, seconds)
    version = "ikev2" if v2 else "ikev1"
    yield f"crypto {version} enable {tunnel.interface}"
    yield "crypto isakmp identity address"
    if tunnel.way == "v1-main":
        yield "crypto ikev1 am-disable"
    for own, other in tunnel.pairs:
        yield f"access-list {NAME} extended permit ip {masked(own)} {masked(other)}"
    for at, suite in enumerate(child, 1):
        yield from (_proposal if v2 else _transform_set)(f"{NAME}-{at}", suite)
    yield from _map(tunnel, version, [f"{NAME}-{at}" for at, _ in enumerate(child, 1)], child[0].group)
    yield from _group(tunnel)


def _policy_v2(priority: int, suite: Spoken, seconds: int) -> Iterator[str]:
    yield f"crypto ikev2 policy {priority}"
    yield f" encryption {suite.cipher}"
    yield f" integrity {suite.hash or 'null'}"
    yield f" group {suite.group}"
    yield f" prf {suite.prf}"
    yield f" lifetime seconds {seconds}"


def _policy_v1(priority: int, suite: Spoken, seconds: int) -> Iterator[str]:
    yield f"crypto ikev1 policy {priority}"
    yield " authentication pre-share"
    yield f" encryption {suite.cipher}"
    yield f" hash {suite.hash}"
    yield f" group {suite.group}"
    yield f" lifetime {seconds}"


def _proposal(name: str, suite: Spoken) -> Iterator[str]:
    yield f"crypto ipsec ikev2 ipsec-proposal {name}"
    yield f" protocol esp encryption {suite.cipher}"
    yield f" protocol esp integrity {suite.hash or 'null'}"


def _transform_set(name: str, suite: Spoken) -> Iterator[str]:
    yield f"crypto ipsec ikev1 transform-set {name} {suite.cipher} {suite.hash or 'esp-none'}"


def _map(tunnel: Tunnel, version: str, names: Sequence[str], group: str) -> Telling[None]:
    seconds = yield from within(tunnel.lifetimes, "child_hard", 120, 2_147_483_647)
    kilobytes = yield from volume_within(tunnel.lifetimes, 10, 2_147_483_647)
    yield f"{_MAP} match address {NAME}"
    yield f"{_MAP} set peer {tunnel.peer}"
    if not tunnel.calls:
        yield f"{_MAP} set connection-type answer-only"
    elif tunnel.way != "v2":
        yield f"{_MAP} set ikev1 phase1-mode {tunnel.mode_v1}"
    yield f"{_MAP} set {version} {'ipsec-proposal' if version == 'ikev2' else 'transform-set'} {' '.join(names)}"
    if group:
        yield f"{_MAP} set pfs group{group}"
    yield f"{_MAP} set security-association lifetime seconds {seconds}"
    yield f"{_MAP} set security-association lifetime kilobytes {kilobytes or 'unlimited'}"
    yield f"crypto map {NAME} interface {tunnel.interface}"


def _group(tunnel: Tunnel) -> Iterator[str]:
    key = tunnel.secret(forbidden="?")
    yield f"tunnel-group {tunnel.peer} type ipsec-l2l"
    yield f"tunnel-group {tunnel.peer} ipsec-attributes"
    if tunnel.way == "v2":
        yield f" ikev2 remote-authentication pre-shared-key {key}"
        yield f" ikev2 local-authentication pre-shared-key {key}"
    else:
        yield f" ikev1 pre-shared-key {key}"
    dpd = tunnel.view.dpd
    yield (
        f" isakmp keepalive threshold {ceil(dpd.interval)} retry {ceil(dpd.retry)}"
        if dpd
        else " isakmp keepalive disable"
    )


CISCO_ASA = Vendor(
    name="cisco-asa",
    product="Cisco ASA",
    write=write,
    comment="!",
    switch="`crypto map … set connection-type answer-only`",
    covers="a first negotiation of its own, traffic that matches the crypto map included",
    gaps=(
        "rekeys: the word speaks of who connects; an SA that lives to its end may be renewed from this side",
        "a VTI has another switch, `responder-only` in its `crypto ipsec profile`, for starts and rekeys both",
        "`isakmp keepalive` is set apart, and its probes are its own",
    ),
    besides=("the crypto map takes the place of any other on that interface: merge it by hand",),
    stops_rekeys=False,
    verified=(
        "public configurations of ASA 9 (9.1(3) where the release is told) for policies, proposals, crypto map and tunnel "
        "group; the values of `connection-type` as known from Cisco's documents, of which no copy could be consulted"
    ),
    interface="outside",
)
