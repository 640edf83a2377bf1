"""RFC 5723: sessions that are resumed by a ticket, without a new key exchange."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

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
    Steps,
    Trace,
    Weight,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import CfgAttribute, Exchange, NotifyType
from harness.profile import AddressPool, Identity, Mobility, Tickets
from harness.wire import Message, Payload, v2
from harness.wire import replace as replace_message
from harness.wire.v2.notify_data import TicketWithLifetime, read

NEEDS = frozenset({"resumption"})
KEY = bytes(range(32))
SHORT_S = 15.0
"""How long a ticket is good for that is to expire."""
MANY = 1_000_000_000
"""So many seconds is no finite time."""
REQUEST = v2.Notify(notify_type=NotifyType.TICKET_REQUEST)
ANSWERS = (NotifyType.TICKET_LT_OPAQUE, NotifyType.TICKET_ACK, NotifyType.TICKET_NACK)


def _tickets(lifetime: float = 3_600.0) -> Callable[[Configuration], Configuration]:
    """Any client that knows the key may come, and gets tickets."""
    return lambda configuration: replace(configuration, tickets=Tickets(KEY, lifetime), remote_id=None)


def _ticket(answer: Observed[Seen]) -> Observed[TicketWithLifetime]:
    """The ticket in an answer."""
    given_out = answer.find(v2.Notify, NotifyType.TICKET_LT_OPAQUE)
    return given_out.then(lambda n: read(TicketWithLifetime, n.data), "it is no lifetime and ticket")


def _accepted(answer: Observed[Seen]) -> Observed[Seen]:
    """An answer to IKE_SESSION_RESUME that takes the ticket."""
    return answer.then(
        lambda seen: seen if any(isinstance(p, v2.Nonce) for p in seen.payloads) else None,
        "the ticket was not taken",
    )


class _WithTicket(Case):
    """A client that has a ticket."""

    needs = NEEDS
    settings = staticmethod(_tickets())

    def connects(self, alice: Initiator, *extra: Payload) -> Steps:
        """IKE_SA_INIT and IKE_AUTH with TICKET_REQUEST."""
        yield from alice.ike_sa_init()
        return (yield alice.ike_auth(REQUEST, *extra, mark="first"))

    def judge(self, trace: Trace) -> Findings:
        yield given(_ticket(trace.reply_to("first")), "a ticket").is_present()


class TicketRequestIsAnswered(_WithTicket):
    """TICKET_REQUEST in IKE_AUTH is answered by a ticket of a finite lifetime, TICKET_ACK or TICKET_NACK, beside all else."""

    requirements = ("RFC5723-4.1-04", "RFC5723-4.1-06", "RFC5723-7-01", "RFC5723-6.2-05")
    deviants = ("passes-ticket-requests-over", "gives-tickets-for-ever", "gives-a-ticket-in-place-of-a-child")

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("first")
        yield given(first.find(v2.Authentication), "the responder's AUTH").is_present()
        said = first.all(v2.Notify).then(lambda all_: [n for n in all_ if n.notify_type in ANSWERS] or None)
        yield that(said.then(len), "the number of answers to TICKET_REQUEST").equals(1)
        about = said[0].then(lambda n: (n.protocol, n.spi))
        yield that(about, "its Protocol ID and SPI", requirement="RFC5723-7-01").equals((0, b""))
        child = first.find(v2.SecurityAssociation)
        yield that(child, "the child beside it", requirement="RFC5723-4.1-06").is_present()
        ticket = _ticket(first)
        if ticket.present:
            finite = ticket.lifetime.then(lambda seconds: 0 < seconds < MANY)
            yield that(finite, "a finite lifetime", requirement="RFC5723-6.2-05").equals(True)


class SessionIsResumed(_WithTicket):
    """A ticket makes an IKE SA under new SPIs and fresh keys, with a child and, for who asks, another ticket."""

    requirements = (
        "RFC5723-4.3.2-05",
        "RFC5723-5-05",
        "RFC5723-4.3.3-02",
        "RFC5723-5.1-01",
        "RFC5723-4.3.3-04",
    )
    deviants = (
        "resumes-under-the-old-spi",
        "proves-a-resumed-session-by-the-shared-key",
        "shows-certificates-in-resumption",
    )
    also = {"spec": ("L08",)}

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield from alice.resume(mark="resume")
        yield alice.ike_auth(REQUEST, mark="again")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        asked, answer = trace.marked("resume"), trace.outcome_of("resume")
        yield given(_accepted(answer), "an answer that takes the ticket").is_present()
        yield that(answer.exchange, "its exchange type").equals(Exchange.IKE_SESSION_RESUME)
        yield that(answer.spi_i, "its initiator SPI").equals(asked.spi_i.value)
        old = trace.reply_to("first").spi_r.value
        fresh = answer.spi_r.then(lambda spi: spi not in (bytes(8), old))
        yield that(fresh, "a responder SPI that is new", requirement="RFC5723-5-05").equals(True)
        again = trace.reply_to("again")
        yield that(
            again.find(v2.Authentication), "the responder's AUTH", requirement="RFC5723-4.3.3-02"
        ).is_present()
        believed = trace.observations("the target is believed")
        yield given(believed, "a look at it").is_present()
        outcome = that(believed[0].outcome, "what the client made of it", requirement="RFC5723-4.3.3-02")
        yield outcome.equals(True)
        shown = again.find(v2.Certificate)
        yield that(shown, "a CERT in the response", requirement="RFC5723-4.3.3-04").is_absent()
        alive = protected(trace.replies_to("alive"))
        yield that(alive, "a sign of life under the new keys", requirement="RFC5723-5.1-01").is_present()


class BadTicket(_WithTicket):
    """A ticket that is cut, altered or somebody else's is refused by TICKET_NACK in clear, and makes nothing."""

    requirements = ("RFC5723-4.3.2-04", "RFC5723-6.1-01")
    deviants = ("is-silent-on-bad-tickets",)
    also = {"spec": ("L08",)}

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        ticket = alice.ike.ticket
        if ticket is None:
            return
        good = ticket.octets
        bad = {
            "foreign": b"a ticket of some other gateway, as long as one may be",
            "cut": good[: len(good) // 2],
            "altered": good[:-1] + bytes([good[-1] ^ 1]),
            "altered early": bytes([good[0] ^ 1]) + good[1:],
        }
        for name, octets in bad.items():
            yield from alice.resume(ticket=ticket, octets=octets, mark=name)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        for name in ("foreign", "cut", "altered", "altered early"):
            answer = trace.outcome_of(name)
            yield given(trace.marked(name), f"the ticket that is {name}").is_present()
            yield that(_accepted(answer), f"an answer that takes the ticket that is {name}").is_absent()
            refused = answer.find(v2.Notify, NotifyType.TICKET_NACK)
            yield that(refused, f"TICKET_NACK for the ticket that is {name}").is_present()


class TicketServesOnce(_WithTicket):
    """A ticket that has made an IKE SA is refused."""

    requirements = ("RFC5723-4.3.1-04", "RFC5723-9.10-02")
    deviants = ("takes-tickets-twice",)
    also = {"spec": ("L08",)}

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        ticket = alice.ike.ticket
        yield from alice.resume(mark="once")
        yield alice.ike_auth(mark="again")
        yield from alice.resume(ticket=ticket, mark="twice")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.reply_to("again").find(v2.Authentication), "a resumed session").is_present()
        answer = trace.outcome_of("twice")
        yield given(answer, "an answer to the ticket's second use").is_present()
        taken = that(_accepted(answer), "an answer that takes the ticket again", weight=Weight.SHOULD)
        yield taken.is_absent()


class TicketIsUsedByIkeAuth(_WithTicket):
    """A ticket that was shown and made no IKE SA is good for another try."""

    requirements = ("RFC5723-4.3.1-05",)
    deviants = ("spends-tickets-at-once",)

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        ticket = alice.ike.ticket
        yield from alice.resume(mark="given up")
        yield from alice.resume(ticket=ticket, mark="resume")
        yield alice.ike_auth(mark="again")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(_accepted(trace.outcome_of("given up")), "the first try").is_present()
        yield that(_accepted(trace.outcome_of("resume")), "an answer that takes the ticket").is_present()


class _Impostor(_WithTicket):
    """Somebody who has a ticket, and something wrong with it."""

    def proves(self, alice: Initiator) -> Script:
        """The IKE_AUTH."""
        raise NotImplementedError

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield from alice.resume(mark="resume")
        yield from self.proves(alice)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(_accepted(trace.outcome_of("resume")), "an answer that takes the ticket").is_present()
        yield given(trace.marked("again"), "the IKE_AUTH").is_present()
        yield that(trace.reply_to("again").find(v2.Authentication), "the responder's AUTH").is_absent()


class TicketIsForOneIdentity(_Impostor):
    """A ticket makes no IKE SA for another identity than the one it was given to."""

    requirements = ("RFC5723-4.3.3-03",)
    deviants = ("resumes-for-anybody",)

    def proves(self, alice: Initiator) -> Script:
        yield alice.ike_auth(identity=Identity("fqdn", "somebody.else.example"), due=False, mark="again")


class ResumptionIsProved(_Impostor):
    """A wrong AUTH in a resumed session makes no IKE SA."""

    requirements = ("RFC5723-4.3.3-02",)
    deviants = ("takes-any-auth-in-resumption",)
    also = {"spec": ("L08",)}

    def proves(self, alice: Initiator) -> Script:
        yield alice.ike_auth(change=_wrong_auth, due=False, mark="again")


def _wrong_auth(message: Message) -> Message:
    """The message with the last bit of its AUTH data flipped."""
    payloads = (_flipped(p) if isinstance(p, v2.Authentication) else p for p in message.payloads)
    return replace_message(message, payloads=tuple(payloads))


def _flipped(auth: v2.Authentication) -> v2.Authentication:
    return replace_message(auth, data=auth.data[:-1] + bytes([auth.data[-1] ^ 1]))


class IkeAuthMustFollow(_WithTicket):
    """After IKE_SESSION_RESUME nothing is served before IKE_AUTH."""

    requirements = ("RFC5723-4.3.2-02", "RFC5723-4.3.2-01")
    deviants = ("serves-before-authentication",)

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield from alice.resume(mark="resume")
        yield from alice.create_child(due=False, hostile=True, mark="early")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(_accepted(trace.outcome_of("resume")), "an answer that takes the ticket").is_present()
        yield given(trace.marked("early"), "a CREATE_CHILD_SA in place of IKE_AUTH").is_present()
        yield that(trace.reply_to("early").find(v2.SecurityAssociation), "a child").is_absent()


class OldSessionGoesSilently(_WithTicket):
    """When a session is resumed whose IKE SA still stands, that one is gone, without a Delete."""

    requirements = ("RFC5723-4.3.4-01",)
    deviants = ("keeps-the-session-that-was-resumed", "deletes-the-session-that-was-resumed-aloud")
    also = {"spec": ("L08",)}
    wait_s = 5.0

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        old = alice.ike
        yield from alice.resume(mark="resume")
        yield alice.ike_auth(mark="again")
        yield Elapse(self.wait_s)
        yield alice.liveness(sa=old, due=False, mark="old")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.reply_to("again").find(v2.Authentication), "a resumed session").is_present()
        yield given(trace.marked("old"), "a question on the old IKE SA").is_present()
        lives = that(
            protected(trace.replies_to("old")), "a sign of life on the old IKE SA", weight=Weight.SHOULD
        )
        yield lives.is_absent()
        yield that(ended_by_target(trace), "a Delete of it", weight=Weight.SHOULD).is_absent()


class TicketExpires(_WithTicket):
    """A ticket is refused when its lifetime is over."""

    requirements = ("RFC5723-6.1-06", "RFC5723-4.3.1-02")
    deviants = ("takes-expired-tickets",)
    settings = staticmethod(_tickets(SHORT_S))
    wait_s = 2 * SHORT_S
    also = {"spec": ("L08",)}

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield Elapse(self.wait_s)
        yield from alice.resume(mark="late")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        lifetime = _ticket(trace.reply_to("first")).lifetime
        over = lifetime.then(lambda seconds: seconds < self.wait_s)
        yield given(over, "whether its lifetime is over by then").equals(True)
        answer = trace.outcome_of("late")
        yield given(answer, "an answer to it").is_present()
        yield that(_accepted(answer), "an answer that takes the ticket").is_absent()


class TicketWithARekey(_WithTicket):
    """A ticket that is asked for in the rekey of the IKE SA resumes the new one."""

    requirements = ("RFC5723-4.1-02", "RFC5723-5.1-01")
    deviants = ("gives-no-ticket-with-a-rekey",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield from alice.rekey_ike(REQUEST, mark="first")
        yield from alice.resume(mark="resume")
        yield alice.ike_auth(mark="again")

    def judge(self, trace: Trace) -> Findings:
        rekey = trace.outcome_of("first")
        yield given(rekey.find(v2.SecurityAssociation), "a rekey of the IKE SA").is_present()
        said = rekey.all(v2.Notify).then(lambda all_: [n for n in all_ if n.notify_type in ANSWERS] or None)
        yield that(said, "an answer to TICKET_REQUEST").is_present()
        if _ticket(rekey).present:
            again = trace.reply_to("again").find(v2.Authentication)
            yield that(again, "a session resumed by it", requirement="RFC5723-5.1-01").is_present()


class MobikeIsAgreedAnew(_WithTicket):
    """Whether there is MOBIKE is agreed in the resumed session, whatever was agreed before."""

    requirements = ("RFC5723-5-09",)
    deviants = ("resumes-mobike-as-well",)
    needs = frozenset({"resumption", "mobike"})
    also = {"spec": ("L13",)}

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        return replace(_tickets()(configuration), mobility=Mobility())

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth_mobile(REQUEST, mark="first")
        yield from alice.resume(mark="resume")
        yield alice.ike_auth(mark="again")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        agreed = trace.reply_to("first").find(v2.Notify, NotifyType.MOBIKE_SUPPORTED)
        yield given(agreed, "MOBIKE of the first session").is_present()
        again = trace.reply_to("again")
        yield given(again.find(v2.Authentication), "a resumed session").is_present()
        yield that(again.find(v2.Notify, NotifyType.MOBIKE_SUPPORTED), "MOBIKE_SUPPORTED").is_absent()


class EarlierAddress(_WithTicket):
    """A client that resumes its session gets the inner address again that it had, if it asks for it."""

    requirements = ("RFC5723-5-06",)
    deviants = ("gives-resumed-clients-another-address",)
    needs = frozenset({"resumption", "inner-addresses"})

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        return replace(_tickets()(configuration), pool=AddressPool("10.77.0.0/29"))

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        wanted = CfgAttribute.INTERNAL_IP4_ADDRESS
        yield alice.ike_auth(REQUEST, before=(alice.cfg_request(wanted),), mark="first")
        had = ip_address(alice.inner_address).packed if alice.inner_address else b""
        yield from alice.resume(mark="resume")
        yield alice.ike_auth(before=(alice.cfg_request((wanted, had)),), mark="again")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        had, has = (_address(trace.reply_to(mark)) for mark in ("first", "again"))
        yield given(had, "an inner address in the first session").is_present()
        yield given(has, "an inner address in the resumed one").is_present()
        yield that(has, "the address of the resumed session", weight=Weight.SHOULD).equals(had.value)


def _address(answer: Observed[Seen]) -> Observed[bytes]:
    """The inner address that an answer gives."""
    return answer.find(v2.Configuration).then(
        lambda cp: next((a.value for a in cp.attributes if a.type == CfgAttribute.INTERNAL_IP4_ADDRESS), None)
    )
