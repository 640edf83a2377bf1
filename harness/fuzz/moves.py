"""The moves of a fuzzer's script: plain data that can be stored, and what each makes the peer do.

A move is an object with `do` and what that takes. What is sent to a live SA is symbolic (a step of the peer, or
payloads to seal with keys that exist only then); octets as such go from a port of the peer to one of the target.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.bench.links import LATENCY_S, OVERTAKEN_S, Mischief
from harness.clock import SeededEntropy
from harness.codes import Exchange, NotifyType, Trigger
from harness.fuzz import edits
from harness.peer import Ask, Changes, Elapse, Initiator, Note, Provoke, Request, Script, Send
from harness.peer.v2.sa import IkeSa, State
from harness.wire import Message, decode_chain, encode_chain, replace, v2

Move = dict[str, Any]

AUTH_STANDS_HERE = bytes.fromhex("a5") * 32
"""Where these octets stand in the payloads of an `auth` move, the right AUTH of its SA goes in."""
PATIENCE_S = 0.5
"""How long an answer to a hostile message is waited for in virtual time."""
PATIENCE_REAL_S = 0.05
"""The same in real time."""
FATES: Mapping[str, tuple[float, ...]] = {
    "fine": (0.0,),
    "lost": (),
    "double": (0.0, LATENCY_S),
    "late": (OVERTAKEN_S,),
    "echo": (0.0, 1.5),
}
"""What becomes of a datagram on the path: the delays of its copies."""
_ENDS = frozenset({NotifyType.INVALID_SYNTAX, NotifyType.AUTHENTICATION_FAILED})


@dataclass(frozen=True, slots=True)
class Weather(Mischief):
    """A path that does to the next datagrams, each way, what a script says; after that nothing."""

    to_come: deque[str] = field(default_factory=deque)

    def fates(self, entropy: SeededEntropy) -> tuple[float, ...]:  # noqa: ARG002  the base draws from it
        """The delays of the copies of the next datagram."""
        return FATES[self.to_come.popleft()] if self.to_come else FATES["fine"]


def _text(value: Any) -> None:
    if not isinstance(value, str) or not value.isascii() or len(value) > 64:
        raise ValueError("a short ASCII text is wanted")


def _octets(value: Any) -> None:
    if not isinstance(value, str) or len(value) > 131_072:
        raise ValueError("hexadecimal octets are wanted")
    bytes.fromhex(value)


def _number(most: float) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise ValueError(f"a number from 0 to {most:g} is wanted")

    return check


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError("true or false is wanted")


def _one_of(*words: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)} is wanted")

    return check


def _some_of(*words: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not isinstance(value, list) or len(value) > 1000 or not set(value) <= set(words):
            raise ValueError(f"a list of {', '.join(words)} is wanted")

    return check


def _octet(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
        raise ValueError("a number from 0 to 255 is wanted")


def _turn(value: Any) -> None:
    if value not in (1, 3, 5):
        raise ValueError("1, 3 or 5 is wanted")


_PORT = _one_of("ike", "natt")
_SENT: Mapping[str, Callable[[Any], object]] = {"as": _text, "edits": edits.checked, "inside": _flag}
_PAYLOADS: Mapping[str, Callable[[Any], object]] = {"first": _octet, "octets": _octets, "as": _text}
TAKES: Mapping[str, Mapping[str, Callable[[Any], object]]] = {
    **dict.fromkeys(("ike_sa_init", "ike_auth", "connect", "rekey_ike", "rekey_child", "liveness"), _SENT),
    **dict.fromkeys(("delete_child", "delete_ike", "dpd", "delete_quick", "delete_main"), _SENT),
    "create_child": {**_SENT, "pfs": _flag},
    "quick_mode": {**_SENT, "pfs": _flag, "at": _turn},
    "main_mode": {**_SENT, "at": _turn},
    "aggressive_mode": {**_SENT, "at": _turn},
    "sealed": {**_PAYLOADS, "exchange": _octet},
    "sealed_v1": {**_PAYLOADS, "exchange": _octet},
    "response": {**_PAYLOADS, "exchange": _octet, "message_id": _number(0xFFFFFFFF)},
    "auth": _PAYLOADS,
    "send": {"octets": _octets, "from": _PORT, "to": _PORT, "as": _text},
    "again": {"of": _text},
    "path": {"fates": _some_of(*FATES)},
    "ignore": {"asks": _some_of(*Ask)},
    "elapse": {"seconds": _number(1_000_000)},
    "provoke": {"trigger": _one_of(*Trigger)},
}
"""What each move takes besides `do`, and how that is checked."""
_NEEDED: Mapping[str, frozenset[str]] = {
    "sealed": frozenset({"first", "octets", "exchange"}),
    "sealed_v1": frozenset({"first", "octets", "exchange"}),
    "response": frozenset({"first", "octets", "exchange", "message_id"}),
    "auth": frozenset({"first", "octets"}),
    "send": frozenset({"octets"}),
    "again": frozenset({"of"}),
    "path": frozenset({"fates"}),
    "ignore": frozenset({"asks"}),
    "elapse": frozenset({"seconds"}),
    "provoke": frozenset({"trigger"}),
}


def checked(stored: Any) -> Move:
    """A move from plain data; ValueError with a sentence if it is none."""
    if not isinstance(stored, dict) or stored.get("do") not in TAKES:
        raise ValueError(f"there is no such action: {str(stored)[:80]}")
    name, takes = stored["do"], TAKES[stored["do"]]
    missing = sorted(_NEEDED.get(name, frozenset()) - set(stored))
    if missing:
        raise ValueError(f"{name} lacks {missing[0]!r}")
    for key, value in stored.items():
        if key == "do":
            continue
        if key not in takes:
            raise ValueError(f"{name} takes no {key!r}")
        try:
            takes[key](value)
        except ValueError as why:
            raise ValueError(f"{name}: {key}: {why}") from None
    return dict(stored)


class Hands:
    """Makes moves with one peer; it knows how far the SAs are still those of an honest peer.

    Only requests of an honest peer on such an SA are due an answer; of all else no claim is made.
    """

    def __init__(
        self, alice: Initiator, weather: Weather | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self.alice = alice
        self._weather = weather
        self._patience_s = patience_s
        self._silent = False
        self._touched: dict[int, object] = {}
        """By identity; kept here, so that no later SA takes the identity of a dead one."""

    @property
    def state(self) -> str:
        """How far the peer has come: where its next message will meet the target."""
        states = {self.alice.ike.state, self.alice.isakmp.state}
        if State.ESTABLISHED in states:
            return "authenticated"
        return "half-open" if State.HALF_OPEN in states else "unauthenticated"

    @property
    def up(self) -> bool:
        """Whether there is an IKE SA that serves and was not meddled with."""
        return self.alice.ike.established and self._honest(self.alice.ike)

    @property
    def up_v1(self) -> bool:
        """The same for version 1."""
        return self.alice.isakmp.established and self._honest(self.alice.isakmp)

    def _honest(self, sa: object) -> bool:
        """A peer that lets requests of the target go unanswered is taken for dead, and rightly."""
        return id(sa) not in self._touched and not self._silent

    def play(self, move: Move) -> Script:
        """What the peer does for a move that was `checked`."""
        name = move["do"]
        if name in _PLAIN:
            yield _PLAIN[name](move)
            return
        step: Callable[[Move], Script] = getattr(self, f"_{name}")
        yield from step(move)

    # --- how a step is bent ----------------------------------------------------------------------------------------

    def _changes(self, move: Move, *, fresh: bool = False, v1: bool = False) -> Changes:
        """The keywords of a step; what is no longer an honest peer's step is not due an answer."""
        changes: Changes = {"mark": move.get("as")}
        stored = move.get("edits")
        if stored:
            said = edits.checked(stored)
            if move.get("inside"):
                changes["change"] = lambda message: _bent_inside(message, said)
            else:
                changes["bend"] = lambda octets: edits.apply(octets, said)
            changes |= self._hostile(move)
            self._touch(v1=v1)
        elif not fresh and not (self.up_v1 if v1 else self.up):
            changes["due"] = False
        elif self._stormy:
            self._touch(v1=v1)  # the answer may be lost, and then both ends no longer agree
        return changes

    @property
    def _stormy(self) -> bool:
        return self._weather is not None and bool(self._weather.to_come)

    def _hostile(self, move: Move, inner: tuple[int, bytes] | None = None) -> Changes:
        """The keywords of what nobody need answer: it is sent once, and not waited for for long."""
        changes: Changes = {"mark": move.get("as"), "hostile": True, "due": False}
        changes |= {"retransmit": (), "wait": self._patience_s}
        if inner is not None:
            changes["inner"] = inner
        return changes

    def _touch(self, *, v1: bool) -> None:
        sa = self.alice.isakmp if v1 else self.alice.ike
        self._touched[id(sa)] = sa

    # --- version 2 -------------------------------------------------------------------------------------------------

    def _ike_sa_init(self, move: Move) -> Script:
        yield from self.alice.ike_sa_init(**self._changes(move, fresh=True))
        if move.get("edits"):
            self._touch(v1=False)

    def _ike_auth(self, move: Move) -> Script:
        half_open = self.alice.ike.state is State.HALF_OPEN and self._honest(self.alice.ike)
        changes = self._changes(move, fresh=half_open)
        if not half_open:
            changes["due"] = False
        answer = yield self.alice.ike_auth(**changes)
        self._judge(self.alice.ike, answer)

    def _connect(self, move: Move) -> Script:
        yield from self._ike_sa_init({})
        if self.alice.ike.keys is not None:
            yield from self._ike_auth(move)

    def _create_child(self, move: Move) -> Script:
        pfs = True if move.get("pfs") else None
        yield from self.alice.create_child(pfs=pfs, **self._changes(move))

    def _rekey_child(self, move: Move) -> Script:
        yield from self.alice.rekey_child(**self._changes(move))

    def _rekey_ike(self, move: Move) -> Script:
        yield from self.alice.rekey_ike(**self._changes(move))

    def _liveness(self, move: Move) -> Script:
        yield self.alice.liveness(**self._changes(move))

    def _delete_child(self, move: Move) -> Script:
        yield self.alice.delete_child(**self._changes(move))

    def _delete_ike(self, move: Move) -> Script:
        yield self.alice.delete_ike(**self._changes(move))

    def _sealed(self, move: Move) -> Script:
        """A request with any payloads under a good seal; whether it needs an answer depends on what they are."""
        sa = self.alice.ike
        answer = yield self.alice.request(move["exchange"], **self._hostile(move, _inner(move)))
        self._judge(sa, answer)

    def _auth(self, move: Move) -> Script:
        """A fresh IKE_SA_INIT, and IKE_AUTH with any payloads under its keys."""
        yield from self.alice.ike_sa_init()
        sa = self.alice.ike
        if sa.keys is None:
            return
        first, octets = _inner(move)
        who = self.alice.configuration.local_id
        body = v2.IdInitiator(who.id_type, who.data).body
        proof = self.alice.auth_data(sa, body, self.alice.configuration.psk, True)
        if len(proof) == len(AUTH_STANDS_HERE):
            octets = octets.replace(AUTH_STANDS_HERE, proof)
        self._touch(v1=False)
        yield self.alice.ike_auth(**self._hostile(move, (first, octets)))

    def _response(self, move: Move) -> Script:
        changes = self._hostile(move, _inner(move))
        changes["message_id"] = int(move["message_id"])
        yield self.alice.response(move["exchange"], **changes)

    def _judge(self, sa: IkeSa, answer: Message | None) -> None:
        """After a message that was not answered, or that ended the SA, nothing is due on it."""
        ended = answer is not None and any(n.notify_type in _ENDS for n in answer.all(v2.Notify))
        if answer is None or ended:
            self._touched[id(sa)] = sa

    # --- version 1 -------------------------------------------------------------------------------------------------

    def _main_mode(self, move: Move) -> Script:
        at, bent = move.get("at", 5), self._may_be_lost(move)
        yield from self.alice.main_mode(at=at, **self._changes(move, fresh=True, v1=True))
        if bent:
            self._touch(v1=True)

    def _aggressive_mode(self, move: Move) -> Script:
        at, bent = 3 if move.get("at", 1) > 1 else 1, self._may_be_lost(move)
        yield from self.alice.aggressive_mode(at=at, **self._changes(move, fresh=True, v1=True))
        if bent:
            self._touch(v1=True)

    def _may_be_lost(self, move: Move) -> bool:
        """Whether a message of this step may not arrive as it should: phase 1 may end in one that nothing answers."""
        return bool(move.get("edits")) or self._stormy

    def _quick_mode(self, move: Move) -> Script:
        at, pfs = 3 if move.get("at", 1) > 1 else 1, True if move.get("pfs") else None
        yield from self.alice.quick_mode(at=at, pfs=pfs, **self._changes(move, v1=True))

    def _dpd(self, move: Move) -> Script:
        yield self.alice.dpd(**self._changes(move, v1=True))

    def _delete_quick(self, move: Move) -> Script:
        child = self.alice.isakmp.child
        if child is not None:
            yield self.alice.delete_v1(child, **self._changes(move, v1=True))

    def _delete_main(self, move: Move) -> Script:
        yield self.alice.delete_v1(self.alice.isakmp, **self._changes(move, v1=True))

    def _sealed_v1(self, move: Move) -> Script:
        """Any payloads behind a right HASH: an Informational, or the first message of a Quick Mode."""
        changes = self._hostile(move, _inner(move))
        if self.alice.isakmp.secrets is None:
            return
        if move["exchange"] == Exchange.QUICK_MODE:
            yield self.alice.quick_mode_1(**changes)
        else:
            yield self.alice.informational_v1(**changes)
            yield Elapse(self._patience_s)

    # --- neither ---------------------------------------------------------------------------------------------------

    def _send(self, move: Move) -> Script:
        alice, natt = self.alice, move.get("to") == "natt"
        source = alice.local_natt if move.get("from", move.get("to")) == "natt" else alice.local
        send = alice.datagram_of(bytes.fromhex(move["octets"]), natt=natt, hostile=True, mark=move.get("as"))
        yield Send(send.data, source, send.destination, send.mark, hostile=True)

    def _again(self, move: Move) -> Script:
        sent = self.alice.again(move["of"], **self._hostile({}))
        yield sent.without_waiting() if isinstance(sent, Request) else sent

    def _path(self, move: Move) -> Script:
        if self._weather is None:
            yield Note("path", "nothing can be done to this link")
        else:
            self._weather.to_come.extend(move["fates"])

    def _ignore(self, move: Move) -> Script:
        self.alice.answers_again()
        yield self.alice.ignores(*move["asks"])
        self._silent = bool(move["asks"])
        self._touch(v1=False)
        self._touch(v1=True)

    def _provoke(self, move: Move) -> Script:
        """What the target then does to its SAs is its own business: on them nothing is due any more."""
        self._touch(v1=False)
        self._touch(v1=True)
        yield Provoke(Trigger(move["trigger"]))


_PLAIN: Mapping[str, Callable[[Move], Elapse]] = {"elapse": lambda move: Elapse(float(move["seconds"]))}


def _inner(move: Move) -> tuple[int, bytes]:
    return move["first"], bytes.fromhex(move["octets"])


def _bent_inside(message: Message, said: list[edits.Edit]) -> Message:
    """The message with its payloads edited as octets, before they are sealed."""
    octets = edits.apply(encode_chain(message.payloads), said)
    first = message.payloads[0].type if message.payloads else 0
    return replace(message, payloads=decode_chain(first, octets, message.major).payloads)
