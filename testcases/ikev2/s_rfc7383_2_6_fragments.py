"""RFC 7383 section 2.6: requests in fragments, as a peer sends them, and what a responder makes of them."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Note,
    Request,
    Script,
    Trace,
    given,
    that,
)
from harness.codes import Exchange, NotifyType
from harness.observe import Observed, Seen
from harness.peer.mischief import flip_last
from harness.profile import Fragments
from harness.wire import Message, v2
from harness.wire import replace as replace_message

PIECES = 3
APART_S = 0.5


def _fragmenting(configuration: Configuration) -> Configuration:
    return replace(configuration, fragments=Fragments())


def _sparing(configuration: Configuration) -> Configuration:
    return replace(configuration, fragments=Fragments(size=200))


def _supported(answer: Observed[Seen]) -> Observed[v2.Notify]:
    """That the target is for fragmentation, from its response to IKE_SA_INIT."""
    return answer.find(v2.Notify, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)


def _arrived(trace: Trace, mark: str) -> Observed[Seen]:
    """The last fragment under this mark, if all of them reached the target."""
    asked = trace.asked_under(mark)
    whole = {each.fragment[0] for each in asked if each.fragment is not None}
    total = max((each.fragment[1] for each in asked if each.fragment is not None), default=0)
    return trace.marked(mark).then(
        lambda _: asked[-1] if asked and len(whole) == total else None, "not all came"
    )


class _Fragmented(Case):
    """A peer that has its IKE_SA_INIT behind it, and an IKE_AUTH in fragments before it."""

    settings = staticmethod(_fragmenting)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        request = alice.ike_auth(mark="auth", pieces=PIECES)
        if isinstance(request, Note):
            yield request
        else:
            yield from self.send(request)

    def send(self, request: Request) -> Script:
        """How the fragments go out."""
        yield request

    def judge(self, trace: Trace) -> Findings:
        yield given(_supported(trace.outcome_of("init")), "IKEV2_FRAGMENTATION_SUPPORTED").is_present()
        yield given(_arrived(trace, "auth"), "all fragments at the target").is_present()
        answer = trace.reply_to("auth")
        yield that(answer.find(v2.Authentication), "AUTH in the answer to the whole message").is_present()


class FragmentedRequest(_Fragmented):
    """An IKE_AUTH in three fragments is put together and answered like any other."""

    requirements = ("RFC7383-2.6-08", "RFC7383-2.5-01")
    deviants = ("drops-all-fragments",)
    also = {"spec": ("H14",)}


class FragmentsInAnyOrder(_Fragmented):
    """Fragments that arrive last first make the same message."""

    requirements = ("RFC7383-2.6-07",)
    deviants = ("wants-fragments-in-order",)

    def send(self, request: Request) -> Script:
        """Backwards, and only once."""
        yield replace(request.in_order(*range(PIECES, 0, -1)), retransmit=())


class ForgedFragment(_Fragmented):
    """A fragment whose ICV does not hold is dropped and spoils nothing of what came before it."""

    requirements = ("RFC7383-2.6-05",)
    deviants = ("spoiled-by-a-forged-fragment",)

    def send(self, request: Request) -> Script:
        """Two true fragments, a forged third one, the true one."""
        yield request.part(1)
        yield request.part(2)
        yield replace(request.part(3, flip_last), mark="forged")
        yield Elapse(APART_S)
        yield replace(request.in_order(3), retransmit=())


class FragmentTwice(_Fragmented):
    """A fragment that comes twice counts once: the message is not answered before it is whole."""

    requirements = ("RFC7383-2.6-04", "RFC7383-4-02")
    deviants = ("takes-a-fragment-for-two",)

    def send(self, request: Request) -> Script:
        """The first three times, under another mark, then all."""
        for _ in range(PIECES):
            yield replace(request.part(1), mark="early")
        yield Elapse(APART_S)
        yield request

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        first = trace.marked("auth")
        early = trace.replies_to("early").then(
            lambda seen: [each for each in seen if each.number < (first.value or each).number] or None
        )
        yield that(early, "an answer before the message was whole").is_absent()


class LaterFragmentRepeated(_Fragmented):
    """Of a request that was answered only the repetition of fragment 1 brings the response again."""

    requirements = ("RFC7383-2.6.1-02", "RFC7383-2.6.1-03")
    deviants = ("answers-any-repeated-fragment",)

    def send(self, request: Request) -> Script:
        """All of them, then the first once more, then the second."""
        yield request
        yield Elapse(APART_S)
        yield replace(request.part(1), mark="first again")
        yield Elapse(APART_S)
        yield replace(request.part(2), mark="second again")
        yield Elapse(APART_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(_supported(trace.outcome_of("init")), "IKEV2_FRAGMENTATION_SUPPORTED").is_present()
        yield given(
            trace.reply_to("auth").find(v2.Authentication), "the answer to the whole message"
        ).is_present()
        yield given(trace.marked("second again"), "fragment 2 once more").is_present()
        again = trace.marked("first again")
        if again.present:
            yield that(trace.replies_to("first again"), "the answer to fragment 1 once more").is_present()
        late = trace.replies_to("second again")
        yield that(late, "an answer to fragment 2 once more").is_absent()


class LargerSet(_Fragmented):
    """A set of more fragments takes the place of a smaller one that is not whole."""

    requirements = ("RFC7383-2.6-06",)
    deviants = ("keeps-to-the-smaller-set",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        whole = alice.ike_auth(mark="whole")
        small, large = (alice.cut_again("whole", pieces=n, mark=m) for n, m in ((2, "small"), (4, "auth")))
        if isinstance(whole, Note) or isinstance(small, Note) or isinstance(large, Note):
            return
        yield small.part(1)
        yield Elapse(APART_S)
        yield large


class SmallerSet(_Fragmented):
    """A whole set of fewer fragments is dropped while a larger one is being gathered."""

    requirements = ("RFC7383-2.6-03",)
    deviants = ("takes-a-smaller-set",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        whole = alice.ike_auth(mark="whole")
        small, large = (alice.cut_again("whole", pieces=n, mark=m) for n, m in ((2, "small"), (4, "auth")))
        if isinstance(whole, Note) or isinstance(small, Note) or isinstance(large, Note):
            return
        yield replace(large.part(1), mark="large")
        yield Elapse(APART_S)
        yield small.part(1)
        yield small.part(2)
        yield Elapse(APART_S)
        yield large

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("large"), "a fragment of the larger set at first").is_present()
        yield given(_arrived(trace, "small"), "the whole smaller set").is_present()
        first = trace.marked("auth")
        early = trace.replies_to("small").then(
            lambda seen: [each for each in seen if each.number < (first.value or each).number] or None
        )
        yield that(early, "an answer to the smaller set").is_absent()


def _silent(message: Message) -> Message:
    """IKE_SA_INIT without a word of fragmentation."""
    kept = (p for p in message.payloads if _kind(p) != NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)
    return replace_message(message, payloads=tuple(kept))


def _kind(payload: object) -> int:
    return payload.notify_type if isinstance(payload, v2.Notify) else 0


class _WithoutFragmentation(Case):
    """A peer that says nothing of fragmentation."""

    settings = staticmethod(_sparing)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(change=_silent, due=True, mark="init")
        yield alice.ike_auth(mark="auth")


class SupportIsEchoedOnly(_WithoutFragmentation):
    """IKEV2_FRAGMENTATION_SUPPORTED is not said to a peer that did not say it."""

    requirements = ("RFC7383-2.3-02",)
    deviants = ("announces-fragmentation-unasked",)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("init")
        yield given(answer.find(v2.KeyExchange), "a full response to IKE_SA_INIT").is_present()
        yield that(_supported(answer), "IKEV2_FRAGMENTATION_SUPPORTED").is_absent()


class NoFragmentsUninvited(_WithoutFragmentation):
    """A response comes in one piece to a peer that did not announce fragmentation, however large it is."""

    requirements = ("RFC7383-2.4-01",)
    deviants = ("fragments-uninvited",)

    def judge(self, trace: Trace) -> Findings:
        yield given(_supported(trace.outcome_of("init")), "a word of fragmentation").is_absent()
        answers = trace.from_target(Exchange.IKE_AUTH)
        yield given(answers, "an answer to IKE_AUTH").is_present()
        pieces = answers.then(lambda seen: [each for each in seen if each.fragment is not None] or None)
        yield that(pieces, "a fragment among the answers").is_absent()
