"""INV-12: a responder opens no TCP connection for IKE: that is left to who made the first IKE SA (RFC 9329 section 1.2).

It may close one, and go on over one that its peer opens anew.
"""

from collections.abc import Iterator

from harness.observe import Birth, Seen, Trace, openings
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import Remark, Rule, bounds, failed, frames_of, held, named, undecided
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire.datagram import Endpoint


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    found: dict[Endpoint, list[Seen]] = {}
    for each in openings(trace):
        if each.from_target:
            found.setdefault(each.destination, []).append(each)
    older = _older_sas(trace)
    for peer, opened in found.items():
        frames = frames_of(opened)
        says = f"the target opened a TCP connection to {peer}, {named(frames)}"
        if peer.address in older:
            yield undecided(
                f"{says}; it is the initiator of an IKE SA older than what was observed, whose connection it may open",
                frames,
            )
        else:
            yield failed(f"{says}; only who made the first IKE SA opens one, at first or again", frames)
    if not found:
        yield held(f"the target opened no TCP connection of IKE {bounds(trace)}")


def _older_sas(trace: Trace) -> frozenset[str]:
    """The peers with which the target speaks as the initiator of an IKE SA that goes back before the capture."""
    return frozenset(
        each.destination.address
        for each in trace.ike
        if each.from_target
        and each.header is not None
        and not each.header.is_v1
        and each.header.from_initiator
        and (first := trace.associations.ancestor(each.header)) is not None
        and first.birth is Birth.UNSEEN
    )


RULE = Rule(
    id="INV-12",
    claim=ClaimName.SAFETY,
    title="No TCP connection of IKE that the target opens",
    requirements=("RFC9329-1.2-01", "CISCO-RO-39"),
    rfc=("RFC 9329 §1.2", "RFC 9329 §4", "RFC 9329 §6.1"),
    examine=_examine,
    cleared_by=(Fact.ONE_PEER,),
    outlives_gaps=True,
    two_way=False,
)
