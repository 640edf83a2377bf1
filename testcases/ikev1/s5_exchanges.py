"""RFC 2409 section 5: what holds of every exchange: offers and choices, nonces, the order of payloads, cookies."""

from harness.case import Case, Findings, Initiator, Observed, Script, Trace, given, that
from harness.codes import AuthMethodV1, EncrV1, Group, HashV1
from harness.profile import IsakmpPolicy
from harness.wire import Message, replace, v1

UNOFFERED = IsakmpPolicy(
    EncrV1.AES_CBC, 192, HashV1.SHA2_256, AuthMethodV1.PRE_SHARED_KEY, Group.MODP_2048, lifetime=40_000
)
"""A policy that differs from one of the target's by its key length alone."""
ONE_COPY_S = 2.0
"""How long a message is waited for that must not come."""


def _values(transform: v1.Transform) -> list[tuple[int, int]]:
    """The attributes as numbers, for their encoding alone may differ (RFC 2409 appendix A); in order of their class.

    Attributes of one class keep their places: a duration follows its type.
    """
    return sorted(
        (
            (a.type, a.value if isinstance(a.value, int) else int.from_bytes(a.value, "big"))
            for a in transform.attributes
        ),
        key=lambda told: told[0],
    )


def _offered(asked: v1.SecurityAssociation, chosen: v1.SecurityAssociation) -> bool:
    """Whether the transform chosen is one of those offered, attribute for attribute."""
    taken = chosen.proposals[0].transforms[0]
    offers = [t for p in asked.proposals for t in p.transforms]
    return any((t.id, _values(t)) == (taken.id, _values(taken)) for t in offers)


class ChosenTransformIsUnmodified(Case):
    """The phase 1 transform that comes back is one of those offered, with not an attribute altered."""

    requirements = ("RFC2409-5-25", "RFC2408-4.2-09")
    deviants = ("v1-writes-its-own-lifetime",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K01",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(mark="offer")

    def judge(self, trace: Trace) -> Findings:
        asked = trace.marked("offer").find(v1.SecurityAssociation)
        chosen = trace.reply_to("offer").find(v1.SecurityAssociation)
        yield given(asked, "the offer").is_present()
        yield given(chosen.proposals[0].transforms[0], "the transform chosen").is_present()
        unmodified = chosen.then(lambda sa: _offered(asked.value or sa, sa))
        yield that(unmodified, "the transform chosen, as it was offered").equals(True)


class OneTransformIsChosen(Case):
    """The answer to several transforms has one proposal with one transform, under the numbers that it was offered by."""

    requirements = ("RFC2408-4.2-10", "RFC2409-3.2-02", "RFC2408-4.2-11", "RFC2408-4.2-12")
    deviants = ("v1-returns-every-transform",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K01",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(mark="offer")

    def judge(self, trace: Trace) -> Findings:
        asked = trace.marked("offer").find(v1.SecurityAssociation)
        chosen = trace.reply_to("offer").find(v1.SecurityAssociation)
        yield given(chosen, "the responder's choice").is_present()
        yield that(chosen.proposals.then(len), "the number of proposals returned").equals(1)
        transforms = chosen.proposals[0].transforms
        yield that(transforms.then(len), "the number of transforms returned").equals(1)
        offered = asked.then(lambda sa: {t.number for p in sa.proposals for t in p.transforms})
        yield that(
            transforms[0].number.then(lambda number: number in (offered.value or ())),
            "its number, one of those offered",
            requirement="RFC2408-4.2-12",
        ).equals(True)


class UnacceptablePolicy(Case):
    """An offer that no policy of the responder fits makes no ISAKMP SA: it is refused, or not answered at all."""

    requirements = ("RFC2408-5.4-09", "RFC2408-4.2-08")
    deviants = ("v1-ignores-key-lengths-in-phase-1",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K08", "J01")}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(policies=(UNOFFERED,), mark="probe", hostile=True, due=False, wait=ONE_COPY_S)
        yield alice.main_mode_1(mark="honest")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("probe"), "the offer").is_present()
        honest = trace.reply_to("honest").find(v1.SecurityAssociation)
        yield given(honest, "the choice from an acceptable offer").is_present()
        chosen = trace.reply_to("probe").find(v1.SecurityAssociation)
        yield that(chosen, "a choice from an offer that suits no policy").is_absent()


class _Nonce(Case):
    """Main Mode with a nonce of a length that is allowed."""

    requirements = ("RFC2409-5-12", "RFC2409-5-11")
    needs = frozenset({"v1-main"})
    octets = 8

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        alice.isakmp.ni = alice.entropy.octets(self.octets)
        yield alice.main_mode_3(mark="third")
        yield alice.main_mode_5(mark="fifth")

    def judge(self, trace: Trace) -> Findings:
        asked = trace.marked("third").find(v1.Nonce).data.then(len)
        yield given(asked, "the length of the initiator's nonce").equals(self.octets)
        answer = trace.reply_to("third")
        yield that(answer.find(v1.Nonce), "the responder's nonce").is_present()
        length = answer.find(v1.Nonce).data.then(len)
        yield that(length, "its length", requirement="RFC2409-5-11").satisfies(
            lambda octets: 8 <= octets <= 256, "lies between 8 and 256 octets"
        )
        if trace.marked("fifth").present:
            yield that(trace.reply_to("fifth").find(v1.Hash), "HASH_R, and phase 1 done").is_present()


class ShortestNonce(_Nonce):
    """A nonce of 8 octets, the shortest one allowed, is accepted."""

    deviants = ("v1-wants-longer-nonces",)


class LongestNonce(_Nonce):
    """A nonce of 256 octets, the longest one allowed, is accepted."""

    deviants = ("v1-wants-shorter-nonces",)
    octets = 256


def _backwards(message: Message) -> Message:
    return replace(message, payloads=message.payloads[::-1])


class PayloadOrderIsFree(Case):
    """The third message of Main Mode is accepted with its payloads in any order."""

    requirements = ("RFC2409-5-08",)
    deviants = ("v1-wants-payloads-in-order",)
    needs = frozenset({"v1-main"})

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3(change=_backwards, mark="probe", due=True)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("probe"), "the nonce before the KE payload").is_present()
        yield that(trace.reply_to("probe").find(v1.KeyExchange), "the responder's public value").is_present()


class TwoMainModesAtOnce(Case):
    """Two Main Modes of one peer that are under way at the same time both come to their end, each under its own cookie."""

    requirements = ("CISCO-RO-06", "RFC2408-2.5.3-05", "RFC2408-2.3-01")
    deviants = ("v1-one-phase-1-at-a-time",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("C16",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(mark="first")
        first = alice.isakmp
        yield alice.main_mode_1(mark="second")
        second = alice.isakmp
        for sa, mark in ((first, "first/3"), (second, "second/3")):
            alice.isakmp = sa
            yield alice.main_mode_3(mark=mark)
        for sa, mark in ((first, "first/5"), (second, "second/5")):
            alice.isakmp = sa
            yield alice.main_mode_5(mark=mark)

    def judge(self, trace: Trace) -> Findings:
        first, second = (_choice(trace, mark) for mark in ("first", "second"))
        yield given(first, "the first Main Mode").is_present()
        yield given(trace.marked("second"), "the second Main Mode").is_present()
        yield that(second, "an answer to the second Main Mode").is_present()
        yield that(second, "its cookie", requirement="RFC2408-2.5.3-05").satisfies(
            lambda cookie: cookie != first.value, "is not the first one's"
        )
        for mark in ("first", "second"):
            yield given(trace.marked(f"{mark}/3"), f"the third message of the {mark} one").is_present()
            shared = trace.reply_to(f"{mark}/3").find(v1.KeyExchange)
            yield that(shared, f"the key exchange of the {mark} Main Mode").is_present()
            if trace.marked(f"{mark}/5").present:
                proof = trace.reply_to(f"{mark}/5").find(v1.Hash)
                yield that(proof, f"the end of the {mark} Main Mode").is_present()


def _choice(trace: Trace, mark: str) -> Observed[bytes]:
    """The responder's cookie in the answer that has its choice."""
    answer = trace.reply_to(mark)
    return (
        answer.spi_r if answer.find(v1.SecurityAssociation).present else answer.find(v1.SecurityAssociation)
    )
