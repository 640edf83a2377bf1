"""RFC 7296 sections 2.10 and 3.9: nonces."""

from harness.case import Case, Findings, Initiator, Script, Trace, Weight, given, that
from harness.wire import Message, replace, v2


class NonceOfTheResponder(Case):
    """The responder's nonce has 16 to 256 octets, and differs from one SA to the next."""

    requirements = ("RFC7296-3.9-01", "RFC7296-2.10-02", "RFC7296-2.10-01", "RFC7296-3.9-02")
    deviants = ("always-the-same-nonce",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="first")
        yield from alice.ike_sa_init(mark="second")

    def judge(self, trace: Trace) -> Findings:
        first, second = (trace.outcome_of(mark).find(v2.Nonce).data for mark in ("first", "second"))
        yield given(first, "a nonce of the responder").is_present()
        yield that(first, "the first nonce").satisfies(lambda n: 16 <= len(n) <= 256, "has 16 to 256 octets")
        yield given(second, "a second nonce").is_present()
        yield that(second, "the second nonce", requirement="RFC7296-3.9-02").satisfies(
            lambda n: n != first.value, "differs from the first"
        )


class ShortNonce(Case):
    """An IKE_SA_INIT whose nonce has fewer than 16 octets does no harm; that an SA is made of it is worth a note."""

    requirements = ("RFC7296-3.9-01", "RFC7296-2.10-02")
    deviants = ("takes-short-nonces",)
    also = {"spec": ("J23",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(change=_short_nonce, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("probe"), "the request").is_present()
        made = trace.outcome_of("probe").find(v2.KeyExchange)
        # Sections 2.10 and 3.9 bind who sends a nonce; what to do with a short one they leave open.
        short = that(made, "a full response to a nonce of 15 octets", weight=Weight.NOTE)
        yield short.is_absent()


def _short_nonce(message: Message) -> Message:
    short = tuple(v2.Nonce(data=p.data[:15]) if isinstance(p, v2.Nonce) else p for p in message.payloads)
    return replace(message, payloads=short)
