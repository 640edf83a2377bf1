"""RFC 8784: post-quantum preshared keys, that must be used or may be."""

from dataclasses import replace

from harness.case import Case, Configuration, Findings, Initiator, Note, Script, Trace, given, protected, that
from harness.codes import NotifyType
from harness.profile import Ppk
from harness.wire import v2

NEEDS = frozenset({"ppk"})
PPK = Ppk(b"shared", b"a-key-that-no-quantum-computer-finds")
STRANGE = Ppk(b"never-heard-of", b"another-key", mandatory=False)


def _insists(configuration: Configuration) -> Configuration:
    return replace(configuration, ppk=PPK)


class _WithPpk(Case):
    """The target insists on a post-quantum key; the initiator has `ppk`."""

    needs = NEEDS
    settings = staticmethod(_insists)
    ppk: Ppk | None = PPK

    def script(self, alice: Initiator) -> Script:
        alice.configuration = replace(alice.configuration, ppk=self.ppk)
        yield from alice.ike_sa_init(mark="init")
        yield from self.authenticates(alice)

    def authenticates(self, alice: Initiator) -> Script:
        """What follows IKE_SA_INIT."""
        yield alice.ike_auth(mark="auth", due=False)


class UsePpkIsReturned(_WithPpk):
    """A responder that has a post-quantum key answers USE_PPK with USE_PPK."""

    requirements = ("RFC8784-3-05", "RFC8784-3-02")
    deviants = ("ignores-use-ppk",)

    def judge(self, trace: Trace) -> Findings:
        init = trace.outcome_of("init")
        yield given(init.find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        told = init.find(v2.Notify, NotifyType.USE_PPK)
        yield that(told, "USE_PPK in the response").is_present()
        yield that(told.data, "its data", requirement="RFC8784-3-02").equals(b"")


class PpkIsUsed(_WithPpk):
    """A key that both ends have is named, and mixed into SK_pi, SK_pr and SK_d."""

    requirements = ("RFC8784-3-18", "RFC8784-3-07", "RFC8784-3-08")
    deviants = ("hides-its-use-of-the-ppk", "proves-itself-wrongly")

    def authenticates(self, alice: Initiator) -> Script:
        yield alice.ike_auth(mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)
        yield from alice.rekey_ike(mark="rekey")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        told = trace.outcome_of("init").find(v2.Notify, NotifyType.USE_PPK)
        yield given(told, "USE_PPK of both ends").is_present()
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        used = auth.find(v2.Notify, NotifyType.PPK_IDENTITY)
        yield that(used, "PPK_IDENTITY", requirement="RFC8784-3-18").is_present()
        yield that(used.data, "its data", requirement="RFC8784-3-18").equals(b"")
        believed = trace.observations("the target is believed")
        yield given(believed, "a look at its AUTH").is_present()
        made_of_it = that(believed[0].outcome, "what the initiator made of it", requirement="RFC8784-3-07")
        yield made_of_it.equals(True)
        yield given(trace.outcome_of("rekey").find(v2.SecurityAssociation), "a rekey").is_present()
        alive = protected(trace.replies_to("alive"))
        yield that(
            alive, "a sign of life under the keys that follow", requirement="RFC8784-3-08"
        ).is_present()


class _Refused(_WithPpk):
    """The negotiation must be aborted."""

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        answer = trace.reply_to("auth")
        yield that(answer.find(v2.Authentication), "an AUTH of the responder").is_absent()


class InitiatorWithoutPpk(_Refused):
    """Where the key must be used, an initiator that does not say USE_PPK gets no IKE SA."""

    requirements = ("RFC8784-3-16",)
    deviants = ("goes-on-without-a-mandatory-ppk",)
    ppk = None


class _Failed(_Refused):
    """The negotiation must be aborted, and the initiator told."""

    def judge(self, trace: Trace) -> Findings:
        yield given(
            trace.outcome_of("init").find(v2.Notify, NotifyType.USE_PPK), "USE_PPK of both ends"
        ).is_present()
        yield from super().judge(trace)
        failed = trace.reply_to("auth").find(v2.Notify, NotifyType.AUTHENTICATION_FAILED)
        yield that(failed, "AUTHENTICATION_FAILED").is_present()


class UnknownPpk(_Failed):
    """Where the key must be used, one that nobody knows is refused, whatever NO_PPK_AUTH would prove."""

    requirements = ("RFC8784-3-14",)
    deviants = ("goes-on-without-a-mandatory-ppk",)
    ppk = STRANGE


class UnnamedPpk(_Failed):
    """After USE_PPK of both ends an initiator that names no key is refused, though its AUTH is right without one."""

    requirements = ("RFC8784-3-13",)
    deviants = ("needs-no-ppk-identity",)

    def authenticates(self, alice: Initiator) -> Script:
        alice.ike.uses_ppk = False
        yield alice.ike_auth(mark="auth", due=False)
