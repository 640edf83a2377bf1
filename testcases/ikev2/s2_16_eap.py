"""RFC 7296 section 2.16: EAP, with the target as its server."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Note,
    Observed,
    Script,
    Seen,
    Trace,
    Weight,
    given,
    protected,
    that,
)
from harness.codes import EapCode, EapType
from harness.peer.certified import SIGNATURES, certified
from harness.profile import User
from harness.wire import v2
from harness.wire.eap import EapMessage, read_eap

NEEDS = frozenset({"certificates", "eap"})
ALICE = User("alice", "correct horse battery staple")
ROUNDS = 10


def _by_eap(configuration: Configuration) -> Configuration:
    return replace(certified(configuration, remote="eap"), users=(ALICE,))


def _said(answer: Observed[Seen]) -> Observed[EapMessage]:
    """The EAP message in an answer."""
    return answer.find(v2.Eap).data.then(_message, "its EAP payload holds no EAP message")


def _message(octets: bytes) -> EapMessage | None:
    read = read_eap(octets)
    return None if isinstance(read, str) else read


def _last_word(trace: Trace) -> Observed[EapMessage]:
    """What the target said to the last EAP message of the client."""
    marks = [f"auth/eap-{number}" for number in range(1, ROUNDS + 1)]
    asked = [mark for mark in marks if trace.asked_under(mark)]
    return _said(trace.reply_to(asked[-1] if asked else marks[0]))


class _ByEap(Case):
    """A client of the target's one user."""

    needs = NEEDS
    settings = staticmethod(_by_eap)
    user = ALICE

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield from alice.ike_auth_by_eap(user=self.user, mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)


class TargetSignsBesideEap(_ByEap):
    """To a client that asks for EAP the target proves itself by a signature, with the first EAP message."""

    requirements = ("RFC7296-2.16-01",)
    deviants = ("skips-its-signature-with-eap", "proves-itself-wrongly")

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(proof="eap", mark="auth")
        yield Note("the target is believed", alice.ike.why or True)

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("auth")
        yield given(_said(first), "EAP in the first response").is_present()
        signed = first.find(v2.Authentication)
        yield that(signed, "the target's own AUTH beside it").is_present()
        yield that(signed.method, "its method").is_one_of(*SIGNATURES)
        believed = trace.observations("the target is believed")
        yield given(believed, "a look at it").is_present()
        yield that(believed[0].outcome, "what the client made of it").equals(True)


class ClientComesByEap(_ByEap):
    """After the Success of EAP, and not before, the target takes AUTH, proves itself anew and makes the child."""

    requirements = ("RFC7296-2.16-04", "RFC7296-2.16-10", "RFC7296-2.16-05", "RFC7296-2.15-13")
    deviants = ("forgets-the-key-of-eap",)

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("auth/first")
        yield given(_said(first), "EAP in the first response").is_present()
        yield that(first.find(v2.SecurityAssociation), "a Child SA before the client is known").is_absent()
        end = _last_word(trace)
        yield that(end.code, "the last word of EAP", requirement="RFC7296-2.16-10").equals(EapCode.SUCCESS)
        yield given(trace.marked("auth"), "the client's AUTH").is_present()
        last = trace.reply_to("auth")
        yield that(last.find(v2.Authentication), "the AUTH that ends it").is_present()
        yield that(last.find(v2.SecurityAssociation), "the Child SA asked for first").is_present()
        believed = trace.observations("the target is believed")
        yield given(believed, "a look at the AUTHs").is_present()
        made_of_it = that(believed[0].outcome, "what the client made of them", requirement="RFC7296-2.16-05")
        yield made_of_it.equals(True)


class WrongPasswordFails(_ByEap):
    """A client that has another password is told Failure, and gets nothing."""

    requirements = ("RFC7296-2.16-11",)
    deviants = ("answers-eap-success-without-checking",)
    user = User(ALICE.name, "another password altogether")

    def judge(self, trace: Trace) -> Findings:
        yield given(_said(trace.reply_to("auth/first")), "EAP in the first response").is_present()
        yield that(_last_word(trace).code, "the last word of EAP").equals(EapCode.FAILURE)


class NoIdentityIsAskedFor(_ByEap):
    """EAP should begin with a method: who comes was told by IDi."""

    requirements = ("RFC7296-3.16-06",)
    deviants = ("asks-for-the-identity-again",)

    def judge(self, trace: Trace) -> Findings:
        first = _said(trace.reply_to("auth/first"))
        yield given(first, "EAP in the first response").is_present()
        asked = first.then(lambda said: said.type == EapType.IDENTITY)
        yield that(asked, "an Identity request", weight=Weight.SHOULD).equals(False)


class _AfterSuccess(Case):
    """A client that did well in EAP, and not so well after it."""

    needs = NEEDS
    settings = staticmethod(_by_eap)

    def succeeds(self, alice: Initiator) -> Script:
        """All of EAP, without the AUTH that follows it."""
        yield from alice.ike_sa_init()
        yield from alice.ike_auth_by_eap(user=ALICE, mark="auth", finish=False)


class WrongAuthAfterEap(_AfterSuccess):
    """The AUTH that follows EAP must be of its key: with another one the client is not believed."""

    requirements = ("RFC7296-2.15-13", "RFC7296-2.16-05")
    deviants = ("takes-any-auth-after-eap",)

    def script(self, alice: Initiator) -> Script:
        yield from self.succeeds(alice)
        yield alice.eap_auth(b"another key altogether", mark="probe", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield given(_last_word(trace).code, "the last word of EAP").equals(EapCode.SUCCESS)
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.Authentication), "an AUTH of the responder").is_absent()
        yield that(answer.find(v2.SecurityAssociation), "a Child SA").is_absent()


class NothingWithoutTheLastAuth(_AfterSuccess):
    """After Success, but before the AUTH that goes with it, the IKE SA serves nothing."""

    requirements = ("RFC7296-2.16-02", "RFC7296-2.16-13")
    deviants = ("serves-after-eap-success",)

    def script(self, alice: Initiator) -> Script:
        yield from self.succeeds(alice)
        yield from alice.create_child(mark="probe", hostile=True, due=False)

    def judge(self, trace: Trace) -> Findings:
        yield given(_last_word(trace).code, "the last word of EAP").equals(EapCode.SUCCESS)
        answer = protected(trace.replies_to("probe"))
        yield that(answer.find(v2.SecurityAssociation), "a Child SA").is_absent()
