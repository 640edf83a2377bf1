"""RFC 2407 section 4.6.3: RESPONDER-LIFETIME as it must look, and INITIAL-CONTACT that must not count."""

from harness.case import Case, Configuration, Findings, Initiator, Script, Trace, given, that
from harness.codes import Doi, NotifyTypeV1, Protocol
from harness.wire import Message, replace, v1

COOKIES_OCTETS = 16


def _longer(configuration: Configuration) -> Configuration:
    """An initiator that would let IPsec SAs live twice as long as the responder."""
    hard = configuration.lifetimes.child_hard or 3600.0
    return configuration.with_lifetimes(child_hard=2 * hard)


class ResponderLifetime(Case):
    """A responder that tells its shorter lifetime tells it of its own SA, by a list of attributes."""

    requirements = ("RFC2407-4.6.3.1-01", "RFC2407-4.6.3.1-02", "RFC2407-4.5.4-03")
    deviants = ("v1-responder-lifetime-names-the-peers-spi",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("B08",)}

    def script(self, alice: Initiator) -> Script:
        alice.configuration = _longer(alice.configuration)
        yield from alice.main_mode()
        yield from alice.quick_mode(mark="quick")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("quick")
        chosen = answer.find(v1.SecurityAssociation).proposals[0]
        notify = answer.find(v1.Notify, NotifyTypeV1.RESPONDER_LIFETIME)
        yield given(chosen, "the IPsec SA accepted").is_present()
        yield given(notify, "RESPONDER-LIFETIME, which is the responder's to send or not").is_present()
        yield that(notify.doi, "its domain of interpretation").equals(int(Doi.IPSEC))
        yield that(notify.protocol, "its protocol").equals(chosen.protocol.value)
        cookies = answer.then(lambda seen: (seen.spi_i or b"") + (seen.spi_r or b""))
        yield that(notify.spi, "its SPI").is_one_of(chosen.spi.value, cookies.value)
        yield that(notify.data.then(len), "the length of its attributes").satisfies(
            lambda octets: octets >= 8, "is enough for a type and a duration"
        )


def _contact(message: Message) -> Message:
    """The message with INITIAL-CONTACT behind its payloads."""
    spi = message.spi_i + message.spi_r
    notify = v1.Notify(Doi.IPSEC, Protocol.IKE, NotifyTypeV1.INITIAL_CONTACT, spi, b"")
    return replace(message, payloads=(*message.payloads, notify))


class _OlderSaStays(Case):
    """An ISAKMP SA that serves although somebody has said INITIAL-CONTACT."""

    def judge(self, trace: Trace) -> Findings:
        yield given(
            trace.reply_to("before").find(v1.SecurityAssociation), "the older SA, serving"
        ).is_present()
        yield given(trace.marked("probe"), "INITIAL-CONTACT").is_present()
        yield given(trace.marked("after"), "a Quick Mode under the older SA").is_present()
        after = trace.reply_to("after").find(v1.SecurityAssociation)
        yield that(after, "the IPsec SA asked for under the older ISAKMP SA").is_present()


class InitialContactInClear(_OlderSaStays):
    """INITIAL-CONTACT in clear ends no other SA of the peer."""

    requirements = ("RFC2407-4.6.3-01", "RFC2407-4.6.3.3-04", "RFC2408-5.14-06")
    deviants = ("v1-heeds-initial-contact-in-clear",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K18",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        older = alice.isakmp
        yield from alice.main_mode()
        newer = alice.isakmp
        alice.isakmp = older
        yield from alice.quick_mode(mark="before")
        alice.isakmp = newer
        yield from alice.surely(alice.initial_contact(sealed=False, mark="probe"))
        alice.isakmp = older
        yield from alice.quick_mode(mark="after")


class InitialContactInAggressiveMode(_OlderSaStays):
    """INITIAL-CONTACT in the first message of Aggressive Mode ends no other SA: nobody has proved anything yet."""

    requirements = ("RFC2407-4.6.3.3-04", "RFC2407-4.6.3-02")
    deviants = ("v1-heeds-initial-contact-in-aggressive-mode",)
    needs = frozenset({"v1-aggressive"})
    also = {"spec": ("K18",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        older = alice.isakmp
        yield from alice.quick_mode(mark="before")
        yield alice.aggressive_mode_1(change=_contact, mark="probe")
        alice.isakmp = older
        yield from alice.quick_mode(mark="after")
