"""RFC 7296 section 1.2: the initial exchanges, IKE_SA_INIT and IKE_AUTH."""

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
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import AuthMethod, Encr, Group, Integ, NotifyType, Prf, TransformType
from harness.peer.v2.offers import ike_suite
from harness.profile import Identity
from harness.sa.v2 import ChildSuite, Suite
from harness.wire import Message, v2

UNOFFERED_ENCR = Encr.ENCR_CAMELLIA_CBC
"""A cipher that no target is configured with."""
UNWANTED_GROUP = Group.MODP_1536
"""A group that no target is configured with."""


def _this_policy(configuration: Configuration) -> Configuration:
    """As it stands: a target that somebody else configured may know other peers and other subnets."""
    return configuration


class InitialExchanges(Case):
    """IKE_SA_INIT and IKE_AUTH with a pre-shared key bring up an IKE SA and its first Child SA."""

    requirements = ("CISCO-RO-43", "RFC7296-4-05", "RFC7296-1.2-03", "RFC7296-1.2-02")
    deviants = ("leaves-the-first-child-out",)
    also = {
        "spec": ("A01",),
        "ipv6ready": ("EN.R.1.1.1.1", "EN.R.1.1.1.2", "SGW.R.1.1.1.1", "SGW.R.1.1.1.2"),
    }

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")
        yield alice.liveness()

    def judge(self, trace: Trace) -> Findings:
        init, auth = trace.outcome_of("init"), trace.reply_to("auth")
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
    also = {"ipv6ready": ("EN.R.1.1.6.4", "SGW.R.1.1.6.4")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        chosen = trace.outcome_of("init").find(v2.SecurityAssociation)
        yield given(chosen, "the responder's choice").is_present()
        yield that(chosen.proposals.then(len), "the number of proposals returned").equals(1)
        kinds = chosen.proposals[0].transforms.then(lambda ts: sorted(t.type for t in ts))
        once = kinds.then(lambda ks: len(ks) == len(set(ks)))
        yield that(once, "one transform of each type", requirement="RFC7296-2.7-04").equals(True)


class ResponderProvesItself(Case):
    """The responder's AUTH proves that it has the pre-shared key, over the octets that it sent and was sent."""

    requirements = ("RFC7296-2.15-01", "RFC7296-2.15-08")
    deviants = ("proves-itself-wrongly",)

    def script(self, alice: Initiator) -> Script:
        answer = yield from alice.connect(mark="auth")
        right = _auth_holds(alice, answer)
        if right is not None:
            yield Note("AUTH verified", right)

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth").find(v2.Authentication)
        yield given(auth, "the responder's AUTH").is_present()
        yield given(auth.method, "its method").equals(AuthMethod.SHARED_KEY)
        verified = trace.observations("AUTH verified")
        yield given(verified, "a look at it").is_present()
        yield that(verified[0].outcome, "what the initiator made of it").equals(True)


def _auth_holds(alice: Initiator, answer: Message | None) -> bool | None:
    """Whether the AUTH in an answer to IKE_AUTH is right for the identity beside it, whoever that is; None without one."""
    identity, auth = (
        answer and answer.find(v2.IdResponder),
        answer and answer.find(v2.Authentication),
    )
    if not identity or not auth:
        return None
    psk = alice.configuration.psk
    return bool(auth.data == alice.auth_data(alice.ike, identity.body, psk, initiator=False))


def _refused(answer: Observed[Seen]) -> Observed[v2.Notify]:
    return answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED)


class WrongKeyIsRefused(Case):
    """An initiator that has another pre-shared key is not believed; AUTHENTICATION_FAILED tells it so."""

    requirements = ("RFC7296-1.2-08", "RFC7296-2.21.2-01")
    deviants = ("believes-any-auth", "hides-the-reason-of-a-failed-auth")
    also = {
        "spec": ("J12",),
        "ipv6ready": ("EN.R.1.2.8.1", "EN.R.1.4.1.6", "SGW.R.1.2.8.1", "SGW.R.1.4.1.6"),
    }

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(psk=b"another key altogether", mark="probe", due=False)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.Authentication), "an AUTH of the responder").is_absent()
        yield that(_refused(answer), "the refusal", requirement="RFC7296-2.21.2-01").is_present()


class StrangerIsRefused(Case):
    """An initiator that knows the key but is nobody configured is not believed; AUTHENTICATION_FAILED tells it so."""

    requirements = ("RFC7296-1.2-09", "RFC7296-2.21.2-01")
    deviants = ("believes-any-identity",)
    settings = staticmethod(_this_policy)
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(identity=Identity("fqdn", "stranger.example"), mark="probe", due=False)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.Authentication), "an AUTH of the responder").is_absent()
        yield that(_refused(answer), "the refusal", requirement="RFC7296-2.21.2-01").is_present()


class UnacceptableProposal(Case):
    """An IKE_SA_INIT without an acceptable proposal is refused; an answer, if one comes, says NO_PROPOSAL_CHOSEN."""

    requirements = ("RFC7296-2.7-03", "RFC7296-2.6-04")
    deviants = ("silent-on-unacceptable-proposals",)
    also = {"spec": ("J01",)}

    def script(self, alice: Initiator) -> Script:
        strange = Suite(
            UNOFFERED_ENCR, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.CURVE25519
        )
        yield from alice.ike_sa_init(suites=(strange,), mark="probe", due=False)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("probe")
        yield given(answer.find(v2.Notify, NotifyType.COOKIE), "one more demand for a cookie").is_absent()
        yield that(answer.find(v2.SecurityAssociation), "an SA payload that takes it").is_absent()
        # Section 2.7 demands the notify; sections 2.21 and 2.21.1 leave a word to a stranger to the responder.
        silent = Weight.MUST if answer.present else Weight.SHOULD
        refusal = answer.find(v2.Notify, NotifyType.NO_PROPOSAL_CHOSEN)
        yield that(refusal, "the refusal", requirement="RFC7296-2.7-03", weight=silent).is_present()
        if refusal.present:
            spi = that(answer.spi_r, "the responder's SPI", requirement="RFC7296-2.6-04")
            yield spi.equals(bytes(8))


class WrongGroupIsNamed(Case):
    """A KE payload of a group that the responder won't take gets INVALID_KE_PAYLOAD, which names one that it will."""

    requirements = ("RFC7296-1.2-10", "RFC7296-3.4-05", "RFC7296-2.6-04")
    deviants = ("invalid-ke-names-no-group",)
    also = {"spec": ("J02",), "ipv6ready": ("EN.R.1.1.6.8", "SGW.R.1.1.6.8")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="plain")
        known = tuple(map(ike_suite, alice.configuration.proposals_v2))
        unwanted = Suite(
            Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, UNWANTED_GROUP
        )
        yield from alice.ike_sa_init(suites=(unwanted, *known), mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield given(
            trace.outcome_of("plain").find(v2.KeyExchange), "an answer to the plain offer"
        ).is_present()
        first = trace.reply_to("probe")
        asked = "probe" if not first.find(v2.Notify, NotifyType.COOKIE).present else "probe/cookie"
        answers = trace.replies_to(asked)
        taken = answers.among(v2.KeyExchange)
        yield given(taken.then(lambda ke: ke.group == UNWANTED_GROUP or None), "that very group").is_absent()
        refusal = answers.among(v2.Notify, NotifyType.INVALID_KE_PAYLOAD)
        yield that(refusal, "the refusal").is_present()
        offered = trace.marked("probe").find(v2.SecurityAssociation).proposals.then(_groups)
        yield that(refusal.data, "its notification data").satisfies(
            lambda data: len(data) == 2 and int.from_bytes(data, "big") in (offered.value or ()),
            "is the number of a group that was offered, in two octets",
        )
        spi = answers.then(lambda seen: seen[0].spi_r)
        yield that(spi, "the responder's SPI", requirement="RFC7296-2.6-04").equals(bytes(8))


def _groups(proposals: tuple[v2.Proposal, ...]) -> set[int]:
    """Every group of an offer but the one that must not be taken."""
    kinds = {t.id for p in proposals for t in p.transforms if t.type == TransformType.KE}
    return kinds - {int(UNWANTED_GROUP)}


class ChildTroubleSparesTheIkeSa(Case):
    """A Child SA that can't be made in IKE_AUTH is refused by a notify, and the IKE SA comes up all the same."""

    requirements = ("RFC7296-1.2-13", "RFC7296-2.21.2-07", "RFC7296-2.7-03")
    deviants = ("child-trouble-ends-the-ike-sa",)
    also = {"spec": ("J13",), "ipv6ready": ("EN.R.1.1.6.9", "SGW.R.1.1.6.9")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="plain")
        yield alice.delete_ike()
        yield from alice.ike_sa_init()
        strange = ChildSuite(3, UNOFFERED_ENCR, 256, Integ.AUTH_HMAC_SHA2_256_128, 0)
        yield alice.ike_auth(suites=(strange,), mark="auth")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(
            trace.reply_to("plain").find(v2.Authentication), "an IKE SA of the plain kind"
        ).is_present()
        auth = trace.reply_to("auth")
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        refusal = auth.find(v2.Notify, NotifyType.NO_PROPOSAL_CHOSEN)
        yield that(refusal, "the refusal of the child", requirement="RFC7296-2.7-03").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(life, "the IKE SA's answer to a liveness check").is_present()


class ForeignSelectorsAreRefused(Case):
    """Traffic selectors outside the policy get TS_UNACCEPTABLE, and the IKE SA comes up all the same."""

    requirements = ("RFC7296-2.9-06", "RFC7296-1.2-13")
    deviants = ("takes-any-traffic-selectors",)
    settings = staticmethod(_this_policy)
    also = {"spec": ("J13",), "ipv6ready": ("EN.R.1.1.7.2", "SGW.R.1.1.7.2")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="plain")
        yield alice.delete_ike()
        yield from alice.ike_sa_init()
        yield alice.ike_auth(subnets=(("192.88.99.0/24",), ("192.88.98.0/24",)), mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield given(
            trace.reply_to("plain").find(v2.SecurityAssociation), "a child of the plain kind"
        ).is_present()
        auth = trace.reply_to("auth")
        proof = that(auth.find(v2.Authentication), "the responder's AUTH", requirement="RFC7296-1.2-13")
        yield proof.is_present()
        yield that(auth.find(v2.Notify, NotifyType.TS_UNACCEPTABLE), "the refusal of the child").is_present()


class SelectorsAreNarrowed(Case):
    """The selectors returned lie within those offered."""

    requirements = ("RFC7296-2.9-03", "RFC7296-1.3.1-02")
    deviants = ("widens-the-traffic-selectors",)
    also = {"ipv6ready": ("EN.R.1.1.7.1", "SGW.R.1.1.7.1")}

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
            yield that(given_back.selectors.then(len), f"the selectors of {name}").satisfies(
                lambda count: count > 0, "are one at least"
            )
            yield that(inside, f"every selector of {name} within what was offered").equals(True)
