"""Dialogues drawn by Hypothesis: a state machine whose rules are the moves of a peer of either version."""

from collections.abc import Callable
from contextlib import ExitStack
from math import inf
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness.bench.stage import LinkKind
from harness.codes import Exchange, Trigger
from harness.fuzz.edits import EDGES, Edit
from harness.fuzz.moves import FATES, Move
from harness.fuzz.play import Play, Played
from harness.fuzz.script import SETTINGS, Where
from harness.wire import Payload, encode_chain
from harness.wire.strategies import payloads

STEPS = 25
"""How many moves a dialogue has at most."""
LONGEST_CHECKED_S = 400.0
"""How much time passes at once where a target checks for life all the while."""
LONGEST_REAL_S = 1.0
"""How much time passes at once where time is real."""

Begin = Callable[[Where], Play]
Done = Callable[[Play, Played], None]

_SECONDS = (0.01, 0.5, 3.0, 12.0, 31.0, 61.0, 220.0, 3300.0, 3700.0, 90_000.0)
_STEPS_V2 = ("ike_sa_init", "ike_auth", "connect", "create_child", "rekey_child", "rekey_ike", "liveness")
_STEPS_V1 = ("main_mode", "aggressive_mode", "quick_mode")


@st.composite
def _edit(draw: st.DrawFn) -> Edit:
    place = draw(st.integers(0, 400))
    kind = draw(st.sampled_from(("set", "set", "put", "cut", "double", "end")))
    if kind == "set":
        return "set", place, bytes([draw(st.one_of(st.sampled_from(EDGES), st.integers(0, 255)))]).hex()
    if kind == "put":
        return "put", place, draw(st.binary(min_size=1, max_size=8)).hex()
    return kind, place, draw(st.integers(1, 8)) if kind != "end" else 0


_EDITS = st.lists(_edit(), min_size=1, max_size=3)
_AROUND: st.SearchStrategy[Move] = st.one_of(
    st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=6).map(
        lambda fates: {"do": "path", "fates": fates}
    ),
    st.sampled_from(_SECONDS).map(lambda seconds: {"do": "elapse", "seconds": seconds}),
    st.sampled_from(list(Trigger)).map(lambda trigger: {"do": "provoke", "trigger": str(trigger)}),
    st.lists(st.sampled_from(["liveness", "delete", "r-u-there"]), max_size=3, unique=True).map(
        lambda asks: {"do": "ignore", "asks": sorted(asks)}
    ),
)


def _chain(major: int) -> st.SearchStrategy[tuple[Payload, ...]]:
    one = st.one_of(payloads(major), payloads(major, lies=True))
    return st.lists(one, max_size=3).map(tuple)


def _packed(chain: tuple[Payload, ...]) -> dict[str, Any]:
    return {"first": chain[0].type if chain else 0, "octets": encode_chain(chain).hex()}


class Dialogue(RuleBasedStateMachine):
    """One dialogue; `begin` makes its play, `done` takes what came of it."""

    begin: ClassVar[Begin]
    done: ClassVar[Done]
    profile: ClassVar[Where]

    sent: Bundle[str] = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self.play: Play | None = None
        self.versions: tuple[int, ...] = ()
        self.hostile = False

    @initialize(
        target=sent,
        name=st.sampled_from(sorted(SETTINGS)),
        number=st.integers(0, 0xFFFF),
        versions=st.sampled_from([(2,), (2,), (1,), (1, 2)]),
        hostile=st.booleans(),
    )
    def start(self, name: str, number: int, versions: tuple[int, ...], hostile: bool) -> str:
        """A fresh target, set up in one of several ways, and the peer's first step; then honest moves, or hostile ones too."""
        self.versions, self.hostile = versions, hostile
        where = Where(number, name, self.profile.profile, self.profile.link)
        self.play = self._open.enter_context(type(self).begin(where))
        return self._named({"do": "connect" if 2 in versions else "main_mode"})

    def _do(self, move: Move) -> None:
        assert self.play is not None
        self.play.do(move)

    def _named(self, move: Move) -> str:
        assert self.play is not None
        name = f"m{len(self.play.moves)}"
        self._do({**move, "as": name})
        return name

    @property
    def _up(self) -> bool:
        return self.play is not None and self.play.hands.alice.ike.established

    @property
    def _has_child(self) -> bool:
        return self._up and self.play is not None and bool(self.play.hands.alice.ike.children)

    @property
    def _up_v1(self) -> bool:
        return self.play is not None and self.play.hands.alice.isakmp.established

    @property
    def _checks(self) -> bool:
        return self.play is not None and self.play.where.settings == "brisk"

    # --- version 2 -------------------------------------------------------------------------------------------------

    @precondition(lambda self: 2 in self.versions and (self.hostile or not self._up))
    @rule(target=sent, step=st.sampled_from(["connect", "connect", "connect", "ike_sa_init", "ike_auth"]))
    def connect(self, step: str) -> str:
        """IKE_SA_INIT and IKE_AUTH, or one of them."""
        return self._named({"do": step})

    @precondition(lambda self: self._up)
    @rule(target=sent, pfs=st.booleans())
    def create_child(self, pfs: bool) -> str:
        """One more child."""
        return self._named({"do": "create_child", "pfs": pfs})

    @precondition(lambda self: self._has_child)
    @rule(target=sent)
    def rekey_child(self) -> str:
        """A successor for the newest child."""
        return self._named({"do": "rekey_child"})

    @precondition(lambda self: self._up)
    @rule(target=sent)
    def rekey_ike(self) -> str:
        """A successor for the IKE SA."""
        return self._named({"do": "rekey_ike"})

    @precondition(lambda self: self._up)
    @rule(target=sent, step=st.sampled_from(["liveness", "liveness", "liveness", "delete_ike"]))
    def inform(self, step: str) -> str:
        """A liveness check; at times the Delete of the IKE SA."""
        return self._named({"do": step})

    @precondition(lambda self: self._has_child)
    @rule(target=sent)
    def delete_child(self) -> str:
        """Delete of the newest child."""
        return self._named({"do": "delete_child"})

    @precondition(lambda self: self.hostile and 2 in self.versions)
    @rule(target=sent, chain=_chain(2), exchange=st.sampled_from([35, 36, 37]), unasked=st.integers(-6, 3))
    def sealed(self, chain: tuple[Payload, ...], exchange: int, unasked: int) -> Any:
        """Any payloads, also malformed or unknown and critical, under a good seal; at times a response to nothing."""
        move = {"do": "sealed", "exchange": exchange, **_packed(chain)}
        if unasked < 0 or not self._up:
            return self._named(move)
        self._do({**move, "do": "response", "message_id": unasked})
        return multiple()

    # --- version 1 -------------------------------------------------------------------------------------------------

    @precondition(lambda self: 1 in self.versions and (self.hostile or not self._up_v1))
    @rule(target=sent, aggressive=st.booleans())
    def phase1(self, aggressive: bool) -> str:
        """Main or Aggressive Mode."""
        return self._named({"do": "aggressive_mode" if aggressive else "main_mode"})

    @precondition(lambda self: self._up_v1)
    @rule(target=sent, pfs=st.booleans())
    def quick_mode(self, pfs: bool) -> str:
        """A Quick Mode: the first or a renewal."""
        return self._named({"do": "quick_mode", "pfs": pfs})

    @precondition(lambda self: self._up_v1)
    @rule(target=sent, what=st.sampled_from(["dpd", "dpd", "delete_quick", "delete_quick", "delete_main"]))
    def inform_v1(self, what: str) -> str:
        """A liveness check or a Delete."""
        return self._named({"do": what})

    @precondition(lambda self: self.hostile and self._up_v1)
    @rule(
        target=sent,
        chain=_chain(1),
        exchange=st.sampled_from([Exchange.INFORMATIONAL_V1, Exchange.QUICK_MODE]),
    )
    def sealed_v1(self, chain: tuple[Payload, ...], exchange: int) -> str:
        """Any payloads behind a right HASH."""
        return self._named({"do": "sealed_v1", "exchange": int(exchange), **_packed(chain)})

    # --- neither ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.hostile)
    @rule(target=sent, step=st.sampled_from([*_STEPS_V2, *_STEPS_V1]), said=_EDITS, inside=st.booleans())
    def edited(self, step: str, said: list[Edit], inside: bool) -> str:
        """A step with its message edited, before or after it is sealed."""
        return self._named({"do": step, "edits": [list(each) for each in said], "inside": inside})

    @rule(target=sent, earlier=sent)
    def again(self, earlier: str) -> Any:
        """The octets of an earlier message once more, in whatever state the target is now."""
        self._do({"do": "again", "of": earlier})
        return multiple()

    @rule(move=_AROUND)
    def around(self, move: Move) -> None:
        """Something besides messages: the path, time, a trigger that would make another device start, a peer that falls silent."""
        if move["do"] == "elapse":
            move = {**move, "seconds": min(move["seconds"], self._longest_s)}
        self._do(move)

    @property
    def _longest_s(self) -> float:
        if self.play is not None and self.play.where.link is LinkKind.UDP:
            return LONGEST_REAL_S
        return LONGEST_CHECKED_S if self._checks else inf

    @invariant()
    def lives(self) -> None:
        """No message makes the responder raise; where one did, the rest of the dialogue is idle."""
        assert self.play is None or self.play.crashed is None or self.play.moves

    def teardown(self) -> None:
        """Judge what was captured."""
        with self._open:
            if self.play is None:
                return
            played = self.play.finish()
            type(self).done(self.play, played)


def dialogues(count: int, number: int, where: Where, begin: Begin, done: Done) -> None:
    """Play `count` dialogues, the same for the same `number`; nothing is stored, nothing is shrunk here."""

    class Machine(Dialogue):
        pass

    Machine.begin, Machine.done, Machine.profile = staticmethod(begin), staticmethod(done), where
    run_state_machine_as_test(
        seed(number)(Machine),
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
