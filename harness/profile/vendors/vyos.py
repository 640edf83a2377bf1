"""VyOS 1.4 and later, as commands of the configuration mode."""

from collections.abc import Mapping
from math import ceil

from harness.codes import Encr, Integ, Prf
from harness.profile.vendors.sheet import Telling, volume_within, within
from harness.profile.vendors.suites import Words, numbered
from harness.profile.vendors.tunnel import NAME, Tunnel, by_its_look
from harness.profile.vendors.vendor import Vendor

_CIPHERS: Mapping[tuple[int, int | None], str] = {
    (Encr.ENCR_3DES, None): "3des",
    (Encr.ENCR_CHACHA20_POLY1305, None): "chacha20poly1305",
    **{(Encr.ENCR_AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CTR, bits): f"aes{bits}ctr" for bits in (128, 192, 256)},
    **{(Encr.ENCR_CAMELLIA_CBC, bits): f"camellia{bits}" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_CCM_16, bits): f"aes{bits}ccm128" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_8, bits): f"aes{bits}gcm64" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_12, bits): f"aes{bits}gcm96" for bits in (128, 192, 256)},
    **{(Encr.ENCR_AES_GCM_16, bits): f"aes{bits}gcm128" for bits in (128, 192, 256)},
}
_HASHES: Mapping[int, str] = {
    Integ.AUTH_HMAC_MD5_96: "md5",
    Integ.AUTH_HMAC_SHA1_96: "sha1",
    Integ.AUTH_HMAC_SHA2_256_128: "sha256",
    Integ.AUTH_HMAC_SHA2_384_192: "sha384",
    Integ.AUTH_HMAC_SHA2_512_256: "sha512",
    Integ.AUTH_AES_XCBC_96: "aesxcbc",
    Integ.AUTH_AES_CMAC_96: "aescmac",
}
_PRFS: Mapping[int, str] = {
    Prf.PRF_HMAC_MD5: "prfmd5",
    Prf.PRF_HMAC_SHA1: "prfsha1",
    Prf.PRF_HMAC_SHA2_256: "prfsha256",
    Prf.PRF_HMAC_SHA2_384: "prfsha384",
    Prf.PRF_HMAC_SHA2_512: "prfsha512",
    Prf.PRF_AES128_XCBC: "prfaesxcbc",
    Prf.PRF_AES128_CMAC: "prfaescmac",
}
_NUMBERS = (1, 2, 5, *range(14, 33))
_IKE = Words(_CIPHERS, _HASHES, numbered("", *_NUMBERS), prfs=_PRFS)
_CHILD = Words({**_CIPHERS, (Encr.ENCR_NULL, None): "null"}, _HASHES, numbered("dh-group", *_NUMBERS))
_IKE_GROUP = f"set vpn ipsec ike-group {NAME}"
_ESP_GROUP = f"set vpn ipsec esp-group {NAME}"
_PEER = f"set vpn ipsec site-to-site peer {NAME}"
_ANY_HASH = "sha256"
"""A cipher with its own integrity needs none, but a proposal has to name one."""


def write(tunnel: Tunnel) -> Telling[None]:
    """A key, two groups of proposals, and a peer with a tunnel for each pair of subnets."""
    own = yield from by_its_look(tunnel.view.local_id, "its own")
    other = yield from by_its_look(tunnel.peer_id, "the harness's")
    key = f"set vpn ipsec authentication psk {NAME}"
    yield from (f"{key} id {_quoted(who)}" for who in (own, other))
    yield f"{key} secret {_quoted(tunnel.secret(forbidden=_QUOTE))}"
    yield from _ike(tunnel)
    yield from _esp(tunnel)
    yield f"{_PEER} authentication mode pre-shared-secret"
    yield f"{_PEER} authentication local-id {_quoted(own)}"
    yield f"{_PEER} authentication remote-id {_quoted(other)}"
    yield f"{_PEER} connection-type {'initiate' if tunnel.calls else 'none'}"
    yield f"{_PEER} ike-group {NAME}"
    yield f"{_PEER} default-esp-group {NAME}"
    yield f"{_PEER} local-address {tunnel.device}"
    yield f"{_PEER} remote-address {tunnel.peer}"
    for at, (local, remote) in enumerate(tunnel.pairs, 1):
        yield f"{_PEER} tunnel {at} local prefix {local}"
        yield f"{_PEER} tunnel {at} remote prefix {remote}"


_QUOTE = "'"


def _quoted(text: str) -> str:
    return f"'{text}'"


def _ike(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _IKE.say(tunnel.ike_suites, "an IKE SA")
    yield f"{_IKE_GROUP} key-exchange {'ikev2' if tunnel.way == 'v2' else 'ikev1'}"
    if tunnel.way != "v2":
        yield f"{_IKE_GROUP} mode {tunnel.mode_v1}"
    yield f"{_IKE_GROUP} lifetime {(yield from within(tunnel.lifetimes, 'ike_hard', 30, 86_400))}"
    yield f"{_IKE_GROUP} close-action {'start' if tunnel.calls else 'none'}"
    if dpd := tunnel.view.dpd:
        yield f"{_IKE_GROUP} dead-peer-detection action {'restart' if tunnel.calls else 'clear'}"
        yield f"{_IKE_GROUP} dead-peer-detection interval {max(2, ceil(dpd.interval))}"
        yield f"{_IKE_GROUP} dead-peer-detection timeout {max(2, ceil(dpd.interval + dpd.retry * dpd.retries))}"
    for at, suite in enumerate(suites, 1):
        yield f"{_IKE_GROUP} proposal {at} encryption {suite.cipher}"
        yield f"{_IKE_GROUP} proposal {at} hash {suite.hash or _ANY_HASH}"
        yield f"{_IKE_GROUP} proposal {at} prf {suite.prf}"
        yield f"{_IKE_GROUP} proposal {at} dh-group {suite.group}"


def _esp(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _CHILD.say(tunnel.child_suites, "a Child SA")
    yield f"{_ESP_GROUP} lifetime {(yield from within(tunnel.lifetimes, 'child_hard', 30, 86_400))}"
    kilobytes = yield from volume_within(tunnel.lifetimes, 1, 26_843_545_600_000 // 1_024)
    if kilobytes:
        yield f"{_ESP_GROUP} life-bytes {kilobytes * 1_024}"
    if not tunnel.rekeys:
        yield f"{_ESP_GROUP} disable-rekey"
    yield f"{_ESP_GROUP} mode tunnel"
    yield f"{_ESP_GROUP} pfs {suites[0].group or 'disable'}"
    for at, suite in enumerate(suites, 1):
        yield f"{_ESP_GROUP} proposal {at} encryption {suite.cipher}"
        yield f"{_ESP_GROUP} proposal {at} hash {suite.hash or _ANY_HASH}"


VYOS = Vendor(
    name="vyos",
    product="VyOS 1.4 and later",
    write=write,
    switch="`connection-type none` of the peer, with `close-action none`; against rekeys of children `disable-rekey`",
    covers="starts at load and for traffic, and with `disable-rekey` of the ESP group the rekeys of children",
    gaps=(
        "`connection-type respond`, which later releases call `trap`, is no responder: traffic starts the tunnel",
        "the IKE SA is rekeyed after its `lifetime` whatever is said; a longer one than the harness's puts it off",
        (
            "a child that comes to the end of its life is deleted and made again by its charon (seen of strongSwan 5.9.8): "
            "the harness has to renew it before"
        ),
        "`disable-rekey` is missing in releases before it was added (VyOS task T6599)",
        "`dead-peer-detection action restart` and `close-action start` start again after a loss or a Delete",
    ),
    stops_rekeys=False,
    verified=(
        "the sources of vyos-1x: its template of swanctl.conf for what each word does, its interface definitions for values "
        "and the bounds of lifetimes; public configurations for keys and peers; the bounds of life-bytes as known"
    ),
)
