"""INV-03: on an SA that its peer made, a device never says that it is the original initiator.

The table of roles is kept per SA: who starts a rekey of the IKE SA is the initiator of the new one
(RFC 7296 sections 2.2 and 2.18). Unprotected one-way reports and refusals lie outside any SA and are exempt.
"""

from collections.abc import Iterator

from harness.codes import Exchange, NotifyType
from harness.observe import NO_SPI, Association, Birth, Header, Seen, Trace
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    pair_of,
    undecided,
)
from harness.profile import Profile, Start
from harness.record import ClaimName
from harness.wire import v2

_REFUSALS = frozenset({NotifyType.INVALID_IKE_SPI, NotifyType.INVALID_MAJOR_VERSION})


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    by_pair: dict[str, list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or header.is_v1 or not each.from_target or not header.from_initiator:
            continue
        if not _outside_any_sa(each, header):
            by_pair.setdefault(pair_of(each), []).append(each)
    told = [remark for messages in by_pair.values() for remark in _judge(trace, profile, messages)]
    yield from told
    if not told:
        yield held(f"the target never wrote itself down as the initiator of a peer's IKE SA {bounds(trace)}")


def _judge(trace: Trace, profile: Profile, messages: list[Seen]) -> Iterator[Remark]:
    header = messages[0].header
    assert header is not None
    association = trace.associations.get(header)
    if association is None:
        opening = trace.associations.openings.get(header.spi_i)
        by_target = None if opening is None else opening.by_target
    else:
        by_target = association.by_target
    frames = frames_of(messages)
    if by_target is None:
        yield undecided(
            f"the target is the initiator of the IKE SA {pair_of(messages[0])}, which is older than what was "
            f"observed ({named(frames)}): whether it was let make it cannot be seen",
            frames,
        )
    elif not by_target:
        yield failed(
            f"the target set the Initiator flag on the IKE SA {pair_of(messages[0])} ({named(frames)}), which "
            f"{_made_by_peer(trace, association, header)}",
            frames,
        )
    else:
        yield from _own_requests(profile, association, messages)


def _own_requests(
    profile: Profile, association: Association | None, messages: list[Seen]
) -> Iterator[Remark]:
    """Requests on an SA of the target's own making, unless the profile let it make that one by a rekey."""
    if association is not None and association.birth is Birth.REKEYED and Start.IKE_REKEY in profile.may:
        return
    frames = frames_of(each for each in messages if each.is_request)
    if not frames:
        return
    made = f" by {association.birth}" if association is not None else ""
    yield failed(
        f"the target made the IKE SA {pair_of(messages[0])} itself{made} and speaks as its initiator "
        f"({named(frames)}): no SA of a responder has it for an initiator",
        frames,
        requirement="CISCO-RO-42" if association is not None and association.birth is Birth.REKEYED else None,
    )


def _made_by_peer(trace: Trace, association: Association | None, header: Header) -> str:
    if association is None:
        return f"its peer began in frame {trace.associations.openings[header.spi_i].number}"
    return f"its peer made by {association.birth} ({named(association.birth_frames)})"


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
    outlives_gaps=True,
    two_way=False,
)
