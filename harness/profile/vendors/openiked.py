"""OpenIKED, as iked.conf; it speaks IKEv2 alone."""

from harness.profile.openiked import child_suite, ike_suite, iked_conf
from harness.profile.vendors.printed import keyed, left_out
from harness.profile.vendors.sheet import Telling, otherwise
from harness.profile.vendors.tunnel import Tunnel
from harness.profile.vendors.vendor import Vendor


def write(tunnel: Tunnel) -> Telling[None]:
    """The policy."""
    view = keyed(tunnel)
    yield from left_out(
        tunnel,
        map(ike_suite, view.proposals_v2),
        (child_suite(each, view) for each in view.child_proposals),
    )
    yield from _endless(tunnel)
    yield from iked_conf(
        view,
        active=tunnel.calls,
        waits=not tunnel.calls,
        hide_secrets=tunnel.key is None,
    ).splitlines()


def _endless(tunnel: Tunnel) -> Telling[None]:
    """A lifetime is when it rekeys; nothing is when it only removes."""
    for field in ("ike_hard", "child_hard", *(() if tunnel.rekeys else ("child_kilobytes",))):
        if getattr(tunnel.lifetimes, field) is not None:
            yield otherwise(field, None, f"there is no {field}: a lifetime is when it rekeys")


OPENIKED = Vendor(
    name="openiked",
    product="OpenIKED (iked.conf)",
    write=write,
    switch="`set passive` and `passive` of the policy, and against rekeys `ikelifetime 0` and `lifetime 0`",
    covers="starts at load with either word, starts that the kernel asks for with `set passive` alone",
    gaps=(
        "rekeys heed neither word: by default a child is rekeyed after 3 hours or 4 gigabytes",
        "a policy that is passive by itself is not looked at when the kernel asks for an SA",
        "it probes for liveness every minute unless `dpd_check_interval` is 0",
        "without lifetimes its SAs have no end of their own",
    ),
    verified=(
        "OpenIKED 7.2: what runs with it as device showed, and iked itself; the acquire of a passive policy from its sources"
    ),
    tried="taken by Debian 12's build in a selftest, which makes an IKE SA with a child by it",
    besides=("suites are those that Debian's build can have; OpenBSD's has AES-GCM for children as well",),
    ways=("v2",),
)
