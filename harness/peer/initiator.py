"""A whole end of a tunnel, sans-IO: it plays what a script says and by itself answers what the target starts."""

from harness.clock import Entropy
from harness.peer.end import Received
from harness.peer.v1.answers import AnswersV1
from harness.peer.v1.sa import IsakmpSa
from harness.peer.v2.answers import AnswersV2
from harness.peer.v2.sa import IkeSa
from harness.profile import Configuration
from harness.wire import Datagram, Endpoint, Kind, NotIke, decode, demultiplex


class Initiator(AnswersV2, AnswersV1):
    """A scripted peer, initiator by default; its steps give actions for a script to yield.

    `configuration` is seen from this end: mirrored already. The same entropy and the same datagrams give the
    same octets. `now` is in seconds of the link's clock. Nothing that comes in makes it raise.
    """

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        entropy: Entropy,
        local: Endpoint,
        local_natt: Endpoint,
        remote: Endpoint,
        remote_natt: Endpoint,
        elsewhere: str | None = None,
    ) -> None:
        super().__init__(name, configuration, entropy, local, local_natt, remote, remote_natt, elsewhere)
        self.ike = IkeSa()
        self.ike_sas = {}
        self.isakmp = IsakmpSa()
        self.isakmp_sas = {}
        self.flows = {}
        self.quick = None
        self.user = None
        self.heard_at: float | None = None

    def __repr__(self) -> str:
        return f"Initiator({self.name}, {self.local})"

    def receive(self, datagram: Datagram, now: float) -> Received:
        """What to send for this datagram, and the message in it with its sealed payloads opened."""
        self.heard_at = now
        kind, octets = demultiplex(datagram, nat_ports=frozenset({self.local_natt.port}))
        if kind is Kind.ESP:
            return self.receive_packet(datagram, octets)
        if kind is not Kind.IKE:
            return Received(why=f"it is {kind}")
        message = decode(octets)
        if isinstance(message, NotIke):
            return Received(why=message.why)
        if message.major == 1:
            return self.receive_v1(datagram, octets, message)
        if message.major == 2:
            return self.receive_v2(datagram, octets, message)
        return Received(message=message, why=f"version {message.major} is not spoken")
