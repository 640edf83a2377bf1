"""NAT traversal as the peer does it: what it announces, what it detects, and when it changes ports (RFC 3947)."""

from collections.abc import Sequence

from harness.peer.v1.sa import IsakmpSa
from harness.sa.nat_traversal import RFC_3947, NatTraversal
from harness.sa.v1 import nat_d
from harness.wire import Message, Payload

NatForms = bool | Sequence[NatTraversal]
"""The forms of NAT traversal to offer; True is that of RFC 3947, False none."""


def forms(nat_t: NatForms) -> tuple[NatTraversal, ...]:
    """What a script's word for NAT traversal means."""
    if isinstance(nat_t, bool):
        return (RFC_3947,) if nat_t else ()
    return tuple(nat_t)


def detection(sa: IsakmpSa) -> tuple[Payload, ...]:
    """NAT-D where both ends know of NAT traversal: the receiver's place first, then the sender's (section 3.2)."""
    if sa.nat_t is None or sa.suite is None:
        return ()
    places = (sa.remote, sa.local)
    return tuple(sa.nat_t.detection(nat_d(sa.suite.hash, sa.cky_i, sa.cky_r, *place)) for place in places)


def nat_between(sa: IsakmpSa, message: Message) -> bool:
    """Whether the target sees one of the ends elsewhere than it is."""
    if sa.nat_t is None or sa.suite is None:
        return False
    found = [payload.data for payload in message.all(sa.nat_t.detection)]
    ours = nat_d(sa.suite.hash, sa.cky_i, sa.cky_r, *sa.local)
    theirs = nat_d(sa.suite.hash, sa.cky_i, sa.cky_r, *sa.remote)
    return bool(found) and (found[0] != ours or theirs not in found[1:])
