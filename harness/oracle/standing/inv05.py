"""INV-05: a responder never speaks first in a Quick Mode or a New Group Mode.

Version 1 has no direction bit: who starts an exchange is who first sends its Message ID. So a lost or earlier
message of the peer would turn the answer round, and the rule judges only SAs that were seen from phase 1 on.
"""

from collections.abc import Iterator

from harness.codes import Exchange
from harness.observe import Matter, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    not_judged,
    pairs_of,
    undecided,
)
from harness.profile import Profile, Start
from harness.record import ClaimName

_PHASE_2 = {int(Exchange.QUICK_MODE): "Quick Mode", int(Exchange.NEW_GROUP_MODE): "New Group Mode"}


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    exchanges = _by_exchange(trace)
    if not exchanges and not trace.holds(Matter.VERSION_1) and not _any_v1(trace):
        yield not_judged("no message of version 1")
        return
    started: dict[tuple[str, int, bool], list[Seen]] = {}
    served: set[str] = set()
    for (pair, exchange, _), messages in exchanges.items():
        first = messages[0]
        if not first.from_target:
            served |= {first.source.address} if exchange == Exchange.QUICK_MODE else set()
        elif not _allowed(profile, exchange, renews=first.destination.address in served):
            association = trace.associations.by_pair.get(pair)
            covered = association is not None and association.seen_from_birth
            opening = [each for each in messages if each.octets == first.octets]
            started.setdefault((first.destination.address, exchange, covered), []).extend(opening)
    for (peer, exchange, covered), messages in started.items():
        yield _judge(peer, _PHASE_2[exchange], messages, covered=covered)
    if not started:
        yield held(f"the target spoke first in no Quick Mode and no New Group Mode {bounds(trace)}")


def _any_v1(trace: Trace) -> bool:
    return any(each.header is not None and each.header.is_v1 for each in trace.ike)


def _by_exchange(trace: Trace) -> dict[tuple[tuple[bytes, bytes], int, int], list[Seen]]:
    found: dict[tuple[tuple[bytes, bytes], int, int], list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is not None and header.is_v1 and header.exchange in _PHASE_2:
            found.setdefault((header.pair, header.exchange, header.message_id), []).append(each)
    return found


def _allowed(profile: Profile, exchange: int, *, renews: bool) -> bool:
    """A Quick Mode that renews what this peer made, or a first one where the profile has that; New Group Mode never."""
    if exchange != Exchange.QUICK_MODE:
        return False
    return Start.FIRST_CHILD in profile.may or (Start.CHILD_REKEY in profile.may and renews)


def _judge(peer: str, mode: str, messages: list[Seen], *, covered: bool) -> Remark:
    frames = frames_of(messages)
    if not covered:
        return undecided(
            f"the target is the first whom the capture shows in {mode} on {pairs_of(messages)}, {named(frames)}; but "
            "phase 1 of that SA was not captured: a request of the peer may have come before",
            frames,
        )
    return failed(
        f"the target started {mode} towards {peer} on the ISAKMP SA {pairs_of(messages)}, {named(frames)}: no "
        "message of its peer had that Message ID before",
        frames,
    )


RULE = Rule(
    id="INV-05",
    claim=ClaimName.SAFETY,
    title="No Quick Mode and no New Group Mode that the target starts",
    requirements=("CISCO-RO-03", "CISCO-RO-05"),
    rfc=("RFC 2408 §3.1", "RFC 2409 §5.5", "RFC 2409 §5.6"),
    examine=_examine,
    cleared_by=(Fact.PEER_OPENS, Fact.TARGET_ONLY_INFORMS),
    two_way=False,
)
