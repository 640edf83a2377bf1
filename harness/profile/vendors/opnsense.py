"""OPNsense 23 and later, as steps through its pages of connections."""

from collections.abc import Iterator, Mapping
from math import ceil

from harness.codes import Encr, Group, Integ
from harness.profile.vendors.sheet import Remark, Telling, bounded, no_volume, otherwise
from harness.profile.vendors.suites import Words
from harness.profile.vendors.tunnel import NAME, Tunnel, by_its_look
from harness.profile.vendors.vendor import Vendor

_GROUPS: Mapping[int, str] = {
    Group.MODP_2048: "modp2048",
    Group.MODP_3072: "modp3072",
    Group.MODP_4096: "modp4096",
    Group.MODP_6144: "modp6144",
    Group.MODP_8192: "modp8192",
    Group.ECP_224: "ecp224",
    Group.ECP_256: "ecp256",
    Group.ECP_384: "ecp384",
    Group.ECP_521: "ecp521",
    Group.BRAINPOOL_P256R1: "ecp256bp",
    Group.BRAINPOOL_P384R1: "ecp384bp",
    Group.BRAINPOOL_P512R1: "ecp512bp",
    Group.CURVE25519: "x25519",
    Group.CURVE448: "x448",
}
_WORDS = Words(
    {
        **{(Encr.ENCR_AES_CBC, bits): f"aes{bits}" for bits in (128, 192, 256)},
        **{(Encr.ENCR_AES_GCM_16, bits): f"aes{bits}gcm16" for bits in (128, 192, 256)},
    },
    {
        Integ.AUTH_HMAC_SHA2_256_128: "sha256",
        Integ.AUTH_HMAC_SHA2_384_192: "sha384",
        Integ.AUTH_HMAC_SHA2_512_256: "sha512",
    },
    _GROUPS,
)
_DEFAULT = Words(_WORDS.ciphers, {**_WORDS.hashes, Integ.AUTH_HMAC_SHA1_96: "sha1"}, {})
"""Suites among strongSwan's own for a child, which has no PFS then."""
_MOST = 500_000
"""Seconds that a field takes."""


def write(tunnel: Tunnel) -> Telling[None]:
    """A key, a connection with both ends, and a child."""
    own = yield from by_its_look(tunnel.view.local_id, "its own")
    other = yield from by_its_look(tunnel.peer_id, "the harness's")
    yield "VPN > IPsec > Pre-Shared Keys > Add"
    yield f"  Local Identifier: {own}; Remote Identifier: {other}"
    yield f"  Pre-Shared Key: {tunnel.secret()}; Type: PSK"
    yield "VPN > IPsec > Connections > Add (with advanced mode)"
    yield from _connection(tunnel)
    yield f"  Local Authentication > Add: Pre-Shared Key, Id {own}"
    yield f"  Remote Authentication > Add: Pre-Shared Key, Id {other}"
    yield "  Children > Add (with advanced mode)"
    yield from _child(tunnel)
    yield "Save, then Apply"


def _connection(tunnel: Tunnel) -> Telling[None]:
    suites = yield from _WORDS.say(tunnel.ike_suites, "an IKE SA")
    yield f"  Proposals: {', '.join(f'{each.cipher}-{each.prf}-{each.group}' for each in suites)}"
    yield f"  Version: {'IKEv2' if tunnel.way == 'v2' else 'IKEv1'}"
    if tunnel.way == "v1-aggressive":
        yield "  Aggressive Mode: on"
    yield "  MOBIKE: off"
    yield f"  Local addresses: {tunnel.device}; Remote addresses: {tunnel.peer}"
    word, other = ("Rekey time", "Re-auth time") if tunnel.way == "v2" else ("Re-auth time", "Rekey time")
    yield f"  {word}: {_soft(tunnel.ike_soft)}; {other}: 0"
    yield from _over_time(tunnel)
    yield from _dpd(tunnel)
    yield f"  Description: {NAME}"


def _soft(seconds: float | None) -> int:
    return 0 if seconds is None else bounded(seconds, 1, _MOST)


def _over_time(tunnel: Tunnel) -> Telling[None]:
    """It counts from when a renewal is due; without renewals an IKE SA has no end."""
    hard, soft = tunnel.lifetimes.ike_hard, tunnel.ike_soft
    if hard is not None and soft is not None:
        yield f"  Over time: {bounded(hard - soft, 1, _MOST)}"
    elif hard is not None:
        yield otherwise("ike_hard", None, "an IKE SA has no end of its own where nothing renews it")


def _dpd(tunnel: Tunnel) -> Iterator[str]:
    dpd = tunnel.view.dpd
    yield f"  DPD delay: {ceil(dpd.interval) if dpd else 0}"
    if dpd and tunnel.way != "v2":
        yield f"  DPD timeout: {ceil(dpd.interval + dpd.retry * dpd.retries)}"


def _child(tunnel: Tunnel) -> Telling[None]:
    calls, view = tunnel.calls, tunnel.view
    yield f"    Start action: {'Start' if calls else 'None'}"
    yield f"    Close action: {'Start' if calls else 'None'}"
    yield f"    DPD action: {'Start' if calls else 'Clear'}"
    yield "    Mode: Tunnel; Policies: on"
    yield f"    Local: {', '.join(view.local_subnets)}; Remote: {', '.join(view.remote_subnets)}"
    if view.second_selector:
        yield Remark("second_selector is left out: it would be a child of its own")
    yield f"    ESP proposals: {', '.join((yield from _esp(tunnel)))}"
    yield f"    Rekey time: {_soft(tunnel.child_soft)}"
    yield from _child_end(tunnel)
    yield from no_volume(tunnel.lifetimes)


def _child_end(tunnel: Tunnel) -> Telling[None]:
    """There is no field for it: strongSwan puts it a tenth behind the renewal."""
    soft = tunnel.child_soft
    if soft is None:
        yield otherwise("child_hard", None, "a child has no end of its own where nothing renews it")
    elif (end := round(soft * 1.1)) != tunnel.lifetimes.child_hard:
        yield otherwise("child_hard", end, f"a child ends {end} seconds after it was made")


def _esp(tunnel: Tunnel) -> Telling[list[str]]:
    """Its list has suites of a child with a group; `default` is strongSwan's own choice, without one."""
    if tunnel.view.pfs_group is None:
        yield from _DEFAULT.say(tunnel.child_suites, "a Child SA")
        yield Remark("without PFS a child has `default`, strongSwan's own suites, which are more")
        return ["default"]
    suites = yield from _WORDS.say(tunnel.child_suites, "a Child SA")
    return ["-".join(word for word in (each.cipher, each.hash, each.group) if word) for each in suites]


OPNSENSE = Vendor(
    name="opnsense",
    product="OPNsense 23 and later (connections)",
    write=write,
    switch=(
        "Start action: None of the child, with Close action None and DPD action Clear; Rekey time and Re-auth time 0 "
        "against rekeys"
    ),
    covers="starts at load and for traffic, after a Delete or a loss, and rekeys with 0 in both places",
    gaps=(
        "a child's Rekey time is 3600 unless 0 is put there, and its Start action is Start",
        "with Rekey time 0 neither a child nor an IKE SA of IKEv2 has an end of its own",
        "the backup node of a CARP pair has started tunnels in several releases: watch its address as well",
    ),
    besides=("suites with SHA-1 that its list has are to be chosen by hand",),
    verified=(
        "the sources of OPNsense core: the model of its connections for fields, defaults and bounds, its list of "
        "proposals; labels of fields as its pages have them as far as known"
    ),
)
