"""IKEv2 as the peer answers it: whatever the target starts is completed, by a responder that no other end shares."""

from collections.abc import Callable

from harness.codes import Exchange, NotifyType, Protocol
from harness.crypto import InvalidPublicValue, KeyExchange, Response, UnsupportedAlgorithm
from harness.peer.end import Ask, Received
from harness.peer.v2.client import ClientV2
from harness.peer.v2.mobile import MovesV2
from harness.peer.v2.offers import (
    Chosen,
    child_answer,
    child_suite,
    choose_child,
    choose_ike,
    ike_answer,
    ike_suite,
    narrow,
    plain,
    selectors,
)
from harness.peer.v2.proofs import ppk_identity
from harness.peer.v2.sa import ChildSa, FollowUp, IkeSa, State
from harness.peer.v2.steps import FLAG_RESPONSE, NONCE_OCTETS, OPENING, notify
from harness.sa.intermediate import bare_octets_of
from harness.sa.v2 import (
    Opened,
    OpenedFragment,
    Sealed,
    child_keys,
    ike_keys,
    open_fragment,
    open_sealed,
    reassemble,
    rekeyed_keys,
)
from harness.wire import Malformed, Message, Payload, Unknown, replace, v2
from harness.wire.datagram import Datagram, frame

Answer = tuple[Payload, ...]


class AnswersV2(ClientV2, MovesV2):
    """What this end does with the datagrams of IKEv2 that come in."""

    def receive_v2(self, datagram: Datagram, octets: bytes, message: Message) -> Received:
        """Take a response to a request of ours, or answer a request of the target."""
        sa = self.ike_sas.get(message.spi_i) or self.ike_sas.get(message.spi_r)
        if message.is_response:
            return self._take_response(sa, datagram, octets, message)
        if message.exchange == Exchange.IKE_SA_INIT:
            return self._answer_init(datagram, octets, message)
        if sa is None or sa.keys is None:
            return Received(message=message, why="no IKE SA with keys has these SPIs")
        opened = self._opened(sa, octets, message)
        if isinstance(opened, str):
            return Received(message=message, why=opened)
        return self._take_request(sa, datagram, octets, opened)

    # --- responses ----------------------------------------------------------------------------------------------

    def _take_response(
        self, sa: IkeSa | None, datagram: Datagram, octets: bytes, message: Message
    ) -> Received:
        if sa is None:
            return Received(message=message, why="no IKE SA has these SPIs")
        key = (message.exchange, message.message_id)
        if message.exchange in OPENING:
            if key in sa.waiting:
                sa.response = octets
            return self._taken(sa, message, key)
        if sa.keys is None:
            return Received(message=message, why="the IKE SA has no keys yet")
        opened = self._opened(sa, octets, message)
        if isinstance(opened, str):
            return Received(message=message, why=opened)
        sa.heed(opened, datagram.source)
        if key in sa.waiting:
            sa.was_answered(message.message_id)
        return self._taken(sa, opened, key)

    def _taken(self, sa: IkeSa, message: Message, key: tuple[int, int]) -> Received:
        """Let an answer that was waited for change what it changes."""
        then = sa.waiting.pop(key, None)
        if then is None:
            return Received(message=message, why="nobody waited for this answer")
        sa.unanswered.discard(key[1])
        then(message)
        return Received(message=message, answers=(message.spi_i, *key))

    def _opened(self, sa: IkeSa, octets: bytes, message: Message) -> Message | str:
        """The message with what was sealed in it, or why it does not open."""
        assert sa.keys is not None
        if v2.EncryptedFragment in message:
            return self._opened_fragment(sa, octets, message)
        if v2.Encrypted not in message:
            return "it is not protected"
        opened = open_sealed(octets, sa.keys, by_initiator=not sa.initiated)
        return _with(sa, message, opened)

    def _opened_fragment(self, sa: IkeSa, octets: bytes, message: Message) -> Message | str:
        assert sa.keys is not None
        piece = open_fragment(octets, sa.keys, by_initiator=not sa.initiated)
        if isinstance(piece, Sealed):
            return piece.why
        key = (message.is_response, message.message_id)
        pieces: dict[int, OpenedFragment] = sa.fragments.setdefault(key, {})
        pieces[piece.number] = piece
        whole = reassemble(pieces.values())
        if isinstance(whole, Opened):
            del sa.fragments[key]
        return _with(sa, message, whole)

    # --- requests -----------------------------------------------------------------------------------------------

    def _take_request(self, sa: IkeSa, datagram: Datagram, octets: bytes, request: Message) -> Received:
        message_id = request.message_id
        if not message_id and sa.syncs_message_ids and _synchronises(request):
            return self._take_synchronisation(sa, datagram, octets, request)
        if message_id in sa.served:
            heard, said = sa.served[message_id]
            again = self._back(datagram, said) if heard == octets else ()
            return Received(again, request, why="it was answered before")
        if message_id not in range(sa.expected_message_id, sa.expected_message_id + sa.promised):
            return Received(message=request, why=f"Message ID {sa.expected_message_id} was next")
        if sa.state is State.CLOSED:
            return Received(message=request, why="the IKE SA was deleted")
        sa.heed(request, datagram.source)
        ask = _ask_of(request)
        if self.ignored(ask):
            return Received(message=request, why=f"the script ignores {ask}")
        if (
            sa.state is State.HALF_OPEN and not sa.initiated
        ):  # RFC 7296 section 2.23: it may have floated to 4500
            sa.local, sa.remote = datagram.destination, datagram.source
            sa.natt = datagram.destination.port == self.local_natt.port
        self.moved_with(sa, request, datagram)
        payloads = self._refusal(request) or self._answer(sa, ask, request)
        answer = self.in_pieces(sa, request.exchange, message_id, payloads, self.answering, FLAG_RESPONSE)
        sa.has_served(message_id, octets, answer)
        if ask is Ask.INTERMEDIATE:
            self._intermediate_over(sa)
        return Received(self._back(datagram, answer), request)

    def _take_synchronisation(
        self, sa: IkeSa, datagram: Datagram, octets: bytes, request: Message
    ) -> Received:
        """RFC 6311: under Message ID zero, as often as there are failovers; what is repeated is answered as before."""
        if self.ignored(Ask.INFORMATIONAL):
            return Received(message=request, why=f"the script ignores {Ask.INFORMATIONAL}")
        if octets != sa.synced[0]:
            answer = self.synchronised(sa, request)
            if isinstance(answer, str):
                return Received(message=request, why=answer)
            said = self.sealed(sa, request.exchange, 0, answer, self.answering, FLAG_RESPONSE)
            sa.synced = octets, (said,)
        return Received(self._back(datagram, sa.synced[1]), request)

    def _back(self, datagram: Datagram, messages: tuple[bytes, ...]) -> tuple[Datagram, ...]:
        """A reply from where the datagram was sent to, to where it came from (RFC 7296 section 2.11)."""
        natt = datagram.destination.port == self.local_natt.port
        back, there = datagram.destination, datagram.source
        return tuple(Datagram(back, there, frame(octets, natt), datagram.protocol) for octets in messages)

    def _refusal(self, request: Message) -> Answer:
        """RFC 7296 sections 2.5 and 2.21.2: what no request may hold."""
        for payload in request.payloads:
            if isinstance(payload, Malformed):
                return (notify(NotifyType.INVALID_SYNTAX),)
            if isinstance(payload, Unknown) and payload.critical:
                return (notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([payload.type])),)
        return ()

    def _answer(self, sa: IkeSa, ask: Ask, request: Message) -> Answer:
        if ask is Ask.IKE_AUTH:
            return self._answer_auth(sa, request)
        if ask is Ask.INTERMEDIATE:
            return self._answer_intermediate(sa, request)
        if ask is Ask.DELETE:
            return self._answer_delete(sa, request)
        if ask in (Ask.LIVENESS, Ask.INFORMATIONAL):
            self.skip_numbers(sa, request)
            return self.returned(sa, request)
        if ask in self.refusals:
            return (notify(self.refusals[ask]),)
        if ask is Ask.FOLLOW_UP and sa.state is State.ESTABLISHED:
            return self._answer_follow_up(sa, request)
        if sa.contests is not None:  # what is asked about children shows that for the target it stands
            self.replace_ike(sa.contests, sa)
        refusal = self._collision(sa, ask, request)
        if refusal is not None:
            return (refusal,)
        if ask is Ask.IKE_REKEY:
            return self._answer_ike_rekey(sa, request)
        return self._answer_create(sa, request)

    def _collision(self, sa: IkeSa, ask: Ask, request: Message) -> v2.Notify | None:
        """RFC 7296 section 2.25: what can't be done while a request of ours is open, or not at all."""
        busy = notify(NotifyType.TEMPORARY_FAILURE)
        if sa.state is not State.ESTABLISHED:
            return busy
        if ask is Ask.IKE_REKEY:
            return busy if sa.concern("child", "child-rekey", "child-delete") is not None else None
        if sa.concern("ike-rekey") is not None:
            return busy
        named = request.find(v2.Notify, NotifyType.REKEY_SA)
        if named is None:
            return None
        child = sa.child_by_spi_out(named.spi)
        if child is None:
            return v2.Notify(named.protocol, NotifyType.CHILD_SA_NOT_FOUND, named.spi)
        return busy if sa.concern("child-delete", child=child) is not None else None

    def _answer_delete(self, sa: IkeSa, request: Message) -> Answer:
        """RFC 7296 section 1.4.1: the other half of each pair, or nothing when the IKE SA itself goes."""
        deletes = [payload for payload in request.payloads if isinstance(payload, v2.Delete)]
        if any(delete.protocol == Protocol.IKE for delete in deletes):
            if sa.rival is not None:
                self.replace_ike(sa, sa.rival)
            sa.state, sa.children = State.CLOSED, []
            return ()
        if sa.contests is not None:
            self.replace_ike(sa.contests, sa)
        gone = [
            child
            for delete in deletes
            for spi in delete.spis
            if (child := sa.child_by_spi_out(spi)) is not None and child.suite.protocol == delete.protocol
        ]
        sa.children = [child for child in sa.children if child not in gone]
        gone = [child for child in gone if sa.concern("child-delete", child=child) is None]
        by_protocol: dict[int, tuple[bytes, ...]] = {}
        for child in gone:
            by_protocol[child.suite.protocol] = (
                *by_protocol.get(child.suite.protocol, ()),
                child.spi_in,
            )
        return tuple(v2.Delete(protocol, 4, spis) for protocol, spis in by_protocol.items())

    # --- CREATE_CHILD_SA ----------------------------------------------------------------------------------------

    def _answer_create(self, sa: IkeSa, request: Message) -> Answer:
        """A Child SA, new or in place of another, with or without a fresh key exchange."""
        assert sa.keys is not None
        offer, nonce = request.find(v2.SecurityAssociation), request.find(v2.Nonce)
        exchange = request.find(v2.KeyExchange)
        if offer is None or nonce is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        asked_for = exchange.group if exchange is not None else 0
        chosen = choose_child(offer, tuple(map(child_suite, self.configuration.child_proposals)), asked_for)
        if chosen is None:
            return (notify(NotifyType.NO_PROPOSAL_CHOSEN),)
        group = chosen[2]
        if not group:
            return self._answer_child(sa, request, chosen, nonce.data, self._nonce(), b"", ())
        if exchange is None or exchange.group != group:
            return (notify(NotifyType.INVALID_KE_PAYLOAD, group.to_bytes(2, "big")),)
        exchanged = self._respond(exchange)
        if exchanged is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        ke = (v2.KeyExchange(group, exchanged.public),)
        return self._answer_child(sa, request, chosen, nonce.data, self._nonce(), exchanged.shared, ke)

    def _respond(self, exchange: v2.KeyExchange) -> Response | None:
        """Our half of a key exchange; None when the target's value is refused."""
        try:
            return KeyExchange(exchange.group).respond(exchange.data, self.entropy)
        except InvalidPublicValue:
            return None

    def _answer_child(
        self,
        sa: IkeSa,
        request: Message,
        chosen: Chosen,
        ni: bytes,
        nr: bytes | None,
        shared: bytes,
        ke: Answer,
    ) -> Answer:
        """SA, [Nonce], [KE], TSi, TSr for a Child SA that suits us; without `nr` those of the IKE SA count."""
        assert sa.keys is not None
        proposal, suite, group = chosen
        tsi, tsr = request.find(v2.TrafficSelectorsI), request.find(v2.TrafficSelectorsR)
        if tsi is None or tsr is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        remote, local = self._narrowed(tsi, tsr)
        if not remote or not local:
            return (notify(NotifyType.TS_UNACCEPTABLE),)
        spi, keys, last = self.nonzero(4), sa.keys, sa.nr if nr is None else nr
        named = request.find(v2.Notify, NotifyType.REKEY_SA)
        replaced = None if named is None else sa.child_by_spi_out(named.spi)

        def finish(additional: bytes) -> None:
            made = child_keys(keys.sk_d, keys.suite.prf, suite, ni, last, shared, additional)
            self.put_to_use(sa, ChildSa(spi, proposal.spi, suite, made, local, remote, False))
            renewed = None if replaced is None else sa.concern("child-rekey", child=replaced)
            if renewed is not None:
                renewed.rival = min(ni, last)

        try:
            further = self._to_follow(sa, suite.additional if group else (), finish)
        except UnsupportedAlgorithm:
            return (notify(NotifyType.NO_PROPOSAL_CHOSEN),)
        return (
            child_answer(proposal, suite, spi, group),
            *(() if nr is None else (v2.Nonce(nr),)),
            *ke,
            v2.TrafficSelectorsI(remote),
            v2.TrafficSelectorsR(local),
            *further,
        )

    def _to_follow(self, sa: IkeSa, methods: tuple[int, ...], finish: Callable[[bytes], None]) -> Answer:
        """The SA is made at once, or the target is asked to go on with additional key exchanges (RFC 9370 section 2.2.4)."""
        if not methods:
            finish(b"")
            return ()
        sa.followed = FollowUp(methods, self.entropy.octets(8), finish)
        return (notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, sa.followed.link),)

    def _answer_follow_up(self, sa: IkeSa, request: Message) -> Answer:
        """The next additional key exchange of what the target asked for."""
        link, exchange = (
            request.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE),
            request.find(v2.KeyExchange),
        )
        followed = sa.followed
        if followed is None or link is None or link.data != followed.link:
            return (notify(NotifyType.STATE_NOT_FOUND),)
        rightly = exchange is not None and exchange.group == followed.methods[0]
        exchanged = self._respond(exchange) if exchange is not None and rightly else None
        if exchange is None or exchanged is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        ours = v2.KeyExchange(exchange.group, exchanged.public)
        if followed.exchanged(exchanged.shared):
            sa.followed = None
            return (ours,)
        followed.link = self.entropy.octets(8)
        return (ours, notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, followed.link))

    def _narrowed(
        self, tsi: v2.TrafficSelectorsI, tsr: v2.TrafficSelectorsR
    ) -> tuple[tuple[v2.TrafficSelector, ...], tuple[v2.TrafficSelector, ...]]:
        ours, theirs = list(self.configuration.local_subnets), list(self.configuration.remote_subnets)
        if self.configuration.second_selector is not None:
            ours.append(self.configuration.second_selector.local)
            theirs.append(self.configuration.second_selector.remote)
        return (
            narrow(tsi.selectors, selectors(theirs)),
            narrow(tsr.selectors, selectors(ours)),
        )

    def _answer_ike_rekey(self, old: IkeSa, request: Message) -> Answer:
        """RFC 7296 section 1.3.2: a new IKE SA, whose original initiator is the target."""
        assert old.keys is not None
        offer, nonce = request.find(v2.SecurityAssociation), request.find(v2.Nonce)
        exchange = request.find(v2.KeyExchange)
        if offer is None or nonce is None or exchange is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        ours = tuple(map(ike_suite, self.configuration.proposals_v2))
        chosen = choose_ike(offer, ours, exchange.group)
        if chosen is None or len(chosen[0].spi) != 8:
            return (notify(NotifyType.NO_PROPOSAL_CHOSEN),)
        proposal, suite = chosen
        if exchange.group != suite.group:
            return (notify(NotifyType.INVALID_KE_PAYLOAD, suite.group.to_bytes(2, "big")),)
        exchanged = self._respond(exchange)
        if exchanged is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        new = IkeSa(False, proposal.spi, self.nonzero(8), old.local, old.remote, old.natt)
        new.ni, new.nr = nonce.data, self._nonce()
        keys, shared = old.keys, exchanged.shared

        def finish(additional: bytes) -> None:
            spis, nonces = (new.spi_i, new.spi_r), (new.ni, new.nr)
            new.keys = rekeyed_keys(keys, suite, *spis, *nonces, shared, additional)
            self.came_up(old, new, request)
            ours = old.concern("ike-rekey")
            if ours is None:
                self.replace_ike(old, new)
            else:  # 7296/2.8.2: which of the two stands shows when ours is answered
                ours.rival, old.rival, new.contests = min(nonces), new, old

        return (
            ike_answer(proposal, suite, new.spi_r),
            v2.Nonce(new.nr),
            v2.KeyExchange(suite.group, exchanged.public),
            *self._to_follow(old, suite.additional, finish),
        )

    # --- IKE_SA_INIT and IKE_AUTH -------------------------------------------------------------------------------

    def _answer_init(self, datagram: Datagram, octets: bytes, request: Message) -> Received:
        """The first exchange of an IKE SA that the target starts."""
        earlier = next(
            (sa for sa in self.ike_sas.values() if not sa.initiated and sa.request == octets), None
        )
        if earlier is not None:
            return Received(self._back(datagram, (earlier.response,)), request, why="it was answered before")
        if self.ignored(Ask.IKE_SA_INIT):
            return Received(message=request, why=f"the script ignores {Ask.IKE_SA_INIT}")
        if any(request.spi_r):
            return Received(message=request, why="the responder's SPI is not zero")
        sa = IkeSa(False, request.spi_i, bytes(8), datagram.destination, datagram.source)
        sa.natt = datagram.destination.port == self.local_natt.port
        payloads = self._refusal(request) or self._init_answer(sa, request)
        message = Message(
            sa.spi_i, sa.spi_r, Exchange.IKE_SA_INIT, FLAG_RESPONSE, request.message_id, payloads
        )
        sa.response = self.answering.finished(self.answering.changed(message).encode())
        if sa.keys is not None:
            sa.request, sa.expected_message_id, sa.state = octets, 1, State.HALF_OPEN
            self.ike_sas[sa.spi_r] = sa
            self.came_to_know(sa.keys)
        return Received(self._back(datagram, (sa.response,)), request)

    def _init_answer(self, sa: IkeSa, request: Message) -> Answer:
        offer, nonce = request.find(v2.SecurityAssociation), request.find(v2.Nonce)
        exchange = request.find(v2.KeyExchange)
        if offer is None or nonce is None or exchange is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        told = request.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is not None
        sa.intermediate = told and self.configuration.intermediate_limit > 0
        ours = tuple(map(ike_suite, self.configuration.proposals_v2))
        chosen = choose_ike(offer if sa.intermediate else plain(offer), ours, exchange.group)
        if chosen is None:
            return (notify(NotifyType.NO_PROPOSAL_CHOSEN),)
        proposal, suite = chosen
        if exchange.group != suite.group:
            return (notify(NotifyType.INVALID_KE_PAYLOAD, suite.group.to_bytes(2, "big")),)
        exchanged = self._respond(exchange)
        if exchanged is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        sa.spi_r, sa.ni, sa.nr = self.nonzero(8), nonce.data, self._nonce()
        sa.keys, sa.additional = (
            ike_keys(suite, sa.spi_i, sa.spi_r, sa.ni, sa.nr, exchanged.shared),
            suite.additional,
        )
        detected = NotifyType.NAT_DETECTION_SOURCE_IP
        return (
            ike_answer(proposal, suite),
            v2.KeyExchange(suite.group, exchanged.public),
            v2.Nonce(sa.nr),
            *(self.nat_notifies(sa) if request.find(v2.Notify, detected) is not None else ()),
            *self._fragmentation(request),
            *((notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED),) if sa.intermediate else ()),
            *self._told_back(sa, request),
        )

    def _told_back(self, sa: IkeSa, request: Message) -> Answer:
        """What both ends have to say for authentication: hash algorithms, USE_PPK, and our own CERTREQ."""
        told = self.told_at_first(sa)
        self.heard_at_first(sa, request)
        said = {NotifyType.SIGNATURE_HASH_ALGORITHMS: bool(sa.hashes), NotifyType.USE_PPK: sa.uses_ppk}
        both = tuple(n for n in told if isinstance(n, v2.Notify) and said.get(NotifyType(n.notify_type)))
        return (*both, *self.certificate_request())

    def _answer_intermediate(self, sa: IkeSa, request: Message) -> Answer:
        """The next additional key exchange, or nothing where the target asks for none (RFC 9370 section 2.2.2)."""
        exchange = request.find(v2.KeyExchange)
        if sa.initiated or sa.state is not State.HALF_OPEN or not sa.intermediate:
            return (notify(NotifyType.INVALID_SYNTAX),)
        if exchange is None:
            return ()
        method = next(iter(sa.additional), 0)
        if exchange.group != method:
            return (notify(NotifyType.INVALID_SYNTAX),)
        exchanged = self._respond(exchange)
        if exchanged is None:
            return (notify(NotifyType.INVALID_SYNTAX),)
        sa.fresh = exchanged.shared
        return (v2.KeyExchange(method, exchanged.public),)

    def _intermediate_over(self, sa: IkeSa) -> None:
        """The answer is sealed: from now on the fresh secret counts."""
        sa.exchanged(sa.fresh)
        if sa.fresh is not None:
            sa.fresh = None
            self.came_to_know(sa.keys)

    def _fragmentation(self, request: Message) -> Answer:
        """RFC 7383 section 2.3: that fragmentation is supported, if both ends are for it."""
        said = request.find(v2.Notify, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)
        return () if said is None or self.configuration.fragments is None else (said,)

    def _answer_auth(self, sa: IkeSa, request: Message) -> Answer:
        """RFC 7296 section 1.2: the target proves who it is, we do, and the first Child SA comes along."""
        identity, auth = request.find(v2.IdInitiator), request.find(v2.Authentication)
        early = sa.initiated or sa.state is not State.HALF_OPEN or sa.additional
        if identity is None or auth is None or early:
            return (notify(NotifyType.INVALID_SYNTAX),)
        told = self._settle_ppk(sa, request)
        auth = told if isinstance(told, v2.Authentication) else auth
        sa.why = sa.why or self.doubt(sa, identity, auth, request, initiator=True)
        if sa.why:
            sa.state = State.CLOSED
            return (notify(NotifyType.AUTHENTICATION_FAILED),)
        sa.state = State.ESTABLISHED
        self.ike = sa
        own = self.configuration.local_auth
        ours = v2.IdResponder(*self.own_identity(None, own))
        with_ppk = (told,) if isinstance(told, v2.Notify) else ()
        agreed = (*self.promise(sa), *self.heard_of_counters(sa, request), *self.agrees_to_move(sa))
        proof = (ours, *self.own_proof(sa, ours.body, own, initiator=False), *with_ppk, *agreed)
        offer = request.find(v2.SecurityAssociation)
        if offer is None:
            return proof
        chosen = choose_child(offer, tuple(map(child_suite, self.configuration.child_proposals)))
        if chosen is None:
            return (*proof, notify(NotifyType.NO_PROPOSAL_CHOSEN))
        child = self._answer_child(sa, request, (*chosen[:2], 0), sa.ni, None, b"", ())
        return (*proof, *child)

    def _settle_ppk(self, sa: IkeSa, request: Message) -> v2.Notify | v2.Authentication | None:
        """The notify that says that the post-quantum key is in use, or the AUTH that goes without it (RFC 8784)."""
        ppk, auth = self.configuration.ppk, request.find(v2.Authentication)
        named = request.find(v2.Notify, NotifyType.PPK_IDENTITY)
        without = request.find(v2.Notify, NotifyType.NO_PPK_AUTH)
        if ppk is not None and sa.uses_ppk and named is not None and named.data == ppk_identity(ppk).data:
            sa.keys = self.mixed(sa)
            self.came_to_know(sa.keys)
            return notify(NotifyType.PPK_IDENTITY)
        if ppk is not None and ppk.mandatory:
            sa.why = "the target uses no post-quantum key that is known here"
        if sa.uses_ppk and without is not None and auth is not None:
            return v2.Authentication(auth.method, without.data)
        return None

    def _nonce(self) -> bytes:
        return self.entropy.octets(NONCE_OCTETS)


def _synchronises(request: Message) -> bool:
    return request.find(v2.Notify, NotifyType.IKEV2_MESSAGE_ID_SYNC) is not None


def _ask_of(request: Message) -> Ask:
    """What kind of request the target made."""
    if request.exchange == Exchange.IKE_AUTH:
        return Ask.IKE_AUTH
    if request.exchange == Exchange.IKE_INTERMEDIATE:
        return Ask.INTERMEDIATE
    if request.exchange == Exchange.CREATE_CHILD_SA:
        return _create_ask(request)
    if request.exchange == Exchange.IKE_FOLLOWUP_KE:
        return Ask.FOLLOW_UP
    if v2.Delete in request:
        return Ask.DELETE
    return Ask.INFORMATIONAL if request.payloads else Ask.LIVENESS


def _create_ask(request: Message) -> Ask:
    if request.find(v2.Notify, NotifyType.REKEY_SA) is not None:
        return Ask.CHILD_REKEY
    offer = request.find(v2.SecurityAssociation)
    protocols = {proposal.protocol for proposal in offer.proposals} if offer is not None else set()
    return Ask.IKE_REKEY if Protocol.IKE in protocols else Ask.CHILD


def _with(sa: IkeSa, message: Message, opened: Opened | Sealed) -> Message | str:
    if isinstance(opened, Sealed):
        return opened.why
    if message.exchange == Exchange.IKE_INTERMEDIATE:
        sa.heard_bare = bare_octets_of(message, opened.first, opened.plaintext)
    return replace(message, payloads=opened.payloads)
