"""RFC 2408 section 5.1: lengths, and what is sent again: by a peer, and by the responder itself, until it gives up."""

from itertools import pairwise

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Observed,
    Script,
    Seen,
    Trace,
    given,
    that,
)
from harness.codes import Exchange
from harness.wire import v1

SILENCE_S = 2.0
"""How long an answer is waited for that must not come."""
SETTLED_S = 0.1
"""How long a path may double an answer: what comes later answers what is sent later."""
FORGOTTEN_AFTER_S = 3.0
WATCHED_S = 7.5
"""Long enough for a second pause that is twice as long as a first one of two seconds."""


def _soon_forgotten(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(half_open=FORGOTTEN_AFTER_S)


def _longer_than_it_says(octets: bytes) -> bytes:
    return octets + bytes(4)


class WrongLength(Case):
    """A first message that is longer than its header says begins nothing."""

    requirements = ("RFC2408-5.1-02",)
    deviants = ("v1-ignores-what-is-behind-the-message",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("J09",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(bend=_longer_than_it_says, mark="probe", wait=SILENCE_S)
        yield alice.main_mode_1(mark="honest")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("probe"), "a message that is too long").is_present()
        honest = trace.reply_to("honest").find(v1.SecurityAssociation)
        yield given(honest, "an answer to an honest first message").is_present()
        chosen = trace.reply_to("probe").find(v1.SecurityAssociation)
        yield that(chosen, "a Main Mode begun").is_absent()


class _Repeated(Case):
    """A message sent again: the answer to it comes again, octet for octet."""

    requirements = ("CISCO-RO-34", "RFC2408-5.1-09")
    needs = frozenset({"v1-main"})

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("message").find(v1.SecurityAssociation)
        yield given(first, "an answer to the message").is_present()
        yield given(trace.marked("repeat"), "the same message once more").is_present()
        answers = trace.replies_to("repeat")
        yield that(answers, "an answer to the message sent again").is_present()
        same = answers.then(lambda seen: {s.octets for s in seen} == {trace.reply_to("message").value.octets})
        yield that(same, "all answers, octet for octet the same").equals(True)


class RepeatedMainMode(_Repeated):
    """A first message of Main Mode that is sent again gets the same answer again, octet for octet."""

    deviants = ("v1-fresh-answer-to-a-repeat",)
    also = {"spec": ("C03", "H01")}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(mark="message")
        yield Elapse(SETTLED_S)
        yield alice.again("message", mark="repeat")


class RepeatedQuickMode(_Repeated):
    """A first message of Quick Mode that is sent again gets the same answer again, octet for octet."""

    requirements = ("CISCO-RO-34", "RFC2409-B-08", "RFC2408-5.1-09")
    deviants = ("v1-answers-a-repeated-quick-mode-afresh",)
    also = {"spec": ("H01",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.quick_mode_1(mark="message")
        yield Elapse(SETTLED_S)
        yield alice.again("message", mark="repeat")


class _Vanished(Case):
    """A peer that vanishes after the third message of Main Mode."""

    needs = frozenset({"v1-main"})
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3(mark="last")
        yield Elapse(WATCHED_S)


def _sent_again(trace: Trace) -> Observed[list[Seen]]:
    """The fourth messages that the target sent after the peer's last word, in its exchange; the first one answers it."""
    here = {each.header.pair for each in trace.all_marked("last") if each.header is not None}
    return trace.sent_after("last").then(
        lambda seen: (
            [s for s in seen if s.header.pair in here] or None
        )  # another's may linger on a device that runs on
    )


class PausesGrow(_Vanished):
    """A fourth message of Main Mode that has no answer is sent again unaltered, if at all, at growing intervals."""

    requirements = ("RFC2408-5.1-07", "RFC2408-5.1-09", "RFC2408-5.1-08")
    deviants = ("v1-repeats-at-a-fixed-pace",)
    also = {"spec": ("F12",)}

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("last").find(v1.KeyExchange), "the fourth message").is_present()
        sent = _sent_again(trace)
        yield given(sent, "the fourth message after the peer's last word").is_present()
        texts = sent.then(lambda seen: len({s.octets for s in seen}))
        yield that(texts, "the number of different messages", requirement="RFC2408-5.1-09").equals(1)
        pauses = sent.then(lambda seen: [b.time - a.time for a, b in pairwise(seen)])
        yield that(pauses, "the pauses between copies").satisfies(
            lambda told: len(told) < 2 or told[-1] > 1.2 * told[0], "grow"
        )


class LostPeerIsGivenUp(_Vanished):
    """A peer that vanishes within Main Mode is given up when half-open SAs are: nothing more is sent to it."""

    requirements = ("RFC2408-5.1-11", "RFC2408-1.7.1-01")
    deviants = ("v1-lets-half-open-sas-live",)
    settings = staticmethod(_soon_forgotten)
    also = {"spec": ("F12", "F10")}

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("last").find(v1.KeyExchange), "the fourth message").is_present()
        last = trace.all_marked("last")[-1].time
        late = _sent_again(trace).then(
            lambda seen: [s for s in seen if s.time > last + FORGOTTEN_AFTER_S + 1.0] or None
        )
        yield that(late, "a copy of it after the half-open lifetime").is_absent()


class LatePeerIsNotServed(Case):
    """A fifth message of Main Mode that comes after the half-open lifetime is not served."""

    requirements = ("RFC2408-5.1-11", "RFC2408-1.7.1-01")
    deviants = ("v1-lets-half-open-sas-live",)
    needs = frozenset({"v1-main"})
    settings = staticmethod(_soon_forgotten)
    wait_s = FORGOTTEN_AFTER_S + 2.0
    also = {"spec": ("F12", "I11")}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3(mark="last")
        yield Elapse(self.wait_s)
        yield alice.main_mode_5(mark="late", hostile=True, due=False, wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("last").find(v1.KeyExchange), "the fourth message").is_present()
        yield given(trace.marked("late"), "the fifth message").is_present()
        served = trace.replies_to("late").then(
            lambda seen: [s for s in seen if s.exchange == Exchange.IDENTITY_PROTECTION] or None
        )
        yield that(served, "a sixth message").is_absent()
