"""RFC 7296 section 2.15: authentication by signatures and certificates."""

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
    that,
)
from harness.codes import CertEncoding, NotifyType
from harness.crypto.authority import LONG_AGO, Authority
from harness.peer.certified import SIGNATURES, certified, credentials
from harness.profile import Credentials, Identity
from harness.wire import v2

NEEDS = frozenset({"certificates"})


class SignaturesProveBothEnds(Case):
    """With certificates that each end trusts both prove who they are, the responder over the octets that it sent."""

    requirements = ("RFC7296-2.15-01", "RFC7296-3.6-01", "RFC7296-3.6-03")
    needs = NEEDS
    deviants = ("proves-itself-wrongly",)
    settings = staticmethod(certified)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        proof = auth.find(v2.Authentication)
        yield given(proof, "the responder's AUTH").is_present()
        yield that(proof.method, "its method").is_one_of(*SIGNATURES)
        shown = auth.find(v2.Certificate)
        yield that(
            shown, "the responder's certificate", requirement="RFC7296-3.6-01", weight=Weight.SHOULD
        ).is_present()
        yield given(shown.encoding, "its encoding").equals(CertEncoding.X509_SIGNATURE)
        believed = trace.observations("the target is believed")
        yield given(believed, "a look at the signature").is_present()
        yield that(believed[0].outcome, "what the initiator made of it").equals(True)


class _NotBelieved(Case):
    """An initiator whose signature or certificate is not good."""

    needs = NEEDS
    settings = staticmethod(certified)
    weight = Weight.MUST

    def shown(self, configuration: Configuration, /) -> Credentials:
        """What the initiator signs with."""
        raise NotImplementedError

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        shown = self.shown(alice.configuration)
        yield alice.ike_auth(credentials=shown, mark="probe", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        answer = trace.reply_to("probe")
        proof = answer.find(v2.Authentication)
        yield that(proof, "an AUTH of the responder", weight=self.weight).is_absent()
        failed = "RFC7296-2.21.2-01"
        yield that(_refused(answer), "the refusal", requirement=failed, weight=Weight.SHOULD).is_present()


def _refused(answer: Observed[Seen]) -> Observed[v2.Notify]:
    return answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED)


def _own(configuration: Configuration) -> Credentials:
    """What an honest initiator has."""
    assert configuration.credentials is not None
    return configuration.credentials


class WrongSignatureIsRefused(_NotBelieved):
    """An initiator that shows the right certificate and signs with another key is not believed."""

    requirements = ("RFC7296-1.2-08", "RFC7296-2.21.2-01")
    deviants = ("accepts-any-signature", "believes-any-auth")

    def shown(self, configuration: Configuration) -> Credentials:
        other = credentials(Identity("fqdn", "somebody.example"))
        return replace(_own(configuration), key=other.key)


class UntrustedCertificateIsRefused(_NotBelieved):
    """A certificate of an authority that the responder does not trust proves nothing."""

    requirements = ("RFC7296-1.2-08", "RFC7296-2.21.2-01")
    deviants = ("trusts-any-certificate", "believes-any-auth")

    def shown(self, configuration: Configuration) -> Credentials:
        return credentials(configuration.local_id, by=Authority("An Authority Nobody Trusts"))


class ExpiredCertificateIsRefused(_NotBelieved):
    """A certificate whose time is over proves nothing."""

    requirements = ("RFC7296-1.2-08", "RFC7296-2.21.2-01")
    deviants = ("ignores-lifetimes-of-certificates",)

    def shown(self, configuration: Configuration) -> Credentials:
        return credentials(configuration.local_id, lifetime=LONG_AGO)


class CertificateOfSomebodyElse(_NotBelieved):
    """A trusted certificate that names somebody else should not do for the identity that the initiator gives."""

    requirements = ("RFC7296-2.21.2-01",)
    deviants = ("takes-any-certificate-for-the-identity",)
    # Section 3.5: the identity need not match anything in the certificate; what maps one to the other is policy.
    weight = Weight.SHOULD

    def shown(self, _: Configuration) -> Credentials:
        return credentials(Identity("fqdn", "somebody.example"))
