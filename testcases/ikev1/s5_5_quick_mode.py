"""RFC 2409 section 5.5: Quick Mode: what it agrees on, what it proves, for whom it is, and how several go side by side."""

from dataclasses import replace as with_fields

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
    given,
    that,
)
from harness.codes import Encr, Exchange, Group, IdTypeV1, Integ, NotifyTypeV1, Protocol
from harness.profile import ChildProposal
from harness.wire import Message, replace, v1

SILENCE_S = 2.0
"""How long an answer is waited for that must not come."""
UNOFFERED = ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 192, Integ.AUTH_HMAC_SHA2_256_128)
"""A suite that differs from one of the target's by its key length alone."""
FOREIGN = ("192.88.99.0/24", "192.88.98.0/24")
"""Subnets that no policy of a target has."""
PUBLIC_VALUE_OCTETS = 256
"""The length of a public value of group 14."""


def _with_pfs(configuration: Configuration) -> Configuration:
    return with_fields(configuration, pfs_group=Group.MODP_2048)


def _served(trace: Trace, mark: str) -> Observed[list[Seen]]:
    """The target's second messages of the Quick Mode of this mark."""
    return trace.replies_to(mark).then(
        lambda seen: [s for s in seen if s.exchange == Exchange.QUICK_MODE] or None
    )


class WithoutForwardSecrecy(Case):
    """A Quick Mode without KE payload is answered without one, for the client identities that it named."""

    requirements = ("RFC2409-5.5-10", "RFC2409-5.5-02", "RFC2409-5.5-03")
    deviants = ("v1-leaves-the-clients-out",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("A12", "A14")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(pfs=False, mark="quick")

    def judge(self, trace: Trace) -> Findings:
        asked, answer = trace.marked("quick"), trace.reply_to("quick")
        yield given(answer.find(v1.SecurityAssociation), "the IPsec SA accepted").is_present()
        kinds = answer.payloads.then(lambda ps: [type(p) for p in ps[:2]])
        yield that(kinds, "its first two payloads", requirement="RFC2409-5.5-02").equals(
            [v1.Hash, v1.SecurityAssociation]
        )
        yield that(answer.find(v1.KeyExchange), "a KE payload that nobody asked for").is_absent()
        named = [
            message.payloads.then(lambda ps: [p.body for p in ps if isinstance(p, v1.Identification)])
            for message in (asked, answer)
        ]
        yield that(named[1], "the client identities, IDci and then IDcr").equals(named[0].value)


class WithForwardSecrecy(Case):
    """A Quick Mode with KE payload is answered with one, and both ends come to the same keys."""

    requirements = ("RFC2409-5.5-08", "RFC2409-5-09", "RFC2409-5.5-21")
    deviants = ("v1-leaves-the-key-exchange-out",)
    needs = frozenset({"v1-main"})
    settings = staticmethod(_with_pfs)
    also = {"spec": ("A14",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(pfs=Group.MODP_2048, mark="quick")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("quick")
        yield given(answer.find(v1.SecurityAssociation), "the IPsec SA accepted").is_present()
        yield that(answer.find(v1.KeyExchange), "the responder's public value").is_present()
        octets = answer.find(v1.KeyExchange).data.then(len)
        yield that(octets, "its length", requirement="RFC2409-5-09").equals(PUBLIC_VALUE_OCTETS)


class _Refused(Case):
    """A Quick Mode that must make no SA, told or not; the ISAKMP SA goes on serving."""

    needs = frozenset({"v1-main"})

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("probe"), "a Quick Mode that is not acceptable").is_present()
        yield given(trace.marked("alive"), "a Quick Mode that is acceptable").is_present()
        yield that(_served(trace, "probe"), "a second message for what is not acceptable").is_absent()
        alive = trace.reply_to("alive").find(v1.SecurityAssociation)
        yield that(alive, "the IPsec SA that is acceptable, under the same ISAKMP SA").is_present()


class UnacceptableGroup(_Refused):
    """A Quick Mode with a key exchange of another group than the policy has makes no SA; the ISAKMP SA goes on serving."""

    requirements = ("RFC2408-5.4-09", "CISCO-RO-26")
    deviants = ("v1-takes-any-group",)
    settings = staticmethod(_with_pfs)
    also = {"spec": ("A14",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(
            pfs=Group.MODP_1536, mark="probe", hostile=True, due=False, wait=SILENCE_S
        )
        yield from alice.quick_mode(pfs=True, mark="alive")


class MissingGroup(_Refused):
    """A Quick Mode without key exchange makes no SA where the policy has a group; the ISAKMP SA goes on serving."""

    requirements = ("RFC2408-5.4-09", "CISCO-RO-26")
    deviants = ("v1-takes-any-group",)
    settings = staticmethod(_with_pfs)
    also = {"spec": ("A14",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(pfs=False, mark="probe", hostile=True, due=False, wait=SILENCE_S)
        yield from alice.quick_mode(pfs=True, mark="alive")


class UnacceptableTransform(_Refused):
    """A Quick Mode whose transforms suit no transform set makes no SA; the ISAKMP SA goes on serving."""

    requirements = ("RFC2408-5.4-09", "CISCO-RO-26", "RFC2408-4.2-08")
    deviants = ("v1-ignores-key-lengths-in-phase-2",)
    also = {"spec": ("A14", "J01")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(
            suites=(UNOFFERED,), mark="probe", hostile=True, due=False, wait=SILENCE_S
        )
        yield from alice.quick_mode(mark="alive")


class ForeignClientsAreRefused(_Refused):
    """A Quick Mode for client identities outside the policy makes no SA; the ISAKMP SA goes on serving."""

    requirements = ("RFC2409-5.5-11", "RFC2408-5.8-03")
    deviants = ("v1-takes-any-clients",)
    also = {"spec": ("K04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(ids=FOREIGN, mark="probe", hostile=True, due=False, wait=SILENCE_S)
        yield from alice.quick_mode(mark="alive")


class RefusedClientsAreTold(Case):
    """A Quick Mode for client identities outside the policy is answered with INVALID-ID-INFORMATION."""

    requirements = ("RFC2409-5.5-12", "RFC2408-5.14-06")
    deviants = ("v1-silent-on-foreign-clients",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield from alice.quick_mode(ids=FOREIGN, mark="probe", hostile=True, due=False)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        yield given(trace.marked("probe"), "a Quick Mode for foreign clients").is_present()
        refusal = trace.reply_to("probe").find(v1.Notify, NotifyTypeV1.INVALID_ID_INFORMATION)
        yield that(refusal, "the refusal").is_present()


def _to_a_name(message: Message) -> Message:
    """The message with a name for IDcr, where an address or a subnet belongs."""
    name = v1.Identification(IdTypeV1.ID_FQDN, 0, 0, b"gateway.example")
    last = max(i for i, p in enumerate(message.payloads) if isinstance(p, v1.Identification))
    return replace(message, payloads=(*message.payloads[:last], name, *message.payloads[last + 1 :]))


class NamesAreNoClients(_Refused):
    """A Quick Mode whose IDcr is a host name makes no SA; the ISAKMP SA goes on serving."""

    requirements = ("RFC2408-5.8-03", "RFC2409-5.5-11")
    deviants = ("v1-takes-names-for-clients",)
    also = {"spec": ("K05",), "cve": ("CVE-2023-38711",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(change=_to_a_name, mark="probe", wait=SILENCE_S)
        yield from alice.quick_mode(mark="alive")


def _other_hash(message: Message) -> Message:
    """The message with a HASH that proves nothing."""
    hashed = (v1.Hash(bytes(32)) if isinstance(p, v1.Hash) else p for p in message.payloads)
    return replace(message, payloads=tuple(hashed))


class WrongHashIsRefused(_Refused):
    """A Quick Mode with a wrong HASH(1) makes no SA; the ISAKMP SA goes on serving."""

    requirements = ("RFC2409-5.5-04", "RFC2409-5.5-16", "RFC2408-5.11-06")
    deviants = ("v1-believes-any-hash-in-phase-2",)
    also = {"spec": ("K11",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(change=_other_hash, mark="probe", wait=SILENCE_S)
        yield from alice.quick_mode(mark="alive")


NOTHING_CAME = "no answer came"
ACCEPTED = "accepted"


class ResponderProvesItself(Case):
    """HASH(2) proves the second message and that the responder lives: an honest initiator accepts it."""

    requirements = ("RFC2409-5.5-17", "RFC2409-5.5-04")
    deviants = ("v1-leaves-ni-out-of-hash-2",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("A12",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(mark="quick")
        why = alice.quick.dialogue.why if alice.quick else ""
        yield Note("HASH(2)", ACCEPTED if alice.isakmp.children else why or NOTHING_CAME)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("quick").find(v1.Hash), "HASH(2)").is_present()
        verdict = trace.observations("HASH(2)")[0].outcome
        yield given(verdict, "what the initiator got").satisfies(
            lambda said: said != NOTHING_CAME, "is an answer"
        )
        yield that(verdict, "what the initiator made of it").equals(ACCEPTED)


class BeforePhase1IsDone(Case):
    """A Quick Mode between the fourth and the fifth message of Main Mode is not served."""

    requirements = ("RFC2409-4-02", "RFC2409-7.1-04")
    deviants = ("v1-serves-before-authentication",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K03",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3(mark="third")
        yield from alice.quick_mode(mark="probe", hostile=True, due=False, wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("third").find(v1.KeyExchange), "the key exchange").is_present()
        yield given(trace.marked("probe"), "a Quick Mode").is_present()
        yield that(_served(trace, "probe"), "a Quick Mode served").is_absent()


class TwoAtOnce(Case):
    """Two Quick Modes that are under way at the same time do not disturb each other; the second one may be refused."""

    requirements = ("RFC2409-B-12", "RFC2408-3.1-26", "RFC2409-5.5-06")
    deviants = ("v1-one-iv-for-all",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("C17",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.quick_mode_1(mark="first")
        first = alice.quick
        yield alice.quick_mode_1(mark="second")
        second = alice.quick
        for quick in (first, second):
            alice.quick = quick
            yield from alice.surely(alice.quick_mode_3())

    def judge(self, trace: Trace) -> Findings:
        yield given(_served(trace, "first"), "the first Quick Mode").is_present()
        yield given(trace.marked("second"), "the second Quick Mode").is_present()
        yield that(trace.reply_to("second"), "an answer to the second Quick Mode").is_present()
        opened = trace.reply_to("second").opened
        yield that(opened, "whether it opens with an IV of its own").equals(True)


class UsedMessageId(Case):
    """A Quick Mode under the Message ID of one that is done is not served."""

    requirements = ("RFC2408-5.2-18", "RFC2408-3.1-25", "RFC2409-5.5-07")
    deviants = ("v1-forgets-message-ids",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("C18",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.quick_mode_1(mark="first")
        yield from alice.surely(alice.quick_mode_3(mark="third"))
        if alice.quick is not None:
            used = alice.quick.dialogue.message_id
            yield alice.quick_mode_1(message_id=used, mark="probe", wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(_served(trace, "first"), "the first Quick Mode").is_present()
        yield given(trace.marked("third"), "its third message").is_present()
        yield given(trace.marked("probe"), "another Quick Mode with its Message ID").is_present()
        yield that(_served(trace, "probe"), "a second message for it").is_absent()


class ChosenTransformIsUnmodified(Case):
    """The phase 2 transform that comes back is one of those offered, even where the responder's lifetime is shorter."""

    requirements = ("RFC2409-5-25", "RFC2409-7.2-01", "RFC2407-4.5.4-01")
    deviants = ("v1-writes-its-own-lifetime-in-phase-2",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K01", "B08")}

    def script(self, alice: Initiator) -> Script:
        alice.configuration = _longer(alice.configuration)
        yield from alice.main_mode()
        yield from alice.quick_mode(mark="offer")

    def judge(self, trace: Trace) -> Findings:
        asked = trace.marked("offer").find(v1.SecurityAssociation)
        chosen = trace.reply_to("offer").find(v1.SecurityAssociation)
        yield given(asked, "the offer").is_present()
        yield given(chosen.proposals[0].transforms[0], "the transform chosen").is_present()
        yield that(
            chosen.proposals[0].transforms.then(len),
            "the number of transforms returned",
            requirement="RFC2409-7.2-01",
        ).equals(1)
        offers = asked.then(lambda sa: [_values(t) for p in sa.proposals for t in p.transforms])
        taken = chosen.proposals[0].transforms[0].then(_values)
        unmodified = taken.then(lambda values: values in (offers.value or ()))
        yield that(unmodified, "the transform chosen, as it was offered").equals(True)


def _longer(configuration: Configuration) -> Configuration:
    """An initiator that would let IPsec SAs live twice as long as the responder."""
    hard = configuration.lifetimes.child_hard or 3600.0
    return configuration.with_lifetimes(child_hard=2 * hard)


def _values(transform: v1.Transform) -> tuple[int, list[tuple[int, int]]]:
    """Transform ID and attributes as numbers, for their encoding alone may differ (RFC 2409 appendix A)."""
    told = (
        (a.type, a.value if isinstance(a.value, int) else int.from_bytes(a.value, "big"))
        for a in transform.attributes
    )
    return transform.id, sorted(told, key=lambda value: value[0])


class IpsecSaIsRenewed(Case):
    """A peer that renews its IPsec SA by another Quick Mode under the same ISAKMP SA is served."""

    requirements = ("CISCO-RO-07", "CISCO-RO-06", "RFC2409-4-07")
    deviants = ("v1-one-quick-mode-each",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("A12",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(mark="made")
        old = alice.isakmp.child
        yield from alice.quick_mode(mark="renewed")
        if old is not None:
            yield from alice.surely(alice.delete_v1(old))

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.SecurityAssociation), "the first IPsec SA").is_present()
        yield given(trace.marked("renewed"), "the Quick Mode that renews it").is_present()
        renewed = trace.reply_to("renewed").find(v1.SecurityAssociation)
        yield that(renewed, "the second IPsec SA").is_present()
        spis = [trace.reply_to(mark).find(v1.SecurityAssociation) for mark in ("made", "renewed")]
        yield that(spis[1].proposals[0].spi, "its SPI").satisfies(
            lambda spi: spi != spis[0].proposals[0].spi.value, "is not the first one's"
        )


class IsakmpSaIsRenewed(Case):
    """A peer that renews its ISAKMP SA by another Main Mode is served, and so is a Quick Mode under the new one."""

    requirements = ("CISCO-RO-07", "CISCO-RO-06", "RFC2408-4.3-01")
    deviants = ("v1-keeps-to-its-first-isakmp-sa",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("A12", "B07")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield from alice.quick_mode()
        old = alice.isakmp
        yield alice.main_mode_1(mark="renewed")
        yield alice.main_mode_3()
        yield alice.main_mode_5()
        yield from alice.quick_mode(mark="quick")
        yield from alice.surely(alice.delete_v1(old))

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the first ISAKMP SA").is_present()
        yield given(trace.marked("renewed"), "the Main Mode that renews it").is_present()
        renewed = trace.reply_to("renewed").find(v1.SecurityAssociation)
        yield that(renewed, "an answer to the second Main Mode").is_present()
        if trace.marked("quick").present:
            served = trace.reply_to("quick").find(v1.SecurityAssociation)
            yield that(served, "an IPsec SA under the new ISAKMP SA").is_present()
