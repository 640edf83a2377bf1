"""INV-10: what a peer validly asks is answered in time.

Which request is valid only its script can say: it marks those that must be answered as due, and those of which it
claims nothing as hostile. Without such marks an unanswered request is a remark. In version 1 only the messages
that have an answer by their place in the exchange are judged; an SA that was given up answers nothing any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.codes import Exchange, NotifyTypeV1, name_of
from harness.observe import Header, Matter, Seen, Trace, number
from harness.oracle.facts import Fact
from harness.oracle.standing.endings import endings
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    folded,
    held,
    named,
    not_judged,
    noted,
    pair_of,
    tap_at_target,
)
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire import v1

T_RESP_S = 5.0
"""Seconds within which an answer must come, unless the evidence states another "t_resp_s"."""
_COPIES = 3
_CONTROL = "control"
_GIVES_UP_S = 3.99
"""A script that asks three times and more waits this long for an answer before it goes on."""
_TURNS = {
    int(Exchange.BASE): 2,
    int(Exchange.IDENTITY_PROTECTION): 3,
    int(Exchange.AUTHENTICATION_ONLY): 1,
    int(Exchange.AGGRESSIVE): 1,
    int(Exchange.QUICK_MODE): 1,
    int(Exchange.NEW_GROUP_MODE): 1,
}
"""How many messages of an initiator have an answer, by exchange type of version 1."""
_REQUEST, _SET = 1, 3


@dataclass(slots=True)
class Asked:
    """A request and its copies."""

    first: Seen
    frames: list[int]
    copies: int = 0
    due: bool = False
    hostile: bool = False
    pieces: set[int] = field(default_factory=set)
    """The numbers of the fragments that came; empty for a request in one piece."""

    @property
    def whole(self) -> bool:
        """Whether all of it came (RFC 7383 section 2.6)."""
        fragment = self.first.fragment
        return fragment is None or len(self.pieces) >= fragment[1]


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    due: list[Asked] = []
    silent: list[Asked] = []
    marked = any(each.due or each.hostile for each in trace.seen)
    for asked in requests_due(trace, marked):
        due.append(asked)
        if not trace.answers.to(asked.first):
            silent.append(asked)
    if not due and not trace.holds(Matter.REQUESTS):
        yield not_judged("no request of the peer was marked as due" if marked else "the peer asked nothing")
        return
    late = [asked for asked in silent if silence_counts(trace, asked)]
    if not marked:
        if late:
            frames = [asked.first.number for asked in late]
            yield noted(
                f"the target left {'a request' if len(late) == 1 else f'{len(late)} requests'} unanswered "
                f"({named(frames)}); whether they were valid nobody says",
                frames,
            )
        else:
            yield held(
                f"no request that the peer sent was left unanswered for {_t_resp(trace):g} s {bounds(trace)}"
            )
        return
    yield from folded(_unanswered(asked) for asked in late)
    if not late and len(silent) < len(due):
        yield held(f"{len(due) - len(silent)} requests that were due an answer got one")
    elif not late:
        yield not_judged("every due request lies in the last seconds of the capture, or came too seldom")


def _unanswered(asked: Asked) -> Remark:
    times = "once" if asked.copies == 1 else f"{asked.copies} times"
    return failed(
        f"the target left {_words(asked.first)} unanswered, which is valid and was sent {times} ({named(asked.frames)})",
        asked.frames,
        requirement=_requirement(asked.first),
    )


def requests_due(trace: Trace, marked: bool) -> Iterator[Asked]:
    """What the peer asked and the rules speak of: with marks what is due, without them everything."""
    ended = endings(trace)
    for asked in _requests(trace):
        header = asked.first.header
        assert header is not None
        if _CONTROL in asked.first.marks or asked.hostile or (marked and not asked.due):
            continue
        if asked.first.number > ended.get(header.pair, asked.first.number) or not asked.whole:
            continue
        yield asked


def _requests(trace: Trace) -> Iterable[Asked]:
    """The peer's requests, copies gathered; of version 1 those that have an answer by their place."""
    found: dict[object, Asked] = {}
    turns = _Turns()
    for each in trace.ike:
        header = each.header
        assert header is not None
        fresh = turns.take(each, header) if header.is_v1 else not each.from_target and header.is_request
        if each.from_target:
            continue
        key = _identity(each, header)
        if key not in found:
            if not fresh:
                continue
            found[key] = Asked(each, [])
        asked = found[key]
        asked.frames.append(each.number)
        asked.copies += each.fragment is None or each.fragment[0] == 1
        if each.fragment is not None:
            asked.pieces.add(each.fragment[0])
        asked.due |= each.due
        asked.hostile |= each.hostile
    return found.values()


def _identity(seen: Seen, header: Header) -> object:
    fragment = seen.fragment
    return seen.octets if fragment is None else (header.pair, header.exchange, header.message_id, fragment[1])


class _Turns:
    """Which messages of the peer open a turn in version 1."""

    def __init__(self) -> None:
        self._said: dict[tuple[bytes, int, int], list[Seen]] = {}

    def take(self, seen: Seen, header: Header) -> bool:
        """Whether this message is the peer's, new, and has an answer by its place in the exchange."""
        said = self._said.setdefault((header.spi_i, header.exchange, header.message_id), [])
        repeated = any(each.octets == seen.octets for each in said)
        said.append(seen)
        if repeated or seen.from_target:
            return False
        if header.exchange == Exchange.INFORMATIONAL_V1:
            return _asks_liveness(seen)
        if said[0].from_target:
            return False
        if header.exchange == Exchange.TRANSACTION:
            return _asks_transaction(seen, first=len(said) == 1)
        mine = {each.octets for each in said if not each.from_target}
        return len(mine) <= _TURNS.get(header.exchange, 0)


def _asks_liveness(seen: Seen) -> bool:
    return any(
        isinstance(payload, v1.Notify) and payload.notify_type == NotifyTypeV1.R_U_THERE
        for payload in seen.inner or ()
    )


def _asks_transaction(seen: Seen, *, first: bool) -> bool:
    if seen.inner is None:
        return first
    return any(
        isinstance(payload, v1.Attributes) and payload.attr_type in (_REQUEST, _SET) for payload in seen.inner
    )


def silence_counts(trace: Trace, asked: Asked) -> bool:
    """Whether silence counts: asked often enough, waited for, and not at the very end."""
    waited = max(trace.ended, trace.began + trace.window_s) - asked.first.time
    if not trace.own:
        return waited >= _t_resp(trace)
    if asked.copies >= _COPIES and waited >= min(_GIVES_UP_S, _t_resp(trace)):
        return True
    return tap_at_target(trace) and waited >= _t_resp(trace)


def _t_resp(trace: Trace) -> float:
    stated = number((trace.opening or {}).get("t_resp_s"))
    return T_RESP_S if stated is None else stated


def _words(seen: Seen) -> str:
    header = seen.header
    assert header is not None
    name = name_of(Exchange, header.exchange).removesuffix("_V1")
    message_id = f"{header.message_id:08x}" if header.is_v1 else str(header.message_id)
    return f"{name} {message_id} on {pair_of(seen)}"


def _requirement(seen: Seen) -> str:
    header = seen.header
    assert header is not None
    if header.is_v1:
        return "RFC3706-5.2-05" if header.exchange == Exchange.INFORMATIONAL_V1 else "CISCO-RO-06"
    return "RFC7296-1.4-04" if header.exchange == Exchange.INFORMATIONAL else "CISCO-RO-43"


RULE = Rule(
    id="INV-10",
    claim=ClaimName.LIVENESS,
    title="Every valid request of the peer is answered in time",
    requirements=("CISCO-RO-43", "CISCO-RO-06", "CISCO-RO-07", "RFC7296-1.4-04", "RFC3706-5.2-05"),
    rfc=("RFC 7296 §1.4", "RFC 7296 §2.1", "RFC 2409 §5", "RFC 3706 §5.2"),
    examine=_examine,
    cleared_by=(Fact.ANSWERED,),
)
