"""RFC 7296 section 1.3: CREATE_CHILD_SA, as a peer starts it: new children and rekeys."""

from dataclasses import replace

from harness.case import Case, Findings, Initiator, Script, Trace, given, that
from harness.codes import NotifyType, Protocol
from harness.wire import v2


class SecondChild(Case):
    """A second Child SA is made or refused by NO_ADDITIONAL_SAS; the IKE SA stays either way."""

    requirements = ("RFC7296-1.3.1-11", "RFC7296-1.3.1-01", "CISCO-RO-43")
    deviants = ("second-child-ends-the-ike-sa",)
    also = {"spec": ("A05", "C10"), "ipv6ready": ("EN.R.1.2.1.1",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(mark="second")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("second")
        refused = answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS)
        made = answer.find(v2.SecurityAssociation)
        yield that(made if made.present else refused, "the second child, or NO_ADDITIONAL_SAS").is_present()
        yield that(trace.reply_to("alive"), "the IKE SA, asked for a sign of life").is_present()


class SecondChildWithKeyExchange(Case):
    """A second Child SA with a key exchange of its own is answered with the responder's KE."""

    requirements = ("RFC7296-1.3.1-01",)
    deviants = ("leaves-the-key-exchange-out",)
    also = {"ipv6ready": ("EN.R.1.2.3.1",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(pfs=True, mark="second")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("second")
        refusal = answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS)
        yield given(refusal, "a refusal of any further child").is_absent()
        yield that(answer.find(v2.KeyExchange), "the responder's KE").is_present()


class _RekeyOfAChild(Case):
    """What both rekeys of a child must show."""

    pfs: bool = False

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield from alice.rekey_child(pfs=self.pfs, mark="rekey", delete_old=False)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("rekey")
        yield given(answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS), "a refusal of rekeys").is_absent()
        for kind, name in (
            (v2.SecurityAssociation, "the SA accepted"),
            (v2.Nonce, "the responder's nonce"),
            (v2.TrafficSelectorsI, "TSi"),
            (v2.TrafficSelectorsR, "TSr"),
        ):
            yield that(answer.find(kind), name).is_present()
        first = trace.reply_to("auth").find(v2.SecurityAssociation).proposals[0].spi
        yield given(first, "the SPI of the first child").is_present()
        renewed = answer.find(v2.SecurityAssociation).proposals[0].spi
        yield that(renewed, "the SPI of the new child").satisfies(
            lambda spi: spi != first.value, "differs from the old one"
        )


class RekeyOfAChild(_RekeyOfAChild):
    """A peer's rekey of a Child SA is answered with an SA, a nonce and selectors, under a new SPI."""

    requirements = ("RFC7296-1.3.3-04", "CISCO-RO-43", "CISCO-RO-07")
    deviants = ("leaves-the-nonce-out-of-a-rekey", "rekeys-under-the-old-spi")
    also = {"spec": ("A06",), "ipv6ready": ("EN.R.1.2.4.1",)}


class RekeyOfAChildWithKeyExchange(_RekeyOfAChild):
    """A peer's rekey of a Child SA with a key exchange is answered with the responder's KE."""

    requirements = ("RFC7296-1.3.3-04", "CISCO-RO-07")
    deviants = ("leaves-the-key-exchange-out",)
    also = {"spec": ("A06",), "ipv6ready": ("EN.R.1.2.5.1",)}
    pfs = True

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield that(trace.reply_to("rekey").find(v2.KeyExchange), "the responder's KE").is_present()


class RekeyOfAnUnknownChild(Case):
    """The rekey of a Child SA that is not there is answered with CHILD_SA_NOT_FOUND and its SPI."""

    requirements = ("RFC7296-2.25-07", "RFC7296-2.25-06")
    deviants = ("rekeys-a-child-that-is-not-there", "not-found-names-another-spi")
    also = {"spec": ("J16",)}

    spi = b"\xde\xad\xbe\xef"

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        ghost = alice.ike.child and replace(alice.ike.child, spi_in=self.spi)
        yield from alice.rekey_child(ghost, mark="rekey", delete_old=False)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("rekey")
        yield given(answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS), "a refusal of rekeys").is_absent()
        refusal = answer.find(v2.Notify, NotifyType.CHILD_SA_NOT_FOUND)
        yield that(refusal, "the refusal").is_present()
        yield that(refusal.spi, "the SPI in it").equals(self.spi)
        yield that(trace.reply_to("alive"), "the IKE SA, asked for a sign of life").is_present()


class RekeyOfTheIkeSa(Case):
    """A peer's rekey of the IKE SA makes a new one that counts from Message ID 0 and leaves the roles as they are."""

    requirements = ("RFC7296-1.3.2-04", "RFC7296-1.3.2-05", "RFC7296-1.3.2-07", "CISCO-RO-07")
    deviants = ("keeps-counting-after-ike-rekey",)
    also = {"spec": ("A08",), "ipv6ready": ("EN.R.1.2.6.1",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.rekey_ike(mark="rekey")
        yield alice.liveness(mark="first request on the new SA")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("rekey")
        yield given(answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS), "a refusal of rekeys").is_absent()
        chosen = answer.find(v2.SecurityAssociation)
        yield that(chosen.proposals[0].field("protocol"), "the protocol rekeyed").equals(Protocol.IKE)
        yield that(answer.find(v2.KeyExchange), "the responder's KE").is_present()
        yield that(answer.find(v2.Nonce), "the responder's nonce").is_present()
        fresh = trace.reply_to("first request on the new SA")
        yield that(fresh, "the answer on the new IKE SA").is_present()
        yield that(fresh.message_id, "its Message ID").equals(0)


class RolesAfterAnIkeRekey(Case):
    """On the IKE SA that a peer's rekey made the device is the responder: it never sets the I flag there."""

    requirements = ("RFC7296-3.1-25", "RFC7296-3.1-24")
    deviants = ("takes-the-initiators-role-on-rekey",)
    subject = "INV-03"
    also = {"spec": ("A08",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.rekey_ike()
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("alive"), "a request on the new IKE SA").is_present()


class ChildrenSurviveAnIkeRekey(Case):
    """The Child SAs live on under the IKE SA that a rekey made: their Delete there is answered with the pair."""

    requirements = ("RFC7296-2.8-07",)
    deviants = ("rekeyed-ike-sa-orphans-children",)
    also = {"spec": ("A08",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.rekey_ike(mark="rekey")
        yield from alice.rekey_child(delete_old=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        moved = trace.reply_to("rekey").find(v2.SecurityAssociation)
        yield given(moved, "the rekey of the IKE SA").is_present()
        answer = trace.reply_to("probe")
        yield given(answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS), "a refusal of rekeys").is_absent()
        lost = answer.find(v2.Notify, NotifyType.CHILD_SA_NOT_FOUND)
        yield that(lost, "a word that the child is not there").is_absent()
        yield that(answer.find(v2.SecurityAssociation), "the child's rekey under the new IKE SA").is_present()
