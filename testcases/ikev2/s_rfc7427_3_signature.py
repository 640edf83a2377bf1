"""RFC 7427: Digital Signature, and the hash algorithms that two ends name to each other."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, that
from harness.codes import AuthMethod, HashAlgorithm, NotifyType
from harness.crypto.scheme import Scheme
from harness.crypto.signature import auth_scheme
from harness.peer.certified import certified
from harness.wire import v2

NEEDS = frozenset({"certificates"})
ONE = HashAlgorithm.SHA2_384
"""No key of 256 bits is signed with it by preference."""


class _Signed(Case):
    """A session with certificates, in which the initiator names some hash algorithms, or none."""

    needs = NEEDS
    settings = staticmethod(certified)
    hashes: tuple[int, ...] | None = None

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(hashes=self.hashes, mark="init")
        yield alice.ike_auth(mark="auth")


class DigitalSignatureWhereBothNamedHashes(_Signed):
    """Where both ends named hash algorithms the responder signs by method 14, in the form that RFC 7427 gives it."""

    requirements = ("RFC7427-3-07", "RFC7427-3-02", "RFC7427-4-01")
    deviants = ("signs-by-the-older-method",)

    def judge(self, trace: Trace) -> Findings:
        named = trace.outcome_of("init").find(v2.Notify, NotifyType.SIGNATURE_HASH_ALGORITHMS)
        yield given(named, "the responder's hash algorithms").is_present()
        whole = named.data.then(lambda data: bool(data) and len(data) % 2 == 0)
        yield that(whole, "a list of 16-bit numbers", requirement="RFC7427-4-05").equals(True)
        proof = trace.reply_to("auth").find(v2.Authentication)
        yield given(proof, "the responder's AUTH").is_present()
        yield that(proof.method, "its method").equals(AuthMethod.DIGITAL_SIGNATURE)
        scheme = proof.data.then(_scheme, "its AlgorithmIdentifier is none of a signature that is known here")
        yield that(scheme, "an AlgorithmIdentifier after its length", requirement="RFC7427-3-02").is_present()


class HashThatThePeerNamed(_Signed):
    """The responder signs with a hash algorithm that the initiator named, or not at all."""

    requirements = ("RFC7427-4-02", "RFC7427-3-06")
    deviants = ("signs-with-a-hash-nobody-named",)
    hashes = (ONE,)

    def judge(self, trace: Trace) -> Findings:
        named = trace.outcome_of("init").find(v2.Notify, NotifyType.SIGNATURE_HASH_ALGORITHMS)
        yield given(named, "the responder's hash algorithms").is_present()
        proof = trace.reply_to("auth").find(v2.Authentication)
        yield given(proof, "the responder's AUTH").is_present()
        yield given(proof.method, "its method").equals(AuthMethod.DIGITAL_SIGNATURE)
        scheme = proof.data.then(_scheme, "its AlgorithmIdentifier is none of a signature that is known here")
        yield that(scheme.hash, "the hash algorithm").equals(ONE)


class OlderMethodWithoutHashes(_Signed):
    """For an initiator that named no hash algorithms the responder does not sign by method 14."""

    requirements = ("RFC7427-3-01",)
    deviants = ("signs-by-method-14-always",)
    hashes = ()

    def judge(self, trace: Trace) -> Findings:
        proof = trace.reply_to("auth").find(v2.Authentication)
        yield given(proof, "the responder's AUTH").is_present()
        digital = proof.method.then(lambda method: method == AuthMethod.DIGITAL_SIGNATURE)
        yield that(digital, "Digital Signature").equals(False)


def _scheme(data: bytes) -> Scheme | None:
    found = auth_scheme(data)
    return None if isinstance(found, str) else found
