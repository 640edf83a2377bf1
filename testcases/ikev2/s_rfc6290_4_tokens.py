"""RFC 6290: tokens by which a peer learns at once that a device has lost its SAs."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Note,
    Observed,
    Script,
    Seen,
    Trace,
    Weight,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import Exchange, NotifyType, Protocol
from harness.peer import Await
from harness.peer.mischief import flip_last
from harness.peer.v2.client import token
from harness.profile import CrashDetection, Dpd
from harness.wire import Message, v2
from harness.wire import replace as replace_message

TOKEN = NotifyType.QUICK_CRASH_DETECTION
SECRETS = CrashDetection((bytes(range(32)), bytes(range(32, 64))))
CHECKS = Dpd(interval=2.0, retry=1.0, retries=8)
"""Liveness checks of the target, which a peer that has lost its SAs answers by its token."""
WATCHED_S = 5.0
FORGOTTEN_S = 60.0
"""After so long nobody remembers a deleted IKE SA."""
OURS = b"what this client will show"
OTHER = b"what nobody ever told him!"


def _makes(configuration: Configuration) -> Configuration:
    return replace(configuration, crash_detection=SECRETS)


def _takes(configuration: Configuration) -> Configuration:
    return replace(configuration, crash_detection=SECRETS, dpd=CHECKS)


def _token(answer: Observed[Seen]) -> Observed[bytes]:
    """The token in an answer."""
    return answer.find(v2.Notify, TOKEN).data


class _Maker(Case):
    """The target gives tokens."""

    needs = frozenset({"crash-detection"})
    settings = staticmethod(_makes)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()


class TokenIsGiven(_Maker):
    """With AUTH comes a token of 16 to 128 octets, about the IKE SA, whether the peer has one or not."""

    requirements = ("RFC6290-3-01", "RFC6290-4.1-01", "RFC6290-4.1-02", "RFC6290-5-01", "RFC6290-4.2-01")
    deviants = ("gives-no-token", "gives-short-tokens", "gives-tokens-about-nothing")

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        told = trace.reply_to("auth").find(v2.Notify, TOKEN)
        yield that(told, "QCD_TOKEN").is_present()
        yield that(told.protocol, "its Protocol ID", requirement="RFC6290-4.1-01").equals(Protocol.IKE)
        yield that(told.spi, "its SPI", requirement="RFC6290-4.1-02").equals(b"")
        size = told.data.then(len)
        long_enough = that(size, "its length", requirement="RFC6290-5-01")
        yield long_enough.satisfies(lambda octets: 16 <= octets <= 128, "is 16 to 128")


class TokenOfARekey(_Maker):
    """The answer to a rekey of the IKE SA has a token for the new SPIs, which is another one."""

    requirements = ("RFC6290-4.3-01", "RFC6290-5-05")
    deviants = ("gives-no-token-with-a-rekey", "gives-every-sa-one-token")

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield from alice.rekey_ike(mark="rekey")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        first, rekey = _token(trace.reply_to("auth")), trace.outcome_of("rekey")
        yield given(first, "a token for the first IKE SA").is_present()
        yield given(rekey.find(v2.SecurityAssociation), "a rekey of the IKE SA").is_present()
        yield that(_token(rekey), "a token for the new one").is_present()
        other = _token(rekey).then(lambda octets: octets != first.value)
        yield that(other, "whether it is another one", requirement="RFC6290-5-05").equals(True)


class LostSaShowsItsToken(_Maker):
    """A request on an IKE SA that is not there is answered by INVALID_IKE_SPI with the token that was given for it."""

    requirements = ("RFC6290-3-04", "RFC6290-4.5-01", "RFC6290-1.1-01")
    deviants = ("keeps-its-tokens-to-itself", "shows-tokens-of-the-hour")
    also = {"spec": ("D12",)}
    wait_s = FORGOTTEN_S

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        gone = alice.ike
        yield alice.delete_ike(mark="delete")
        yield Elapse(FORGOTTEN_S)
        yield alice.liveness(sa=gone, due=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        told = _token(trace.reply_to("auth"))
        yield given(told, "a token").is_present()
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()
        answer = trace.reply_to("probe")
        yield given(answer.find(v2.Notify, NotifyType.INVALID_IKE_SPI), "INVALID_IKE_SPI").is_present()
        shown = answer.all(v2.Notify, TOKEN)
        yield that(shown, "QCD_TOKEN beside it", weight=Weight.SHOULD).is_present()
        right = shown.then(lambda all_: any(n.data == told.value for n in all_))
        yield that(
            right, "whether the token that was given is among them", requirement="RFC6290-1.1-01"
        ).equals(True)


class LiveSaShowsNoToken(_Maker):
    """Whatever anybody sends on an IKE SA that stands, its token is shown to nobody in clear."""

    requirements = ("RFC6290-9.2-01",)
    deviants = ("shows-the-token-of-a-live-sa",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.liveness(bend=flip_last, mark="spoiled")
        yield alice.liveness(bend=_without_i, mark="without I")
        yield alice.liveness(change=_swapped, mark="swapped")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(_token(trace.reply_to("auth")), "a token").is_present()
        yield given(protected(trace.replies_to("alive")), "a sign of life at the end").is_present()
        in_clear = trace.from_target().then(
            lambda seen: [s for s in seen if not s.sealed and _has_token(s)] or None,
            "nothing in clear has a token",
        )
        yield that(in_clear, "a token in clear").is_absent()


def _without_i(octets: bytes) -> bytes:
    """The message with its Initiator flag cleared."""
    return octets[:19] + bytes([octets[19] & ~0x08]) + octets[20:]


def _swapped(message: Message) -> Message:
    """The message with its SPIs exchanged."""
    return replace_message(message, spi_i=message.spi_r, spi_r=message.spi_i)


def _has_token(seen: Seen) -> bool:
    return any(isinstance(each, v2.Notify) and each.notify_type == TOKEN for each in seen.payloads)


class _Taker(Case):
    """The target takes tokens; its peer answers a liveness check as one that has lost its SAs does."""

    needs = frozenset({"crash-detection", "second-address"})
    settings = staticmethod(_takes)
    wait_s = 2 * WATCHED_S
    shown: tuple[bytes, ...] = (OURS,)
    elsewhere = False

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(before=(token(OURS),), mark="auth")
        yield from self.before(alice)
        yield alice.ignores("liveness", "informational")
        check = yield Await(alice, _asks, WATCHED_S)
        answer = alice.lost(check, *self.shown, mark="lost")
        yield alice.from_elsewhere(answer) if self.elsewhere else answer
        yield Elapse(WATCHED_S)
        yield alice.answers_again()
        yield alice.liveness(due=False, mark="probe")

    def before(self, alice: Initiator) -> Script:
        """What comes between IKE_AUTH and the crash."""
        yield Note("waits for a check", alice.name)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        checks = trace.from_target(Exchange.INFORMATIONAL, requests_only=True)
        yield given(checks, "a liveness check of the target").is_present()
        yield given(trace.marked("lost"), "what an end says that lost its SAs").is_present()
        yield given(trace.marked("probe"), "a question after that").is_present()
        answered = trace.replies_to("lost").then(len)
        yield that(answered, "an answer to what a lost SA shows").is_absent()


def _asks(message: Message) -> bool:
    return not message.is_response and message.exchange == Exchange.INFORMATIONAL


class _Ended(_Taker):
    """The IKE SA is given up at once."""

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield that(protected(trace.replies_to("probe")), "a sign of life on the IKE SA").is_absent()


class RightToken(_Ended):
    """The right token, in clear, ends the IKE SA without a word."""

    requirements = ("RFC6290-3-07", "RFC6290-4.5-04")
    deviants = ("ignores-tokens",)


class RightTokenFromElsewhere(_Ended):
    """The right token ends the IKE SA from whatever address it comes."""

    requirements = ("RFC6290-3-09",)
    deviants = ("takes-tokens-from-home-alone",)
    elsewhere = True


class LastOfFourTokens(_Ended):
    """Of four tokens in one message the last is looked at too."""

    requirements = ("RFC6290-4.5-02",)
    deviants = ("looks-at-one-token",)
    shown = (OTHER[:-1] + b"1", OTHER[:-1] + b"2", OTHER[:-1] + b"3", OURS)


class ReplacedToken(_Ended):
    """A token that the peer sends later, under protection, counts from then on."""

    requirements = ("RFC6290-4.4-02",)
    deviants = ("keeps-the-first-token",)
    shown = (OTHER,)

    def before(self, alice: Initiator) -> Script:
        yield alice.informational(token(OTHER), mark="replaced")


class WrongToken(_Taker):
    """A wrong token, in clear, changes nothing."""

    requirements = ("RFC6290-3-05", "RFC6290-4.5-05")
    deviants = ("believes-any-token",)
    shown = (OTHER,)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield that(protected(trace.replies_to("probe")), "a sign of life on the IKE SA").is_present()
