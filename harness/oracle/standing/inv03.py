"""INV-03: on an SA that its peer made, a device never says that it is the original initiator.

The table of roles is kept per SA: who starts a rekey of the IKE SA is the initiator of the new one
(RFC 7296 sections 2.2 and 2.18). Unprotected one-way reports and refusals lie outside any SA and are exempt.
"""

from collections.abc import Iterator

from harness.codes import Exchange, NotifyType
from harness.observe import NO_SPI, Birth, Header, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    pairs_of,
    undecided,
)
from harness.profile import Profile, Start
from harness.record import ClaimName
from harness.wire import v2

_REFUSALS = frozenset({NotifyType.INVALID_IKE_SPI, NotifyType.INVALID_MAJOR_VERSION})


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    found: dict[tuple[str, Birth | None, bool | None], list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or header.is_v1 or not each.from_target or not header.from_initiator:
            continue
        if not _outside_any_sa(each, header):
            birth, by_target = _origin(trace, header)
            if not by_target or (each.is_request and not _let_make(profile, birth)):
                found.setdefault((each.destination.address, birth, by_target), []).append(each)
    for (peer, birth, by_target), messages in found.items():
        yield _judge(peer, birth, messages, by_target)
    if not found:
        yield held(f"the target never wrote itself down as the initiator of a peer's IKE SA {bounds(trace)}")


def _origin(trace: Trace, header: Header) -> tuple[Birth | None, bool | None]:
    """How the SA of a message came into being, and whether the target made it; None: nobody saw."""
    association = trace.associations.get(header)
    if association is not None:
        return association.birth, association.by_target
    opening = trace.associations.openings.get(header.spi_i)
    return (None, None) if opening is None else (opening.birth, opening.by_target)


def _let_make(profile: Profile, birth: Birth | None) -> bool:
    """Whether the profile lets the target make SAs in that way, and so be their initiator."""
    return birth is Birth.REKEYED and Start.IKE_REKEY in profile.may


def _judge(peer: str, birth: Birth | None, messages: list[Seen], by_target: bool | None) -> Remark:
    frames = frames_of(messages)
    pairs = pairs_of(messages)
    if by_target is None:
        return undecided(
            f"the target is the initiator of the IKE SA {pairs} towards {peer}, {named(frames)}; it is older than "
            "what was observed, and whether the target was let make it cannot be seen",
            frames,
        )
    if not by_target:
        return failed(
            f"the target set the Initiator flag on the IKE SA {pairs}, {named(frames)}, which {peer} made by {birth}",
            frames,
        )
    return failed(
        f"the target made the IKE SA {pairs} itself by {birth} and speaks to {peer} as its initiator, "
        f"{named(frames)}: no SA of a responder has it for an initiator",
        frames,
        requirement="CISCO-RO-42" if birth is Birth.REKEYED else None,
    )


def _outside_any_sa(seen: Seen, header: Header) -> bool:
    """An unprotected report of an unknown ESP SPI, or an unprotected refusal (RFC 7296 sections 1.5 and 2.21.4)."""
    if seen.sealed:
        return False
    notifies = {each.notify_type for each in seen.payloads if isinstance(each, v2.Notify)}
    if header.is_response:
        return bool(notifies & _REFUSALS)
    one_way = header.exchange == Exchange.INFORMATIONAL and NotifyType.INVALID_SPI in notifies
    return one_way or header.spi_i == NO_SPI


RULE = Rule(
    id="INV-03",
    claim=ClaimName.SAFETY,
    title="No Initiator flag of the target on an SA that its peer made, nor on one that it was not let make",
    requirements=("RFC7296-3.1-24", "RFC7296-3.1-25", "CISCO-RO-42"),
    rfc=("RFC 7296 §1.5", "RFC 7296 §2.2", "RFC 7296 §2.18", "RFC 7296 §3.1"),
    examine=_examine,
    cleared_by=(Fact.ROLES,),
    outlives_gaps=True,
    two_way=False,
)
