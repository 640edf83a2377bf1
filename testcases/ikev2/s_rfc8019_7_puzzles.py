"""RFC 8019 section 7: puzzles, for a target set to give them at once."""

from collections.abc import Callable
from dataclasses import replace

from harness.case import Case, Configuration, Findings, Initiator, Note, Script, Seen, Trace, given, that
from harness.codes import NotifyType
from harness.profile import DEFAULT, Defence, Puzzles
from harness.wire import Message, v2
from harness.wire import replace as replace_message

BITS = 9
Bend = Callable[[bytes], bytes]


def _always(configuration: Configuration) -> Configuration:
    puzzles = Puzzles(threshold=0, suspect=None, difficulty=BITS)
    return replace(configuration, defence=Defence(puzzles=puzzles))


def _always_twice(configuration: Configuration) -> Configuration:
    puzzles = Puzzles(threshold=0, suspect=None, difficulty=BITS, auth_difficulty=BITS)
    return replace(configuration, defence=Defence(puzzles=puzzles))


def _bent(bend: Bend) -> Callable[[Message], Message]:
    """A message whose solution of a puzzle is bent, if it has one."""

    def change(message: Message) -> Message:
        solution = message.find(v2.PuzzleSolution)
        if solution is None:
            return message
        bent = v2.PuzzleSolution(bend(solution.data))
        return replace_message(
            message, payloads=tuple(bent if each is solution else each for each in message.payloads)
        )

    return change


class _Puzzle(Case):
    """The target gives a puzzle to everybody."""

    needs = frozenset({"puzzles"})
    settings = staticmethod(_always)

    def given_one(self, trace: Trace) -> Findings:
        """The premise: a puzzle was given."""
        puzzle = trace.reply_to("init").find(v2.Notify, NotifyType.PUZZLE)
        yield given(puzzle, "a puzzle").is_present()


class PuzzleIsGiven(_Puzzle):
    """PUZZLE comes with COOKIE, names a PRF of the offer and a difficulty that is 0 or no trifle; no state is kept."""

    requirements = (
        "RFC8019-7.1.1-01",
        "RFC8019-4.4-01",
        "RFC8019-7.1.1.2-01",
        "RFC8019-7.1.1.3-03",
        "RFC8019-8.1-01",
        "RFC8019-8.1-02",
    )
    deviants = ("gives-a-puzzle-without-cookie", "gives-puzzles-that-are-none")

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(follow=False, mark="init")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("init")
        puzzle = answer.find(v2.Notify, NotifyType.PUZZLE)
        yield given(puzzle, "a puzzle").is_present()
        cookie = answer.find(v2.Notify, NotifyType.COOKIE)
        yield that(cookie, "the cookie beside it").is_present()
        yield that(puzzle.data.then(len), "the octets of the puzzle", requirement="RFC8019-4.4-01").equals(3)
        if puzzle.value is None or len(puzzle.value.data) != 3:
            return
        prf, bits = int.from_bytes(puzzle.value.data[:2], "big"), puzzle.value.data[2]
        offered = {suite.prf for suite in DEFAULT.proposals_v2}
        yield that(puzzle.then(lambda _: prf), "its PRF", requirement="RFC8019-7.1.1.2-01").satisfies(
            lambda number: number in offered, "was offered"
        )
        yield that(puzzle.then(lambda _: bits), "its difficulty", requirement="RFC8019-4.4-01").satisfies(
            lambda number: number == 0 or number >= 8, "is 0, or 8 or more"
        )
        size = that(cookie.data.then(len), "the cookie's octets", requirement="RFC8019-7.1.1.3-03")
        yield size.satisfies(lambda octets: 1 <= octets <= 64, "lie in 1 to 64")


class WhoSolvesItIsServed(_Puzzle):
    """A request with the cookie and four keys that solve its puzzle is served."""

    requirements = ("RFC8019-7.1.5-01",)
    deviants = ("never-content-with-a-solution",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield from self.given_one(trace)
        full = trace.outcome_of("init").find(v2.KeyExchange)
        yield that(full, "the full response to the solution").is_present()


class _Unsolved(_Puzzle):
    """A solution that is none opens no door."""

    bend: Bend = staticmethod(bytes)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(change=_bent(type(self).bend), mark="init")

    def judge(self, trace: Trace) -> Findings:
        yield from self.given_one(trace)
        full = trace.replies_to("init/puzzle").then(
            lambda seen: next((each for each in seen if _is_full(each)), None)
        )
        yield that(full, "a full response to it").is_absent()


class FourEqualKeysAreNoSolution(_Unsolved):
    """One key four times over is not four keys."""

    requirements = ("RFC8019-7.1.3-01",)
    deviants = ("takes-any-solution-of-a-puzzle", "looks-at-the-first-key-of-a-solution-alone")
    bend = staticmethod(lambda keys: keys[: len(keys) // 4] * 4)


class OneWrongKeyIsNoSolution(_Unsolved):
    """All four keys are checked: three that are right do not help a wrong one."""

    requirements = ("RFC8019-7.1.4-06", "RFC8019-7.1.4-05", "RFC8019-4.4-02")
    deviants = ("takes-any-solution-of-a-puzzle", "looks-at-the-first-key-of-a-solution-alone")
    bend = staticmethod(lambda keys: keys[: len(keys) - len(keys) // 4] + bytes([0xA5]) * (len(keys) // 4))


class KeysOfTwoSizesAreNoSolution(_Unsolved):
    """Keys are of one size: a solution whose length is no multiple of four is none."""

    requirements = ("RFC8019-8.2-02",)
    deviants = ("takes-any-solution-of-a-puzzle",)
    bend = staticmethod(lambda keys: keys + b"\0")


class WithoutCookieASolutionIsNothing(_Puzzle):
    """A request with a solution and no cookie is an initial request: it gets a new challenge."""

    requirements = ("RFC8019-7.1.4-01", "RFC8019-7.1-02")
    deviants = ("takes-any-solution-of-a-puzzle-without-cookie",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(follow=False, mark="init")

        def change(message: Message) -> Message:
            solution = v2.PuzzleSolution(bytes(range(16)))
            return replace_message(message, payloads=(solution, *message.payloads))

        yield from alice.ike_sa_init(change=change, follow=False, mark="probe", due=True)

    def judge(self, trace: Trace) -> Findings:
        yield from self.given_one(trace)
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.KeyExchange), "a full response").is_absent()
        yield that(answer.find(v2.Notify, NotifyType.COOKIE), "a new challenge").is_present()


class IkeAuthWithoutSolutionIsDiscarded(_Puzzle):
    """Where a puzzle was given for IKE_AUTH, a request without its solution gets no answer, and one with it does."""

    requirements = ("RFC8019-7.2.4-01", "RFC8019-7.2.3-01", "RFC8019-7.2.1.1-01")
    deviants = ("opens-ike-auth-before-its-puzzle",)
    settings = staticmethod(_always_twice)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        puzzle, alice.ike.puzzle = alice.ike.puzzle, None
        answer = yield alice.ike_auth(mark="bare", due=False, retransmit=())
        yield Note("answered without solution", answer is not None)
        alice.ike.puzzle = puzzle
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        puzzle = trace.outcome_of("init").find(v2.Notify, NotifyType.PUZZLE)
        yield given(puzzle, "a puzzle of IKE_AUTH").is_present()
        bits = puzzle.data.then(lambda data: data[-1] if data else 0)
        difficulty = that(bits, "its difficulty", requirement="RFC8019-7.2.1.1-01")
        yield difficulty.satisfies(lambda number: number > 0, "is not 0")
        answered = trace.observations("answered without solution")
        yield given(answered, "a wait for an answer").is_present()
        yield that(answered[0].outcome, "an answer to the request without solution").equals(False)
        auth = trace.reply_to("auth").find(v2.Authentication)
        yield that(auth, "the responder's AUTH for the solution", requirement="RFC8019-7.2.3-01").is_present()


class NoPuzzleWithoutNeed(Case):
    """A single, normal initiator meets neither COOKIE nor PUZZLE."""

    requirements = ("RFC8019-6-03",)
    deviants = ("gives-puzzles-to-everybody",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(follow=False, mark="init")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("init")
        yield given(answer, "an answer").is_present()
        yield that(answer.find(v2.Notify, NotifyType.PUZZLE), "a puzzle").is_absent()


def _is_full(answer: Seen) -> bool:
    return any(isinstance(each, v2.KeyExchange) for each in answer.payloads)
