"""Libreswan, as ipsec.conf and ipsec.secrets."""

from dataclasses import replace

from harness.profile.configuration import Configuration
from harness.profile.libreswan import (
    child_suite,
    connection,
    ike_suite,
    ipsec_secrets,
    policy_suite,
)
from harness.profile.vendors.printed import keyed, left_out
from harness.profile.vendors.sheet import Telling
from harness.profile.vendors.tunnel import Tunnel
from harness.profile.vendors.vendor import Vendor
from harness.profile.ways import Way


def write(tunnel: Tunnel) -> Telling[None]:
    """The connection, and in comments the line of the key, which lies in a file of its own."""
    view, v2 = keyed(tunnel), tunnel.way == "v2"
    yield from left_out(
        tunnel,
        map(ike_suite, view.proposals_v2) if v2 else _policies(view, tunnel.way),
        (child_suite(each, view.pfs_group, tunnel.way) for each in view.child_proposals),
    )
    if not v2:
        yield from ("config setup", "    ikev1-policy=accept", "")
    waits = view if tunnel.calls else replace(view, peer=None)
    yield from connection(waits, tunnel.way, boots=True)
    yield "# /etc/ipsec.secrets:"
    secrets = ipsec_secrets(view, serves=not tunnel.calls, hide_secrets=tunnel.key is None)
    yield from (f"#     {line}" for line in secrets.splitlines())


def _policies(view: Configuration, way: Way) -> list[str | None]:
    """In Aggressive Mode those with the group of the first that can be said: the first message has the KE payload."""
    said = [policy_suite(each) for each in view.proposals_v1]
    if way == "v1-main":
        return said
    first = next((each.group for each, words in zip(view.proposals_v1, said, strict=True) if words), None)
    return [
        words if each.group == first else None for each, words in zip(view.proposals_v1, said, strict=True)
    ]


LIBRESWAN = Vendor(
    name="libreswan",
    product="Libreswan (ipsec.conf)",
    write=write,
    switch="`auto=add` and `right=%any`, and `rekey=no` against rekeys",
    covers="starts at load and for traffic with the first two, rekeys with the third",
    gaps=(
        "with the address of its peer in `right` it keeps a trap for traffic where a child of the peer was",
        (
            "a Delete that nobody acknowledges counts as an attempt that failed, and it starts an IKE_SA_INIT (4.10, in runs "
            "of this harness)"
        ),
        (
            "in Libreswan 5 `rekey=no` still lets an SA be replaced that was brought up by a command; `auto=keep` "
            "revives a connection by design"
        ),
        "`dpdaction=restart` starts again after a loss; here it is `clear`",
        "DPD is set apart, and its probes are its own",
    ),
    verified=(
        "Libreswan 4.10: what runs with it as device showed, and its own programs; Libreswan 5 from its issue tracker"
    ),
    tried="taken by Debian 12's build in a selftest, which makes an IKE SA with a child by it",
)
