"""RFC 9329: IKE and ESP over TCP connections to the target's port of NAT traversal."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Observed,
    Script,
    Seen,
    Trace,
    given,
    protected,
    that,
)
from harness.codes import NotifyType
from harness.profile import Fragments
from harness.sa.v2 import nat_detection
from harness.wire import Message, v2
from harness.wire import replace as replace_message

NEEDS = frozenset({"tcp-encapsulation"})
OTHER_PORTS = (41_500, 41_501)


def _moved(alice: Initiator, port: int) -> None:
    """From now on this end's messages go over a connection from another port."""
    alice.local_natt = alice.local_natt._replace(port=port)
    alice.ike.local = alice.local_natt


class _OverTcp(Case):
    """Alice speaks TCP."""

    needs = NEEDS

    def script(self, alice: Initiator) -> Script:
        yield alice.speaks_tcp()
        yield from self.says(alice)

    def says(self, alice: Initiator) -> Script:
        """What she says."""
        yield from alice.connect(mark="auth")

    def connected(self, trace: Trace) -> Findings:
        """The premise: an IKE SA."""
        yield given(trace.reply_to("auth").find(v2.Authentication), "an IKE SA over TCP").is_present()


class IkeSaComesUpOverTcp(_OverTcp):
    """IKE_SA_INIT and IKE_AUTH over a connection make an IKE SA that answers there; NAT detection is of the TCP ports."""

    requirements = ("RFC9329-5-03", "RFC9329-6.7-03", "RFC9329-6.5-01", "RFC9329-6.5-02")
    deviants = ("answers-tcp-by-udp", "detects-no-nats-over-tcp")

    def says(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        init = trace.outcome_of("init")
        yield that(init.find(v2.KeyExchange), "a full response").is_present()
        if not init.present:
            return
        yield that(init.over_tcp, "whether it came over TCP").equals(True)
        yield that(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()
        alive = protected(trace.replies_to("alive"))
        yield that(alive, "a sign of life over TCP", requirement="RFC9329-6.7-03").is_present()
        seen = init.find(v2.Notify, NotifyType.NAT_DETECTION_DESTINATION_IP)
        yield that(seen, "NAT detection over TCP", requirement="RFC9329-6.5-01").is_present()
        if seen.present:
            yield that(seen.data, "its hash of our end", requirement="RFC9329-6.5-02").equals(_hash(init))


def _hash(init: Observed[Seen]) -> bytes:
    answer = init.value
    assert answer is not None
    assert answer.header is not None
    there = answer.destination
    return nat_detection(answer.header.spi_i, answer.header.spi_r, there.address, there.port)


class AnSaOutlivesItsConnection(_OverTcp):
    """Over a new connection from another port an IKE SA goes on, and is answered there."""

    requirements = ("RFC9329-6.1-07", "RFC9329-6.1-06", "RFC9329-6.1-19")
    deviants = ("answers-over-the-first-connection-alone",)

    def says(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        _moved(alice, OTHER_PORTS[0])
        yield alice.liveness(mark="there")

    def judge(self, trace: Trace) -> Findings:
        yield from self.connected(trace)
        there = protected(trace.replies_to("there"))
        yield that(there, "an answer over the new connection").is_present()
        yield that(there.destination.then(lambda end: end.port), "its port").equals(OTHER_PORTS[0])


class ARepetitionIsAnsweredWhereItCame(_OverTcp):
    """A request that is repeated over a new connection gets the stored response there."""

    requirements = ("RFC9329-6.2-03",)
    deviants = ("answers-over-the-first-connection-alone", "reseals-a-repeated-response")

    def says(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        request = alice.liveness(mark="once")
        yield request
        yield replace(request, source=request.source._replace(port=OTHER_PORTS[1]), mark="again")

    def judge(self, trace: Trace) -> Findings:
        yield from self.connected(trace)
        once, again = protected(trace.replies_to("once")), trace.replies_to("again")
        yield given(once, "the first response").is_present()
        late = again.then(lambda seen: next((s for s in seen if s.destination.port == OTHER_PORTS[1]), None))
        yield that(late, "the response over the new connection").is_present()
        yield that(late.then(lambda seen: seen.octets), "its octets").equals(once.octets.value)


class AConnectionIsForOneIkeSa(_OverTcp):
    """A second IKE SA is not begun on a connection that has one."""

    requirements = ("RFC9329-6.1-11",)
    deviants = ("takes-several-ike-sas-on-a-connection",)

    def says(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield from alice.ike_sa_init(due=False, mark="second")

    def judge(self, trace: Trace) -> Findings:
        yield from self.connected(trace)
        second = trace.reply_to("second").find(v2.KeyExchange)
        yield that(second, "a full response to a second IKE_SA_INIT").is_absent()


class NoCookieAlone(_OverTcp):
    """Where a cookie would be demanded over UDP, a request over TCP gets none without a puzzle."""

    requirements = ("RFC9329-6.3-01",)
    deviants = ("demands-cookies-over-tcp",)
    needs = NEEDS | {"cookies"}

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        """A target that demands cookies at once."""
        return replace(configuration, cookie_threshold=0)

    def says(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(follow=False, mark="init")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("init")
        yield given(answer, "an answer").is_present()
        puzzle = answer.find(v2.Notify, NotifyType.PUZZLE)
        yield given(puzzle, "a puzzle beside it").is_absent()
        yield that(answer.find(v2.Notify, NotifyType.COOKIE), "a cookie alone").is_absent()


class NatsAreNotRefused(_OverTcp):
    """A NAT that is detected changes nothing: what follows stays on the connection."""

    requirements = ("RFC9329-6.5-03",)
    deviants = ("answers-tcp-by-udp",)

    def says(self, alice: Initiator) -> Script:
        def elsewhere(message: Message) -> Message:
            bent = tuple(
                replace_message(each, data=bytes(20))
                if isinstance(each, v2.Notify) and each.notify_type == NotifyType.NAT_DETECTION_SOURCE_IP
                else each
                for each in message.payloads
            )
            return replace_message(message, payloads=bent)

        yield from alice.ike_sa_init(change=elsewhere, due=True, mark="init")
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "a full response").is_present()
        auth = trace.reply_to("auth")
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(auth.over_tcp, "whether it came over TCP").equals(True)


class NoFragmentsAreSent(_OverTcp):
    """Where fragmentation is agreed on, a large response over TCP is whole all the same; a fragmented request is served."""

    requirements = ("RFC9329-7.5-01", "RFC9329-7.5-02")
    deviants = ("sends-fragments-over-tcp",)

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        """A target that sends nothing large in one piece."""
        return replace(configuration, fragments=Fragments(size=160))

    def says(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(pieces=3, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        told = trace.outcome_of("init").find(v2.Notify, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)
        yield given(told, "fragmentation agreed on").is_present()
        auth = trace.reply_to("auth")
        served = that(auth.find(v2.Authentication), "the responder's AUTH", requirement="RFC9329-7.5-02")
        yield served.is_present()
        parts = auth.then(lambda seen: max(1, len(seen.parts)))
        yield that(parts, "the pieces of its message").equals(1)
