"""INV-11: the target counts the requests of its own on an IKE SA from 0 up, and waits for answers as its peer wants.

Each side numbers its requests by itself, and a rekeyed IKE SA starts anew (RFC 7296 section 2.2). How many may be
unanswered is what the peer said last in SET_WINDOW_SIZE, one before (section 2.3); that is sealed, so without keys more
than one is a remark. A member of a cluster that took over counts anew after one request 0 (RFC 6311 section 5.1).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.codes import NotifyType
from harness.observe import Association, Birth, Doubt, Matter, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    folded,
    frames_of,
    held,
    named,
    not_judged,
    noted,
    tap_at_target,
)
from harness.profile import Profile
from harness.record import ClaimName, Verdict
from harness.wire import v2

_TOLD = 16
"""How many unanswered requests a finding names."""
_SYNC = NotifyType.IKEV2_MESSAGE_ID_SYNC


@dataclass(slots=True)
class _Request:
    """A request of the target and its copies."""

    first: Seen
    copies: list[Seen]
    answered: Seen | None = None


@dataclass(slots=True, eq=False)
class _Counter:
    """The target's own requests on one IKE SA, in the order of their first copies, and the window for them."""

    association: Association
    requests: dict[int, _Request] = field(default_factory=dict)
    waiting: dict[int, _Request] = field(default_factory=dict)
    """Those of them that have no answer yet."""
    window: int = 1
    window_hidden: bool = False
    """Whether the peer sent something that may have held another window."""
    crowded: list[tuple[_Request, list[_Request], int, bool]] = field(default_factory=list)
    """Requests that came too early: with those that were unanswered, the window, and whether that is certain."""
    reused: list[tuple[Seen, Seen]] = field(default_factory=list)
    """A Message ID twice with other octets: the earlier and the later one."""
    restarted: bool = False

    @property
    def expected(self) -> int:
        """The Message ID of the first request: the one after the initial exchange for who sent that."""
        made_it = self.association.by_target and self.association.birth is not Birth.REKEYED
        return 1 if made_it else 0

    def ask(self, seen: Seen, message_id: int) -> None:
        """One more request of the target, or a copy."""
        known = self.requests.get(message_id)
        if known is not None:
            known.copies.append(seen)
            self._compare(known, seen, message_id)
            return
        request = _Request(seen, [seen])
        if len(self.waiting) >= self.window:
            waiting = list(self.waiting.values())[-_TOLD:]
            self.crowded.append((request, waiting, self.window, not self.window_hidden))
        self.requests[message_id] = self.waiting[message_id] = request

    def _compare(self, known: _Request, seen: Seen, message_id: int) -> None:
        alike = [each for each in known.copies[:-1] if each.fragment == seen.fragment]
        if not alike or seen.octets == alike[-1].octets:
            return
        hidden = seen.doubt is not None and known.answered is not None
        if message_id == 0 and (hidden or _synchronises(seen)):
            self.restarted = True
        else:
            self.reused.append((alike[-1], seen))

    def hear(self, seen: Seen, message_id: int) -> None:
        """One more message of the peer."""
        if seen.is_response and (asked := self.waiting.pop(message_id, None)) is not None:
            asked.answered = seen
        if seen.doubt is Doubt.NO_KEYS and seen.joined_in is None:
            self.window_hidden = True
        for payload in seen.inner or ():
            if isinstance(payload, v2.Notify) and payload.notify_type == NotifyType.SET_WINDOW_SIZE:
                self.window = max(self.window, int.from_bytes(payload.data[:4], "big"))


def _synchronises(seen: Seen) -> bool:
    return any(isinstance(each, v2.Notify) and each.notify_type == _SYNC for each in seen.inner or ())


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    counters = _counters(trace)
    asked = [counter for counter in counters if counter.requests]
    beside = trace.holds(Matter.OWN_REQUESTS)
    if not asked and not beside:
        yield not_judged("the target asked nothing by itself on an IKE SA")
        return
    counted = [counter for counter in asked if counter.association.seen_from_birth]
    yield from (_begun_before(counter) for counter in asked if counter not in counted)
    told = tuple(folded(fault for counter in counted for fault in _faults(counter, trace)))
    yield from told
    if (counted or beside) and not any(fault.verdict is Verdict.FAIL for fault in told):
        yield held(f"the target counted the requests of its own on each IKE SA as it should {bounds(trace)}")


def _counters(trace: Trace) -> Iterable[_Counter]:
    found: dict[tuple[bytes, bytes], _Counter] = {}
    for each in trace.ike:
        header = each.header
        if header is None or header.is_v1 or not each.sealed:
            continue
        association = trace.associations.get(header)
        if association is None:
            continue
        counter = found.get(header.pair)
        if counter is None:
            counter = found[header.pair] = _Counter(association)
        if not each.from_target:
            counter.hear(each, header.message_id)
        elif header.is_request:
            counter.ask(each, header.message_id)
    return found.values()


def _begun_before(counter: _Counter) -> Remark:
    frames = frames_of(each.first for each in counter.requests.values())
    return not_judged(
        f"the IKE SA {counter.association} is older than the capture, so the target's requests on it "
        f"({named(frames)}) cannot be counted"
    )


def _faults(counter: _Counter, trace: Trace) -> Iterator[Remark]:
    for earlier, later in counter.reused:
        frames = (earlier.number, later.number)
        yield failed(
            f"the target used Message ID {later.message_id} on {counter.association} for two requests, {named(frames)}",
            frames,
            requirement="RFC7296-2.1-08",
        )
    yield from _jumps(counter, trace)
    for request, waiting, window, certain in counter.crowded:
        yield _crowded(counter, trace, request, waiting, window, certain)


def _jumps(counter: _Counter, trace: Trace) -> Iterator[Remark]:
    """Message IDs that were left out; one that only came late was overtaken on the path."""
    due = counter.expected
    for message_id, request in counter.requests.items():
        if message_id > due:
            missing = [each for each in range(due, min(message_id, due + 16)) if each not in counter.requests]
            says = (
                f"frame {request.first.number}: the target went from Message ID {due - 1} to {message_id} on "
                f"{counter.association}"
                if due
                else f"frame {request.first.number}: the target began with Message ID {message_id} on "
                f"{counter.association}"
            )
            if counter.restarted:
                yield noted(
                    f"{says}, after it had used 0 once more: a cluster that took over?", request.first.frames
                )
            elif missing or tap_at_target(trace):
                yield failed(f"{says}; its requests count up by one", request.first.frames)
        due = max(due, message_id + 1)


def _crowded(
    counter: _Counter, trace: Trace, request: _Request, waiting: list[_Request], window: int, certain: bool
) -> Remark:
    frames = frames_of((*(each.first for each in waiting), request.first))
    says = (
        f"frame {request.first.number}: the target asked on {counter.association} while {len(waiting)} of its "
        f"requests had no answer ({named(frames[:-1])})"
    )
    if not certain:
        return noted(f"{says}; what window its peer had given it is sealed", frames)
    if not tap_at_target(trace) and all(each.answered is None for each in waiting):
        return noted(f"{says}, nor ever got one: it may have given them up", frames)
    return failed(f"{says}; the window of its peer is {window}", frames, requirement="RFC7296-2.3-06")


RULE = Rule(
    id="INV-11",
    claim=ClaimName.PROTOCOL,
    title="The target counts its own requests up from 0 on each IKE SA, within its peer's window",
    requirements=("RFC7296-2.2-02", "RFC7296-2.2-04", "RFC7296-2.3-06", "RFC7296-1.3.2-05", "RFC7296-2.1-08"),
    rfc=("RFC 7296 §2.1", "RFC 7296 §2.2", "RFC 7296 §2.3", "RFC 6311 §5.1"),
    examine=_examine,
    cleared_by=(Fact.PEER_OPENS, Fact.NUMBERED, Fact.REPEATED_ALIKE),
)
