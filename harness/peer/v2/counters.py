"""What the peer agrees on in IKE_AUTH about counters: windows (RFC 7296 section 2.3) and their synchronisation (RFC 6311)."""

from harness.codes import NotifyType, Protocol
from harness.peer.packets import CarriesPackets
from harness.peer.v2.sa import IkeSa
from harness.wire import Message, Payload, v2

MESSAGE_IDS = NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED
REPLAY_COUNTERS = NotifyType.IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED


def _notify(kind: int, data: bytes = b"") -> v2.Notify:
    return v2.Notify(Protocol.NONE, kind, b"", data)


def counters(nonce: bytes, sends: int, expects: int) -> v2.Notify:
    """IKEV2_MESSAGE_ID_SYNC: the Message IDs that its sender will use, and expects, next (RFC 6311 section 6.3)."""
    data = nonce + sends.to_bytes(4, "big") + expects.to_bytes(4, "big")
    return _notify(NotifyType.IKEV2_MESSAGE_ID_SYNC, data)


class CountsV2(CarriesPackets):
    """Windows and counters of this end's IKE SAs."""

    def told_of_counters(self, sa: IkeSa) -> tuple[Payload, ...]:
        """SET_WINDOW_SIZE if this end keeps more than one request, and what it can synchronise."""
        return (*self.promise(sa), *map(_notify, self._synchronisable()))

    def promise(self, sa: IkeSa) -> tuple[Payload, ...]:
        """SET_WINDOW_SIZE, if this end is configured to keep more than one request."""
        sa.promised = self.configuration.exchanges.window
        size = sa.promised.to_bytes(4, "big")
        return () if sa.promised == 1 else (_notify(NotifyType.SET_WINDOW_SIZE, size),)

    def heard_of_counters(self, sa: IkeSa, message: Message) -> tuple[Payload, ...]:
        """Remember what both ends can synchronise; the notifies that say so."""
        both = [kind for kind in self._synchronisable() if message.find(v2.Notify, kind) is not None]
        sa.syncs_message_ids, sa.syncs_replay_counters = MESSAGE_IDS in both, REPLAY_COUNTERS in both
        return tuple(map(_notify, both))

    def _synchronisable(self) -> tuple[int, ...]:
        cluster = self.configuration.cluster
        if cluster is None:
            return ()
        wanted = ((cluster.message_ids, MESSAGE_IDS), (cluster.replay_counters, REPLAY_COUNTERS))
        return tuple(kind for configured, kind in wanted if configured)

    def synchronised(self, sa: IkeSa, request: Message) -> tuple[Payload, ...] | str:
        """The answer to a target that was taken over by another member of its cluster, or why there is none (section 5.1)."""
        asked = request.find(v2.Notify, NotifyType.IKEV2_MESSAGE_ID_SYNC)
        if asked is None or len(asked.data) != 12:
            return "it synchronises nothing"
        member, ours = int.from_bytes(asked.data[4:8], "big"), int.from_bytes(asked.data[8:], "big")
        highest = max((sa.expected_message_id - 1, *sa.served))
        if member <= highest:
            return f"it would use Message ID {member}, and {highest} was seen"
        used = max((sa.next_message_id, *(number + 1 for number in sa.unanswered)))
        sa.expected_message_id, sa.next_message_id = max(member, highest + 1), max(ours, used)
        sa.served, sa.answered, sa.unanswered = {}, set(), set()
        self.skip_numbers(sa, request)
        return (counters(asked.data[:4], sa.next_message_id, sa.expected_message_id),)

    def skip_numbers(self, sa: IkeSa, request: Message) -> None:
        """Raise what goes out on the Child SAs as the target's cluster asks for (section 5.2)."""
        asked = request.find(v2.Notify, NotifyType.IPSEC_REPLAY_COUNTER_SYNC)
        if asked is None or not sa.syncs_replay_counters:
            return
        for child in sa.children:
            flow = self.flows.get(child.spi_in)
            if flow is not None:
                flow.sent += int.from_bytes(asked.data, "big")
