"""strongSwan, as swanctl.conf."""

from harness.profile.strongswan import CALLS, Role, child_suite, ike_suite, policy_suite, swanctl_conf
from harness.profile.vendors.printed import keyed, left_out
from harness.profile.vendors.sheet import Telling, otherwise
from harness.profile.vendors.tunnel import Tunnel
from harness.profile.vendors.vendor import Vendor

_STARTS = Role("start", "start", "restart")


def write(tunnel: Tunnel) -> Telling[None]:
    """The file for swanctl."""
    view, v2 = keyed(tunnel), tunnel.way == "v2"
    yield from left_out(
        tunnel,
        map(ike_suite, view.proposals_v2) if v2 else map(policy_suite, view.proposals_v1),
        (child_suite(each, view.pfs_group, tunnel.way) for each in view.child_proposals),
    )
    if v2 and tunnel.ike_soft is None and view.lifetimes.ike_hard is not None:
        yield otherwise("ike_hard", None, "an IKE SA has no end of its own where nothing renews it")
    yield from _endless(tunnel)
    yield from swanctl_conf(
        view if tunnel.rekeys else view.with_lifetimes(child_hard=None, child_kilobytes=None),
        ways=(tunnel.way,),
        hide_secrets=tunnel.key is None,
        role=_STARTS if tunnel.calls else CALLS,
    ).splitlines()


def _endless(tunnel: Tunnel) -> Telling[None]:
    """A child that comes to its end is made again, so it has none where nothing renews it before."""
    for field in () if tunnel.rekeys else ("child_hard", "child_kilobytes"):
        if getattr(tunnel.lifetimes, field) is not None:
            yield otherwise(field, None, f"there is no {field}: at its end a child would be made again")


STRONGSWAN = Vendor(
    name="strongswan",
    product="strongSwan (swanctl.conf)",
    write=write,
    switch=(
        "`start_action = none` of every child, with `close_action = none` and `dpd_action = clear`; and against "
        "rekeys `rekey_time = 0` and `reauth_time = 0` of the connection, `rekey_time`, `rekey_bytes` and "
        "`rekey_packets = 0` of the child"
    ),
    covers="starts for traffic, at load, after a Delete or a loss, and every rekey, since all of these are said",
    gaps=(
        (
            "each of these is a switch of its own, and rekeys are on unless they are put to 0: a `life_time` alone "
            "brings them back at nine tenths of it"
        ),
        (
            "a child that comes to its `life_time` or `life_bytes` is deleted and made again whatever is said, by an IKE SA "
            "if need be (5.9.8, in runs of this harness): where it must not rekey it has neither here"
        ),
        "with neither rekeying nor reauthentication an IKE SA of IKEv2 has no end of its own",
        "`dpd_delay` sends probes of its own unless it is 0",
        "a command starts all the same, and so does a `trap` policy of another connection",
    ),
    verified="strongSwan 5.9.8: what runs with it as device showed, and swanctl itself",
    tried="taken by Debian 12's build in a selftest, which makes an IKE SA with a child by it",
    besides=("aggressive mode with a pre-shared key has to be allowed in strongswan.conf, for IKEv1",),
)
