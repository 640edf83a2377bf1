"""A capture, understood: who sent what to whom, under which mark, and what of it is certain."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from harness.codes import NotifyType
from harness.observe.answers import Answers
from harness.observe.associations import Associations
from harness.observe.children import Children
from harness.observe.gaps import known_gaps
from harness.observe.observed import Doubt, Observed, number
from harness.observe.screened import NOTHING, Matter, Screened
from harness.observe.seen import Seen
from harness.wire import v2

_FOLLOWED = frozenset({NotifyType.COOKIE, NotifyType.INVALID_KE_PAYLOAD})
T = TypeVar("T")


class Observation(NamedTuple):
    """Something that was seen on no wire: what came of a trigger, an exit status, a log line."""

    t: float
    what: str
    outcome: Any


@dataclass(eq=False)
class Trace:
    """What a capture shows of one target, and what the file itself says of the window.

    It has no `__slots__`: what rules ask for again and again is worked out once and kept.
    """

    seen: tuple[Seen, ...]
    """What the target sent or was sent, in the capture's order."""
    devices: frozenset[str] = frozenset()
    """The target's addresses."""
    opening: Mapping[str, Any] | None = None
    """What was known when the capture began; None in a foreign capture."""
    closing: Mapping[str, Any] | None = None
    drops: int | None = None
    """How many datagrams the capture says it lost; None: the file cannot tell."""
    cut_off: bool = False
    """The harness's own evidence without its end: nothing follows from silence."""
    problems: tuple[str, ...] = ()
    elsewhere: tuple[Seen, ...] = ()
    """Messages of the target's SAs that were sent neither by nor to one of its addresses."""
    length_s: float | None = None
    """Seconds from the first to the last frame of the capture; None: of what was seen."""
    in_clear: tuple[Seen, ...] = ()
    """Packets from the target's side of a Child SA to the other one that should have been in ESP, and were not."""
    screened: Screened = NOTHING
    """What else was seen, and found in order beforehand."""

    @property
    def own(self) -> bool:
        """Whether the harness took this capture itself."""
        return self.opening is not None

    @property
    def window_s(self) -> float:
        """Seconds that the target was watched."""
        stated = number((self.closing or {}).get("window_s"))
        if stated is not None:
            return stated
        if self.length_s is not None:
            return self.length_s
        return self.seen[-1].time - self.seen[0].time if self.seen else 0.0

    @property
    def began(self) -> float:
        """When the first datagram was seen."""
        return self.seen[0].time if self.screened.began is None else self.screened.began

    @property
    def ended(self) -> float:
        """When the last datagram was seen."""
        return self.seen[-1].time if self.screened.ended is None else self.screened.ended

    @cached_property
    def sent(self) -> int:
        """How many IKE messages the target sent."""
        return sum(each.from_target for each in self.ike) + self.screened.sent

    @cached_property
    def speakers(self) -> frozenset[str]:
        """The addresses from which the target got anything."""
        return self.screened.speakers | {each.source.address for each in self.seen if not each.from_target}

    def heard_before(self, address: str, number: int) -> int:
        """How many datagrams of a peer, keepalives left out, came before that frame and were found in order beforehand."""
        return bisect_left(self.screened.heard, number) if address in self.screened.speakers else 0

    def holds(self, matter: Matter) -> bool:
        """Whether what was found in order beforehand holds such a thing."""
        return matter in self.screened.matter

    @property
    def triggers(self) -> tuple[str, ...]:
        """What was done to provoke the target."""
        stated = (self.closing or {}).get("triggers")
        return tuple(str(each) for each in stated) if isinstance(stated, list | tuple) else ()

    @cached_property
    def gaps(self) -> tuple[str, ...]:
        """What the capture is known to lack, a clause each."""
        return tuple(known_gaps(self))

    @property
    def gap_free(self) -> bool | None:
        """True: counters are there and zero; False: something is known to be missing; None: the file can't tell."""
        if self.gaps:
            return False
        return None if self.drops is None else True

    @cached_property
    def ike(self) -> tuple[Seen, ...]:
        """The IKE messages with a readable header."""
        return tuple(each for each in self.seen if each.header is not None)

    @cached_property
    def associations(self) -> Associations:
        """The SAs, and who made them."""
        return Associations.of(self.ike)

    @cached_property
    def messages_by_spi(self) -> Mapping[bytes, tuple[Seen, ...]]:
        """The messages by their initiator's SPI or cookie, in the capture's order."""
        found: dict[bytes, list[Seen]] = {}
        for each in self.ike:
            found.setdefault(each.spi_i or b"", []).append(each)
        return {spi: tuple(messages) for spi, messages in found.items()}

    @cached_property
    def children(self) -> Children:
        """The Child SAs whose making the keys show."""
        return Children.of(self.ike)

    @cached_property
    def answers(self) -> Answers:
        """What answers what."""
        return Answers.of(self.ike)

    @property
    def _silence(self) -> Doubt | None:
        return Doubt.NOT_CAPTURED if self.gap_free is False else None

    def _absent(self, why: str, frames: tuple[int, ...] = ()) -> Observed[Any]:
        return Observed(None, frames, why, self._silence)

    def _not_asked(self, mark: str) -> Observed[Any]:
        return Observed(None, (), f"no frame is marked {mark!r}, so nothing was asked", Doubt.NOT_ASKED)

    def all_marked(self, mark: str) -> tuple[Seen, ...]:
        """Every frame with this mark: a message, its fragments and its retransmissions."""
        return tuple(each for each in self.seen if mark in each.marks)

    def asked_under(self, mark: str) -> tuple[Seen, ...]:
        """The frames of the target's peers with this mark."""
        return tuple(each for each in self.seen if mark in each.marks and not each.from_target)

    def marked(self, mark: str) -> Observed[Seen]:
        """The first frame with this mark; `frames` has all of them."""
        found = self.all_marked(mark)
        if not found:
            return self._not_asked(mark)
        return Observed(found[0], tuple(each.number for each in found))

    def reply_to(self, mark: str) -> Observed[Seen]:
        """The target's first answer to the message of this mark; of several different ones, to the last."""
        asked = self.asked_under(mark)
        if not asked:
            return self._not_asked(mark)
        last = _last_message(asked)
        answers = self.answers.to(last[0])
        frames = tuple(each.number for each in last)
        if not answers:
            return self._absent(_never_came(self, last[0]), frames)
        return Observed(answers[0], frames[:1] + answers[0].frames)

    def outcome_of(self, mark: str) -> Observed[Seen]:
        """What a step ended with: the target's answer to its last message, where a COOKIE, a PUZZLE or another group was followed.

        Among several answers to that message, as a slow target gives, one that asks for neither counts first.
        """
        words = {mark, *(f"{mark}/{word}" for word in ("cookie", "puzzle", "group"))}
        asked = tuple(each for each in self.seen if not each.from_target and not words.isdisjoint(each.marks))
        if not asked:
            return self._not_asked(mark)
        last = _newest_message(asked)
        answers = self.answers.to(last[0])
        frames = tuple(each.number for each in last)
        if not answers:
            return self._absent(_never_came(self, last[0]), frames)
        told = next((each for each in answers if not _asks_again(each)), answers[0])
        return Observed(told, frames[:1] + told.frames)

    def replies_to(self, mark: str) -> Observed[tuple[Seen, ...]]:
        """Every answer of the target to any message of this mark, in order, repeated ones too."""
        asked = self.asked_under(mark)
        if not asked:
            return self._not_asked(mark)
        found = {each.number: each for request in asked for each in self.answers.to(request)}
        answers = tuple(found[number] for number in sorted(found))
        return self._several(answers, f"no answer to {mark!r}", tuple(each.number for each in asked))

    def from_target(
        self, exchange: int | None = None, requests_only: bool = False
    ) -> Observed[tuple[Seen, ...]]:
        """The target's IKE messages, of one exchange type where given, and only requests of version 2 if wanted."""
        found = tuple(
            each
            for each in self.ike
            if each.from_target
            and exchange in (None, each.exchange)
            and (each.is_request or not requests_only)
        )
        kind = "request" if requests_only else "message"
        return self._several(found, f"the target sent no such {kind}")

    def pongs_to(self, mark: str) -> Observed[tuple[Seen, ...]]:
        """The echo replies that the target sent through a Child SA after the first echo request of this mark."""
        asked = self.asked_under(mark)
        if not asked:
            return self._not_asked(mark)
        wanted = next((each.packet.echo for each in asked if each.packet and each.packet.echo), None)
        if wanted is None:
            return Observed(
                None, (asked[0].number,), f"{mark!r} holds no echo that was opened", Doubt.NO_KEYS
            )
        reply, sent = wanted._replace(is_reply=True), self._packets_after(asked[0])
        found = tuple(each for each in sent if each.packet is not None and each.packet.echo == reply)
        hidden = next((each for each in sent if each.packet is not None and not each.packet.opened), None)
        if not found and hidden is not None:
            return Observed(None, (hidden.number,), f"frame {hidden.number} does not open", Doubt.NO_KEYS)
        return self._several(found, f"no packet answers {mark!r}", (asked[0].number,))

    def packets_after(self, mark: str) -> Observed[tuple[Seen, ...]]:
        """All ESP packets that the target sent after the last frame of this mark."""
        asked = self.all_marked(mark)
        if not asked:
            return self._not_asked(mark)
        return self._several(self._packets_after(asked[-1]), f"the target sent no packet after {mark!r}")

    def _packets_after(self, seen: Seen) -> tuple[Seen, ...]:
        return tuple(each for each in self.packets if each.from_target and each.number > seen.number)

    @cached_property
    def packets(self) -> tuple[Seen, ...]:
        """The ESP packets, from either side."""
        return tuple(each for each in self.seen if each.packet is not None)

    def leaked(self) -> Observed[tuple[Seen, ...]]:
        """The packets that left the target's side in clear, though a Child SA had been there for them."""
        return self._several(self.in_clear, "nothing left in clear")

    def sent_after(self, mark: str) -> Observed[tuple[Seen, ...]]:
        """All IKE messages that the target sent after the last frame of this mark."""
        asked = self.all_marked(mark)
        if not asked:
            return self._not_asked(mark)
        found = tuple(each for each in self.ike if each.from_target and each.number > asked[-1].number)
        return self._several(found, f"the target sent nothing after frame {asked[-1].number}")

    def observations(self, what: str | None = None) -> Observed[tuple[Observation, ...]]:
        """What was observed outside the wire, of one kind where given."""
        stated = (self.closing or {}).get("observations")
        kept = stated if isinstance(stated, list | tuple) else ()
        found = tuple(_observation(each) for each in kept if isinstance(each, dict))
        wanted = tuple(each for each in found if what in (None, each.what))
        if not wanted:
            return self._absent("nothing was observed" + (f" of {what}" if what else ""))
        return Observed(wanted)

    def _several(
        self, found: tuple[Seen, ...], why: str, frames: tuple[int, ...] = ()
    ) -> Observed[tuple[Seen, ...]]:
        if not found:
            return self._absent(why, frames)
        return Observed(found, tuple(number for each in found for number in each.frames))

    @property
    def datagrams(self) -> int:
        """How many datagrams to and from the target there are, of any kind."""
        return len(self.seen) + self.screened.datagrams

    @property
    def ike_messages(self) -> int:
        """How many of them are IKE messages with a readable header."""
        return len(self.ike) + self.screened.ike


def _last_message(asked: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """The frames, of those with one mark, that carry the last of different messages."""
    key = _identity(asked[-1])
    same = [each for each in asked if _identity(each) == key]
    if asked[-1].fragment is None:
        same = [each for each in same if each.octets == asked[-1].octets]
    return tuple(same)


def _newest_message(asked: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """The frames of the message that was sent first after all others; copies that come late make no other one newer."""
    found: dict[object, list[Seen]] = {}
    for each in asked:
        said = each.octets if each.fragment is None else None
        found.setdefault((_identity(each), said), []).append(each)
    return tuple(list(found.values())[-1])


def _asks_again(answer: Seen) -> bool:
    return any(isinstance(each, v2.Notify) and each.notify_type in _FOLLOWED for each in answer.payloads)


def _identity(seen: Seen) -> object:
    header = seen.header
    return None if header is None else (header.pair, header.exchange, header.flags, header.message_id)


def _never_came(trace: Trace, request: Seen) -> str:
    header = request.header
    if header is None or header.is_v1:
        return f"nothing answers frame {request.number}"
    near: Iterable[Seen] = (
        each
        for each in trace.ike
        if each.from_target
        and each.number > request.number
        and each.header is not None
        and each.header.is_response
        and (each.header.spi_i, each.header.message_id) == (header.spi_i, header.message_id)
    )
    for each in near:
        return f"frame {each.number} has its Message ID but another exchange type or SPI"
    return f"nothing answers frame {request.number}"


def _observation(entry: Mapping[str, Any]) -> Observation:
    return Observation(number(entry.get("t")) or 0.0, str(entry.get("what", "")), entry.get("value"))
