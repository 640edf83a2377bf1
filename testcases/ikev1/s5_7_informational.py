"""RFC 2409 section 5.7: Informational exchanges count only if the ISAKMP SA protects them."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, that
from harness.codes import Doi, Protocol
from harness.wire import Message, replace, v1


def _delete(alice: Initiator) -> v1.Delete:
    """The Delete of the ISAKMP SA, by its cookies; the initiator's own state is left alone."""
    return v1.Delete(Doi.IPSEC, Protocol.IKE, 16, (alice.isakmp.cky_i + alice.isakmp.cky_r,))


def _without_hash(message: Message) -> Message:
    return replace(message, payloads=tuple(p for p in message.payloads if not isinstance(p, v1.Hash)))


def _other_hash(message: Message) -> Message:
    hashed = (v1.Hash(bytes(32)) if isinstance(p, v1.Hash) else p for p in message.payloads)
    return replace(message, payloads=tuple(hashed))


class _NotObeyed(Case):
    """A Delete of the ISAKMP SA that proves nothing: the ISAKMP SA goes on serving."""

    requirements = ("RFC2409-5.7-01", "RFC2408-5.15-01", "RFC2408-5.15-10")
    needs = frozenset({"v1-main"})

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        yield given(trace.marked("probe"), "a Delete that is not protected as it should").is_present()
        yield given(trace.marked("alive"), "a Quick Mode after it").is_present()
        alive = trace.reply_to("alive").find(v1.SecurityAssociation)
        yield that(alive, "the IPsec SA asked for under the same ISAKMP SA").is_present()


class DeleteInClear(_NotObeyed):
    """A Delete in clear is not obeyed."""

    deviants = ("v1-obeys-deletes-in-clear",)
    also = {"spec": ("K11", "K10")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield from alice.surely(alice.informational_v1(_delete(alice), sealed=False, mark="probe"))
        yield from alice.quick_mode(mark="alive")


class DeleteWithoutHash(_NotObeyed):
    """A Delete that is encrypted but has no HASH is not obeyed."""

    deviants = ("v1-needs-no-hash",)
    also = {"spec": ("K11",), "cve": ("CVE-2019-10155",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield from alice.surely(alice.informational_v1(_delete(alice), change=_without_hash, mark="probe"))
        yield from alice.quick_mode(mark="alive")


class DeleteWithWrongHash(_NotObeyed):
    """A Delete that is encrypted but has a wrong HASH is not obeyed."""

    requirements = ("RFC2409-5.7-02", "RFC2409-5.7-01", "RFC2408-5.11-06")
    deviants = ("v1-believes-any-hash-in-phase-2",)
    also = {"spec": ("K11",), "cve": ("CVE-2019-10155",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield from alice.surely(alice.informational_v1(_delete(alice), change=_other_hash, mark="probe"))
        yield from alice.quick_mode(mark="alive")
