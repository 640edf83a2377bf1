"""INV-02: a responder starts no CREATE_CHILD_SA, but for the rekeys that its profile lets it start."""

from collections.abc import Iterator

from harness.codes import Exchange, NotifyType
from harness.observe import Asks, Birth, Seen, Trace, asked_for
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    noted,
    pairs_of,
    undecided,
)
from harness.profile import Profile, Start
from harness.record import ClaimName
from harness.wire import v2

_NEEDS = {
    Asks.NEW_CHILD: Start.FIRST_CHILD,
    Asks.CHILD_REKEY: Start.CHILD_REKEY,
    Asks.IKE_REKEY: Start.IKE_REKEY,
}
_REQUIREMENT = {
    Asks.NEW_CHILD: "CISCO-RO-40",
    Asks.CHILD_REKEY: "CISCO-RO-41",
    Asks.IKE_REKEY: "CISCO-RO-42",
    None: "CISCO-RO-41",
}


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    offences: dict[tuple[str, Asks | None], list[Seen]] = {}
    unknown: dict[str, list[Seen]] = {}
    allowed = frozenset(asks for asks, start in _NEEDS.items() if start in profile.may)
    for request in _requests(trace):
        peer = request[0].destination.address
        asks = None if request[0].doubt else _asks(request)
        if not allowed or (asks is not None and asks not in allowed) or _own_sa(trace, request[0]):
            offences.setdefault((peer, asks), []).extend(request)
        elif asks is None and allowed != frozenset(Asks):
            unknown.setdefault(peer, []).extend(request)
    for (peer, asks), request in offences.items():
        frames = frames_of(request)
        yield failed(
            f"the target started CREATE_CHILD_SA{f' for {asks}' if asks else ''} towards {peer} on the IKE SA "
            f"{pairs_of(request)}, {named(frames)}; {_why_not(profile, bool(allowed))}",
            frames,
            requirement=_REQUIREMENT[asks],
        )
    for peer, request in unknown.items():
        frames = frames_of(request)
        yield undecided(
            f"the target started CREATE_CHILD_SA towards {peer} on the IKE SA {pairs_of(request)}, "
            f"{named(frames)}; profile {profile.name} allows it rekeys, and without keys nobody sees whether "
            "these are",
            frames,
        )
    if not allowed:
        yield from _busy_with_nothing(trace)
    if not offences and not unknown:
        yield held(
            f"the target started no CREATE_CHILD_SA that profile {profile.name} forbids {bounds(trace)}"
        )


def _busy_with_nothing(trace: Trace) -> Iterator[Remark]:
    """TEMPORARY_FAILURE of a target that waits for no answer: it may be about to start something (section 2.25)."""
    waiting: dict[tuple[bytes, bytes], set[int]] = {}
    found: list[Seen] = []
    for each in trace.ike:
        header = each.header
        if header is None or header.is_v1:
            continue
        if each.from_target and header.is_request:
            waiting.setdefault(header.pair, set()).add(header.message_id)
        elif not each.from_target and header.is_response:
            waiting.get(header.pair, set()).discard(header.message_id)
        elif each.from_target and not waiting.get(header.pair) and _is_busy(each):
            found.append(each)
    if found:
        frames = frames_of(found)
        yield noted(
            f"the target was too busy for its peer with nothing that was seen, {named(frames)}", frames
        )


def _is_busy(seen: Seen) -> bool:
    return any(
        isinstance(each, v2.Notify) and each.notify_type == NotifyType.TEMPORARY_FAILURE
        for each in seen.inner or ()
    )


def _requests(trace: Trace) -> list[list[Seen]]:
    """The target's requests: the frames of one Message ID are one, the readable one first."""
    found: dict[object, list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or not each.from_target or not header.is_request:
            continue
        if header.exchange == Exchange.CREATE_CHILD_SA:
            found.setdefault((header.pair, header.message_id), []).append(each)
    return [sorted(each, key=lambda seen: (seen.doubt is not None, seen.number)) for each in found.values()]


def _asks(request: list[Seen]) -> Asks:
    return asked_for(request[0].payloads)


def _own_sa(trace: Trace, seen: Seen) -> bool:
    """Whether the IKE SA goes back to one of the target's own making, whoever rekeyed it since."""
    assert seen.header is not None
    first = trace.associations.ancestor(seen.header)
    return first is not None and bool(first.by_target) and first.birth in (Birth.INITIAL, Birth.RESUMED)


def _why_not(profile: Profile, allowed: bool) -> str:
    if not allowed:
        return f"a responder of profile {profile.name} neither adds nor renews an SA"
    return f"profile {profile.name} allows it less than that, and only on IKE SAs that go back to its peer"


RULE = Rule(
    id="INV-02",
    claim=ClaimName.SAFETY,
    title="No CREATE_CHILD_SA request of the target, but for rekeys that its profile allows",
    requirements=("CISCO-RO-41", "CISCO-RO-40", "CISCO-RO-42"),
    rfc=("RFC 7296 §1.3.1", "RFC 7296 §1.3.2", "RFC 7296 §1.3.3", "RFC 7296 §2.8"),
    examine=_examine,
    cleared_by=(Fact.TARGET_ONLY_INFORMS,),
    outlives_gaps=True,
    two_way=False,
)
