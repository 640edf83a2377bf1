"""IKEv1 as the peer answers it: whatever the target starts is completed, by a responder that no other end shares."""

from collections.abc import Callable

from harness.codes import Exchange, NotifyTypeV1, Protocol
from harness.crypto import KeyExchange, UnsupportedAlgorithm
from harness.peer.end import Ask, Received
from harness.peer.v1.fragments import is_fragment, joined
from harness.peer.v1.nat import detection
from harness.peer.v1.offers import (
    TakenSuite,
    answerable,
    answered_suite,
    choose_phase1,
    phase2_answer,
    taken_phase2,
)
from harness.peer.v1.proofs import UNHASHED
from harness.peer.v1.quick import Quick
from harness.peer.v1.sa import Dialogue, IsakmpSa, Taken
from harness.peer.v1.steps import (
    NONCE_OCTETS,
    announced,
    dpd_notify,
    identification,
    shared_with,
)
from harness.peer.v1.transactions import TransactsV1
from harness.peer.v2.sa import State
from harness.sa.nat_traversal import form_of
from harness.sa.opened import Sealed
from harness.sa.v1 import (
    decrypt,
    exchange_iv,
    informational_hash,
    quick_hash1,
    quick_hash2,
    quick_hash3,
)
from harness.wire import Message, decode, replace, v1
from harness.wire.datagram import Datagram, frame

_PHASE_1 = {
    int(Exchange.IDENTITY_PROTECTION): Ask.MAIN_MODE,
    int(Exchange.AGGRESSIVE): Ask.AGGRESSIVE_MODE,
}
_PHASE_2 = frozenset({int(Exchange.QUICK_MODE), int(Exchange.INFORMATIONAL_V1), int(Exchange.TRANSACTION)})


class AnswersV1(TransactsV1):
    """What this end does with the datagrams of IKEv1 that come in."""

    def receive_v1(self, datagram: Datagram, octets: bytes, message: Message) -> Received:
        """Take the next message of an exchange, answer a new one, or repeat what answered an old one."""
        sa = self._isakmp_of(message)
        if is_fragment(message):
            return self._fragment_came(sa, datagram, message)
        if sa is None:
            return self._answer_phase1(datagram, octets, message)
        if message.exchange == Exchange.INFORMATIONAL_V1 and not message.encrypted:
            return self._clear_informational(sa, message)
        dialogue = sa.dialogues.get(message.message_id)
        if dialogue is not None and octets in dialogue.heard:
            return self._repeated(datagram, dialogue, octets)
        if dialogue is None or dialogue.exchange != message.exchange:
            return self._new_exchange(sa, datagram, octets, message)
        return self._next_message(sa, dialogue, datagram, octets, message)

    def _fragment_came(self, sa: IsakmpSa | None, datagram: Datagram, message: Message) -> Received:
        octets = None if sa is None else joined(sa, message)
        whole = None if octets is None else decode(octets)
        if octets is None or not isinstance(whole, Message) or is_fragment(whole):
            return Received(message=message, why="it is a fragment, and no whole message")
        return self.receive_v1(datagram, octets, whole)

    def _isakmp_of(self, message: Message) -> IsakmpSa | None:
        known = self.isakmp_sas.get(message.spi_i) or self.isakmp_sas.get(message.spi_r)
        if known is not None:
            return known
        theirs = (sa for sa in self.isakmp_sas.values() if not sa.initiated and sa.cky_i == message.spi_i)
        return next(theirs, None) if not any(message.spi_r) else None

    def _repeated(self, datagram: Datagram, dialogue: Dialogue, octets: bytes) -> Received:
        """The target did not get our last message, or the path doubled its own; a request of ours repeats itself."""
        message = dialogue.heard[octets]
        if not dialogue.said or octets != next(reversed(dialogue.heard)):
            return Received(message=message, why="it came before")
        return Received((self._return(datagram, dialogue.said),), message, why="it was answered before")

    def _return(self, datagram: Datagram, octets: bytes) -> Datagram:
        natt = datagram.destination.port == self.local_natt.port
        return Datagram(datagram.destination, datagram.source, frame(octets, natt))

    def _new_exchange(self, sa: IsakmpSa, datagram: Datagram, octets: bytes, message: Message) -> Received:
        """A phase 2, Informational or Transaction exchange that the target starts."""
        if message.exchange not in _PHASE_2 or sa.secrets is None or not message.encrypted:
            return Received(message=message, why="no such exchange is under way")
        if sa.state is State.CLOSED:
            return Received(message=message, why="the ISAKMP SA was deleted")
        number = message.message_id
        dialogue = Dialogue(message.exchange, number, exchange_iv(sa.secrets, sa.chain, number))
        dialogue.then = self._taker(sa, dialogue)
        received = self._next_message(sa, dialogue, datagram, octets, message)
        if dialogue.heard:
            sa.dialogues[number] = dialogue
        return received

    def _taker(self, sa: IsakmpSa, dialogue: Dialogue) -> Callable[[Message, bytes], Taken]:
        if dialogue.exchange == Exchange.QUICK_MODE:
            return lambda message, rest: self._quick_1_came(sa, dialogue, message, rest)
        if dialogue.exchange == Exchange.TRANSACTION:
            return lambda message, rest: self._transaction_asked(sa, dialogue, message, rest)
        return lambda message, rest: self._informational_came(sa, dialogue, message, rest)

    def _next_message(
        self, sa: IsakmpSa, dialogue: Dialogue, datagram: Datagram, octets: bytes, message: Message
    ) -> Received:
        if dialogue.then is None:
            return Received(message=message, why="the exchange is over")
        rest, chain = b"", (dialogue.iv, dialogue.spoke)
        if message.encrypted:
            if sa.secrets is None:
                return Received(message=message, why="there are no keys yet")
            opened, following = decrypt(octets, sa.secrets, dialogue.iv)
            if isinstance(opened, Sealed):
                return Received(message=message, why=opened.why)
            rest = opened.rest_after_hash
            message = replace(message, payloads=opened.payloads)
            dialogue.iv = following
        take, dialogue.then, dialogue.spoke = dialogue.then, None, False
        taken = take(message, rest)
        dialogue.why = taken.why or ""
        if not taken.counts:
            dialogue.then = take
            dialogue.iv, dialogue.spoke = chain
            return Received(message=message, why=taken.why)
        dialogue.heard[octets] = message
        if dialogue.message_id == 0 and not sa.initiated:  # RFC 3947 section 4: it may have floated to 4500
            sa.local, sa.remote = datagram.destination, datagram.source
            sa.natt = datagram.destination.port == self.local_natt.port
        return self._counted(dialogue, datagram, message, taken)

    def _counted(self, dialogue: Dialogue, datagram: Datagram, message: Message, taken: Taken) -> Received:
        key = None
        if dialogue.waiting:
            dialogue.waiting, dialogue.answer = False, message
            key = (message.spi_i, message.exchange, message.message_id)
        if taken.send is None:
            return Received((), message, key, taken.why)
        dialogue.said = taken.send
        return Received((self._return(datagram, taken.send),), message, key, taken.why)

    # --- phase 1 ------------------------------------------------------------------------------------------------

    def _answer_phase1(self, datagram: Datagram, octets: bytes, message: Message) -> Received:
        """The first message of Main or Aggressive Mode, or of something unknown."""
        ask = _PHASE_1.get(message.exchange)
        if ask is None or any(message.spi_r) or message.encrypted:
            return Received(message=message, why="no ISAKMP SA has these cookies")
        if self.ignored(ask):
            return Received(message=message, why=f"the script ignores {ask}")
        sa = IsakmpSa(False, message.exchange, message.spi_i, self.nonzero(8))
        sa.local, sa.remote = datagram.destination, datagram.source
        sa.natt = datagram.destination.port == self.local_natt.port
        dialogue = sa.dialogue(message.exchange, 0)
        taker = self._main_1_came if ask is Ask.MAIN_MODE else self._aggressive_1_came
        taken = taker(sa, dialogue, message)
        if taken.send is None:
            return Received(message=message, why=taken.why)
        self.isakmp_sas[sa.cky_r] = sa
        dialogue.heard[octets] = message
        return self._counted(dialogue, datagram, message, taken)

    def _policy_chosen(self, sa: IsakmpSa, message: Message) -> v1.SecurityAssociation | str:
        """The SA payload that answers the target's offer, or why there is none."""
        offer = message.find(v1.SecurityAssociation)
        ours = tuple(map(answered_suite, self.configuration.proposals_v1))
        chosen = choose_phase1(offer, ours) if offer is not None else None
        if offer is None or chosen is None:
            return "no policy suits us"
        answer, sa.suite = chosen
        sa.sai, sa.state = offer.body, State.STARTED
        sa.nat_t = form_of(announced(sa, message))
        sa.nr = self.entropy.octets(NONCE_OCTETS)
        return answer

    def _main_1_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message) -> Taken:
        answer = self._policy_chosen(sa, message)
        if isinstance(answer, str):
            return Taken(why=answer)
        dialogue.then = lambda reply, _: self._main_3_came(sa, dialogue, reply)
        return Taken(self.clear(sa, dialogue, (answer, *self.vendor_ids(sa)), self.answering))

    def _main_3_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message) -> Taken:
        why = self._keys_exchanged(sa, message)
        if why is not None:
            return Taken(why=why, counts=False)
        dialogue.then = lambda reply, _: self._main_5_came(sa, dialogue, reply)
        payloads = (
            v1.KeyExchange(sa.public_r),
            v1.Nonce(sa.nr),
            *self.certificates_wanted(sa),
            *detection(sa),
        )
        return Taken(self.clear(sa, dialogue, payloads, self.answering))

    def _keys_exchanged(self, sa: IsakmpSa, message: Message) -> str | None:
        """Take the target's KE and Nonce, and derive the secrets, or say why not."""
        ke, nonce = message.find(v1.KeyExchange), message.find(v1.Nonce)
        if ke is None or nonce is None or sa.suite is None:
            return "KE or Nonce is missing"
        try:
            sa.private = KeyExchange(sa.suite.group).private(self.entropy)
        except UnsupportedAlgorithm as why:
            return str(why)
        sa.public_r = sa.private.public
        return self.derive(sa, ke.data, nonce.data)

    def _main_5_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message) -> Taken:
        why = self.proven(sa, message, initiator=True) if message.encrypted else "it is not encrypted"
        if why is not None:
            return Taken(why=why, counts=False)
        who = identification(self.configuration.local_id)
        octets = self.sealed_v1(
            sa,
            dialogue,
            (who, *self.shown(sa, who.body, False)),
            self.answering,
            lambda _: self.proof(sa, who.body, False),
        )
        self._phase1_done(sa, dialogue, message)
        return Taken(octets)

    def _phase1_done(self, sa: IsakmpSa, dialogue: Dialogue, message: Message) -> None:
        sa.notified.extend(payload for payload in message.payloads if isinstance(payload, v1.Notify))
        sa.state, sa.last, dialogue.then = State.ESTABLISHED, dialogue.iv, None
        self.isakmp = sa

    def _aggressive_1_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message) -> Taken:
        answer = self._policy_chosen(sa, message)
        if isinstance(answer, str):
            return Taken(why=answer)
        why = self._keys_exchanged(sa, message)
        theirs = message.find(v1.Identification)
        if why is not None or theirs is None:
            return Taken(why=why or "ID is missing")
        who = identification(self.configuration.local_id)
        dialogue.then = lambda reply, _: self._aggressive_3_came(sa, dialogue, reply, theirs.body)
        proofs = self.shown(sa, who.body, False)
        if proofs == (UNHASHED,):
            proofs = (v1.Hash(self.proof(sa, who.body, False)),)
        payloads = (
            answer,
            v1.KeyExchange(sa.public_r),
            v1.Nonce(sa.nr),
            who,
            *proofs,
            *detection(sa),
            *self.vendor_ids(sa),
        )
        return Taken(self.clear(sa, dialogue, payloads, self.answering))

    def _aggressive_3_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message, theirs: bytes) -> Taken:
        why = self.unproved(sa, message, theirs, initiator=True)
        if why is not None:
            return Taken(why=why, counts=False)
        self._phase1_done(sa, dialogue, message)
        dialogue.said = b""  # nothing answers the third message, however often it comes
        return Taken()

    # --- Quick Mode ---------------------------------------------------------------------------------------------

    def _quick_1_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message, rest: bytes) -> Taken:
        secrets, number = sa.secrets, dialogue.message_id
        assert secrets is not None
        proof = message.find(v1.Hash)
        if proof is None or proof.data != quick_hash1(secrets, number, rest):
            return Taken(why="HASH(1) is wrong", counts=False)
        if not sa.established:  # RFC 2409 section 4: Quick Mode follows phase 1
            return Taken(why="phase 1 is not done", counts=False)
        if self.ignored(Ask.QUICK_MODE):
            return Taken(why=f"the script ignores {Ask.QUICK_MODE}", counts=False)
        offer, nonce = message.find(v1.SecurityAssociation), message.find(v1.Nonce)
        suites = answerable(self.configuration.child_proposals)
        taken = taken_phase2(offer, suites) if offer is not None else ()
        if not taken or nonce is None:
            return Taken(why="nothing that was offered suits us")
        ours = self.entropy.octets(NONCE_OCTETS)
        quick = Quick(sa, dialogue, self.nonzero(4), None, suites, ni=nonce.data, nr=ours)
        shared, exchange = self._quick_exchange(quick, taken[0][3], message)
        if isinstance(shared, str):
            return Taken(why=shared)
        payloads = (
            UNHASHED,
            phase2_answer(taken, quick.spi_in),
            v1.Nonce(quick.nr),
            *exchange,
            *message.all(v1.Identification),
        )
        dialogue.then = lambda reply, _: self._quick_3_came(quick, taken, shared, reply)
        return Taken(
            self.sealed_v1(
                sa,
                dialogue,
                payloads,
                self.answering,
                lambda after: quick_hash2(secrets, number, quick.ni, after),
            )
        )

    def _quick_exchange(
        self, quick: Quick, group: int, message: Message
    ) -> tuple[bytes | str, tuple[v1.KeyExchange, ...]]:
        """The shared secret of a Quick Mode's own key exchange and our KE payload; empty without one."""
        ke = message.find(v1.KeyExchange)
        if not group:
            return b"", ()
        if ke is None:
            return "no KE payload came", ()
        try:
            quick.private = KeyExchange(group).private(self.entropy)
        except UnsupportedAlgorithm as why:
            return str(why), ()
        return shared_with(quick.private, ke.data), (v1.KeyExchange(quick.private.public),)

    def _quick_3_came(
        self,
        quick: Quick,
        taken: tuple[TakenSuite, ...],
        shared: bytes,
        message: Message,
    ) -> Taken:
        proof, secrets = message.find(v1.Hash), quick.sa.secrets
        assert secrets is not None
        if proof is None or proof.data != quick_hash3(secrets, quick.dialogue.message_id, quick.ni, quick.nr):
            return Taken(why="HASH(3) is wrong", counts=False)
        for proposal, _, suite, _ in taken:
            self.keep_child(quick, suite, proposal.spi, shared, initiated=False)
        quick.dialogue.then, quick.dialogue.said = None, b""
        return Taken()

    # --- Transaction and Informational --------------------------------------------------------------------------

    def _transaction_asked(self, sa: IsakmpSa, dialogue: Dialogue, message: Message, rest: bytes) -> Taken:
        if self.ignored(Ask.TRANSACTION):
            return Taken(why=f"the script ignores {Ask.TRANSACTION}", counts=False)
        return self.transaction_came(sa, dialogue, message, rest)

    def _clear_informational(self, sa: IsakmpSa, message: Message) -> Received:
        """A notify that nothing protects changes no state, yet it may be all the answer there is."""
        open_request = next((dialogue for dialogue in sa.dialogues.values() if dialogue.waiting), None)
        if open_request is None:
            return Received(message=message, why="it is not protected")
        open_request.answer = message
        return Received(
            message=message, answers=(message.spi_i, open_request.exchange, open_request.message_id)
        )

    def _informational_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message, rest: bytes) -> Taken:
        proof = message.find(v1.Hash)
        assert sa.secrets is not None
        if proof is None or proof.data != informational_hash(sa.secrets, dialogue.message_id, rest):
            return Taken(why="the HASH is wrong", counts=False)
        dialogue.then = None
        for delete in message.all(v1.Delete):
            self._deleted(delete)
        for notify in message.all(v1.Notify):
            answer = self._notified(sa, notify, message)
            if answer is not None:
                return Taken(answer)
        return Taken()

    def _deleted(self, delete: v1.Delete) -> None:
        if self.ignored(Ask.DELETE):
            return
        if delete.protocol == Protocol.IKE:
            gone = [self.isakmp_sas.get(spi[:8]) or self.isakmp_sas.get(spi[8:]) for spi in delete.spis]
            for other in filter(None, gone):
                other.state = State.CLOSED
            return
        for other in self.isakmp_sas.values():  # IPsec SAs outlive the ISAKMP SA that made them
            other.children = [
                child
                for child in other.children
                if child.suite.protocol != delete.protocol or child.spi_out not in delete.spis
            ]

    def _notified(self, sa: IsakmpSa, notify: v1.Notify, message: Message) -> bytes | None:
        """The octets that answer a protected notify, where one answers it."""
        if notify.notify_type == NotifyTypeV1.R_U_THERE and not self.ignored(Ask.R_U_THERE):
            acknowledgement = dpd_notify(sa, NotifyTypeV1.R_U_THERE_ACK, notify.data)
            return self.informational_octets(sa, (acknowledgement,), self.answering)
        check = sa.checks.pop(notify.data, None)
        if notify.notify_type == NotifyTypeV1.R_U_THERE_ACK and check is not None:
            check.waiting, check.answer = False, message
            return None
        sa.notified.append(notify)
        if notify.notify_type < 16384:  # RFC 2408 section 3.14.1: an error
            for other in sa.dialogues.values():
                if other.waiting:
                    other.answer = message
        return None
