"""RFC 7296 section 1.2: the initial exchanges, IKE_SA_INIT and IKE_AUTH."""

from harness.case import Case, Findings, Initiator, Note, Script, Trace, given, that
from harness.codes import AuthMethod, Encr, Group, Integ, NotifyType, Prf
from harness.profile import Identity
from harness.sa.v2 import ChildSuite, Suite
from harness.wire import v2

UNOFFERED_ENCR = Encr.ENCR_CAMELLIA_CBC
"""A cipher that no target is configured with."""


class InitialExchanges(Case):
    """IKE_SA_INIT and IKE_AUTH with a pre-shared key bring up an IKE SA and its first Child SA."""

    requirements = ("CISCO-RO-43", "RFC7296-1.2-03", "RFC7296-1.2-02")
    deviants = ("leaves-the-first-child-out",)
    also = {"spec": ("A01",), "ipv6ready": ("EN.R.1.1.1.1", "EN.R.1.1.1.2")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")
        yield alice.liveness()

    def judge(self, trace: Trace) -> Findings:
        init, auth = trace.reply_to("init"), trace.reply_to("auth")
        yield that(init.find(v2.KeyExchange), "the responder's key exchange").is_present()
        yield that(init.find(v2.Nonce), "the responder's nonce").is_present()
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(auth.find(v2.SecurityAssociation), "the Child SA that it accepts").is_present()
        yield that(auth.find(v2.TrafficSelectorsI), "TSi").is_present()
        yield that(auth.find(v2.TrafficSelectorsR), "TSr").is_present()


class OneSuiteIsChosen(Case):
    """The response names exactly one of the suites offered, with one transform of each type."""

    requirements = ("RFC7296-2.7-01", "RFC7296-2.7-04")
    deviants = ("returns-every-proposal",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        chosen = trace.reply_to("init").find(v2.SecurityAssociation)
        yield given(chosen, "the responder's choice").is_present()
        yield that(chosen.proposals.then(len), "the number of proposals returned").equals(1)
        kinds = chosen.proposals[0].transforms.then(lambda ts: sorted(t.type for t in ts))
        yield that(kinds.then(lambda ks: len(ks) == len(set(ks))), "one transform of each type").equals(True)


class ResponderProvesItself(Case):
    """The responder's AUTH proves that it has the pre-shared key: an honest initiator accepts it."""

    requirements = ("RFC7296-1.2-08",)
    deviants = ("proves-itself-wrongly",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Note("AUTH verified", alice.ike.state == "established")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth").find(v2.Authentication)
        yield given(auth, "the responder's AUTH").is_present()
        yield that(auth.method, "its method").equals(AuthMethod.SHARED_KEY)
        yield that(trace.observations("AUTH verified")[0].outcome, "what the initiator made of it").equals(
            True
        )


class WrongKeyIsRefused(Case):
    """An initiator that has another pre-shared key is refused with AUTHENTICATION_FAILED."""

    requirements = ("RFC7296-2.21.2-01", "RFC7296-1.2-08")
    deviants = ("believes-any-auth", "hides-the-reason-of-a-failed-auth")
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(psk=b"another key altogether", mark="probe", due=True)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.Authentication), "an AUTH of the responder").is_absent()
        yield that(answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED), "the refusal").is_present()


class StrangerIsRefused(Case):
    """An initiator that knows the key but is nobody configured is refused with AUTHENTICATION_FAILED."""

    requirements = ("RFC7296-2.21.2-01", "RFC7296-1.2-09")
    deviants = ("believes-any-identity",)
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(identity=Identity("fqdn", "stranger.example"), mark="probe", due=True)

    def judge(self, trace: Trace) -> Findings:
        refusal = trace.reply_to("probe").find(v2.Notify, NotifyType.AUTHENTICATION_FAILED)
        yield that(refusal, "the refusal").is_present()


class UnacceptableProposal(Case):
    """An IKE_SA_INIT without an acceptable proposal is answered with NO_PROPOSAL_CHOSEN."""

    requirements = ("RFC7296-2.7-03",)
    deviants = ("silent-on-unacceptable-proposals",)
    also = {"spec": ("J01",), "ipv6ready": ("EN.R.1.1.3.1",)}

    def script(self, alice: Initiator) -> Script:
        strange = Suite(
            UNOFFERED_ENCR, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.CURVE25519
        )
        yield from alice.ike_sa_init(suites=(strange,), mark="probe")

    def judge(self, trace: Trace) -> Findings:
        refusal = trace.reply_to("probe").find(v2.Notify, NotifyType.NO_PROPOSAL_CHOSEN)
        yield that(refusal, "the refusal").is_present()


class WrongGroupIsNamed(Case):
    """A KE payload of another group than the one chosen gets INVALID_KE_PAYLOAD, which names the group wanted."""

    requirements = ("RFC7296-1.2-10", "RFC7296-2.6-04")
    deviants = ("invalid-ke-names-no-group",)
    also = {"spec": ("J02",), "ipv6ready": ("EN.R.1.1.3.2",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(group=Group.MODP_1536, follow=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        refusal = trace.reply_to("probe").find(v2.Notify, NotifyType.INVALID_KE_PAYLOAD)
        yield that(refusal, "the refusal").is_present()
        yield that(refusal.data.then(len), "the octets of its notification data").equals(2)


class ChildTroubleSparesTheIkeSa(Case):
    """A Child SA that can't be made in IKE_AUTH is refused by a notify, and the IKE SA comes up all the same."""

    requirements = ("RFC7296-1.2-13", "RFC7296-2.21.2-07")
    deviants = ("child-trouble-ends-the-ike-sa",)
    also = {"spec": ("J13",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        strange = ChildSuite(3, UNOFFERED_ENCR, 256, Integ.AUTH_HMAC_SHA2_256_128, 0)
        yield alice.ike_auth(suites=(strange,), mark="auth")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(
            auth.find(v2.Notify, NotifyType.NO_PROPOSAL_CHOSEN), "the refusal of the child"
        ).is_present()
        yield that(trace.reply_to("alive"), "the IKE SA, asked for a sign of life").is_present()


class ForeignSelectorsAreRefused(Case):
    """Traffic selectors outside the policy get TS_UNACCEPTABLE, and the IKE SA comes up all the same."""

    requirements = ("RFC7296-2.9-06", "RFC7296-1.2-13")
    deviants = ("takes-any-traffic-selectors",)
    also = {"spec": ("J13",), "ipv6ready": ("SGW.R.1.1.9.2",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(subnets=(("192.88.99.0/24",), ("192.88.98.0/24",)), mark="auth")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(auth.find(v2.Notify, NotifyType.TS_UNACCEPTABLE), "the refusal of the child").is_present()


class SelectorsAreNarrowed(Case):
    """The selectors returned lie within those offered."""

    requirements = ("RFC7296-2.9-03", "RFC7296-1.3.1-02")
    deviants = ("widens-the-traffic-selectors",)

    def script(self, alice: Initiator) -> Script:
        ours, theirs = alice.configuration.local_subnets[0], alice.configuration.remote_subnets[0]
        part = (ours.replace(".0/24", ".64/26"),), (theirs.replace(".0/24", ".128/25"),)
        yield from alice.ike_sa_init()
        yield alice.ike_auth(subnets=part, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        for kind, name in ((v2.TrafficSelectorsI, "TSi"), (v2.TrafficSelectorsR, "TSr")):
            asked, given_back = trace.marked("auth").find(kind), trace.reply_to("auth").find(kind)
            yield given(given_back, name).is_present()
            offered = (
                (asked.value.selectors[0].start, asked.value.selectors[0].end) if asked.value else (b"", b"")
            )
            inside = given_back.selectors.then(
                lambda ts, offered=offered: all(offered[0] <= t.start <= t.end <= offered[1] for t in ts)
            )
            yield that(inside, f"every selector of {name} within what was offered").equals(True)
