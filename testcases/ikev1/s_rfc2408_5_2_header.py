"""RFC 2408 sections 5.2 to 5.4: headers and offers that are not to be processed."""

from collections.abc import Callable

from harness.case import Case, Findings, Initiator, Script, Trace, given, that
from harness.codes import Exchange
from harness.wire import Message, replace, v1

SILENCE_S = 2.0
"""How long an answer is waited for that must not come."""
NO_SUCH_FLAG = 0x40
NO_SUCH_EXCHANGE = 9
"""In the range that RFC 2408 section 3.1 keeps for later."""
NO_SUCH_DOI = 99
NO_SUCH_SITUATION = 0x80


class _StartsNothing(Case):
    """A first message with something in it that makes it void; a notify may answer it, a Main Mode must not begin."""

    needs = frozenset({"v1-main"})
    change: Callable[[Message], Message]

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(change=type(self).change, mark="probe", wait=SILENCE_S)
        yield alice.main_mode_1(mark="honest")

    def judge(self, trace: Trace) -> Findings:
        probe = trace.marked("probe")
        yield given(probe, "the first message").is_present()
        honest = trace.reply_to("honest").find(v1.SecurityAssociation)
        yield given(honest, "an answer to an honest first message").is_present()
        begun = trace.from_target().then(
            lambda seen: (
                [
                    s
                    for s in seen
                    if s.spi_i == probe.value.spi_i
                    and any(s.spi_r)
                    and s.exchange != Exchange.INFORMATIONAL_V1
                ]
                or None
            )
        )
        yield that(begun, "an exchange begun").is_absent()


class UnknownFlags(_StartsNothing):
    """A first message with a flag that does not exist begins nothing."""

    requirements = ("RFC2408-5.2-15", "RFC2408-3.1-12")
    deviants = ("v1-ignores-flags",)
    also = {"spec": ("J09",)}

    @staticmethod
    def change(message: Message) -> Message:
        """A flag beyond Encryption, Commit and Authentication Only."""
        return replace(message, flags=NO_SUCH_FLAG)


class MessageIdInPhase1(_StartsNothing):
    """A first message with a Message ID begins nothing."""

    requirements = ("RFC2408-5.2-18", "RFC2408-3.1-27")
    deviants = ("v1-ignores-message-ids-of-phase-1",)
    also = {"spec": ("J22",)}

    @staticmethod
    def change(message: Message) -> Message:
        """A Message ID, which phase 1 has none of."""
        return replace(message, message_id=7)


class UnknownExchange(_StartsNothing):
    """A first message of an exchange type that does not exist begins nothing."""

    requirements = ("RFC2408-5.2-12", "RFC2408-3.1-11")
    deviants = ("v1-takes-any-exchange-for-main-mode",)
    also = {"spec": ("J09",)}

    @staticmethod
    def change(message: Message) -> Message:
        """An exchange type that nobody has defined."""
        return replace(message, exchange=NO_SUCH_EXCHANGE)


class ReservedField(_StartsNothing):
    """A first message with a reserved octet set in a payload header begins nothing."""

    requirements = ("RFC2408-5.3-06", "RFC2408-2.5.2-02")
    deviants = ("v1-ignores-reserved-fields",)
    also = {"spec": ("J09",)}

    @staticmethod
    def change(message: Message) -> Message:
        """The octet between Next Payload and Payload Length is not zero."""
        first, *others = message.payloads
        return replace(message, payloads=(replace(first, flags=1), *others))


def _offering(message: Message, **changes: int) -> Message:
    """The message with another domain of interpretation or situation in its SA payload."""
    return replace(
        message,
        payloads=tuple(
            replace(p, **changes) if isinstance(p, v1.SecurityAssociation) else p for p in message.payloads
        ),
    )


class UnknownDomain(_StartsNothing):
    """An offer in a domain of interpretation that does not exist begins nothing."""

    requirements = ("RFC2408-5.4-03",)
    deviants = ("v1-takes-any-domain",)
    also = {"spec": ("K12",), "cve": ("CVE-2015-3204",)}

    @staticmethod
    def change(message: Message) -> Message:
        """A domain of interpretation that nobody has defined."""
        return _offering(message, doi=NO_SUCH_DOI)


class UnknownSituation(_StartsNothing):
    """An offer for a situation that does not exist begins nothing."""

    requirements = ("RFC2408-5.4-06", "RFC2407-4.2-01")
    deviants = ("v1-takes-any-domain",)
    also = {"spec": ("K12",), "cve": ("CVE-2015-3204",)}

    @staticmethod
    def change(message: Message) -> Message:
        """A bit of the situation that nobody has defined."""
        return _offering(message, situation=NO_SUCH_SITUATION)
