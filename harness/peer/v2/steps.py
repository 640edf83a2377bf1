"""IKEv2 as the peer starts it: RFC 7296 sections 1.2 to 1.4, each exchange a step that a script can bend."""

from collections.abc import Callable, Collection, Sequence
from typing import Unpack

from harness.codes import AuthMethod, EapType, Exchange, NotifyType, Protocol, name_of
from harness.crypto import InvalidPublicValue, KeyExchange, Private, UnsupportedAlgorithm
from harness.peer.eap import ALL, EapClient, Outcome
from harness.peer.end import marked, unframed
from harness.peer.mischief import HONEST, Changes, Plan, planned
from harness.peer.script import Note, Request, Send, Steps
from harness.peer.v2 import puzzles
from harness.peer.v2.counters import CountsV2, counters
from harness.peer.v2.offers import (
    accepted_child,
    accepted_ike,
    child_offer,
    child_suite,
    ike_offer,
    ike_suite,
    selectors,
)
from harness.peer.v2.pieces import cut
from harness.peer.v2.proofs import ProvesV2, ppk_identity
from harness.peer.v2.sa import ChildSa, Concern, FollowUp, IkeSa, State
from harness.profile import Credentials, Identity, Proof, User
from harness.sa.intermediate import bare_octets_with
from harness.sa.puzzle import auth_string
from harness.sa.v2 import (
    ChildSuite,
    Suite,
    child_keys,
    ike_keys,
    iv_size,
    nat_detection,
    rekeyed_keys,
    seal,
)
from harness.values import replace as with_fields
from harness.wire import Message, Payload, decode_header, replace, v2
from harness.wire.datagram import TCP_STREAM

OPENING = frozenset({Exchange.IKE_SA_INIT, Exchange.IKE_SESSION_RESUME})
"""The exchanges that begin an IKE SA, in clear."""
FLAG_INITIATOR = 0x08
FLAG_RESPONSE = 0x20
FOLLOW_UPS = 4
"""How often a step tries again because the target asked for a cookie or another group."""
NONCE_OCTETS = 32
EAP_ROUNDS = 10
"""How many IKE_AUTH exchanges with EAP messages this end goes through (RFC 7296 section 2.16)."""

NOBODY = User("", "")
"""Who comes by EAP where no user is configured."""

Then = Callable[[Message], None]
"""What an answer changes in the peer's memory."""


class StartsV2(ProvesV2, CountsV2):
    """The steps of IKEv2 that this end starts; `ike` is the IKE SA that they work on."""

    ike: IkeSa
    """The current IKE SA; a blank one before the first."""
    ike_sas: dict[bytes, IkeSa]
    """All IKE SAs by the SPI that this end chose."""

    # --- IKE_SA_INIT --------------------------------------------------------------------------------------------

    def ike_sa_init(
        self,
        *extra: Payload,
        suites: Sequence[Suite] | None = None,
        group: int | None = None,
        nat_detection: bool = True,
        intermediate: bool | None = None,
        hashes: Sequence[int] | None = None,
        follow: bool = True,
        **changes: Unpack[Changes],
    ) -> Steps:
        """IKE_SA_INIT for a new IKE SA, which becomes `ike`; the result is the last answer.

        COOKIE, PUZZLE and INVALID_KE_PAYLOAD are followed unless `follow` is False; a request that follows is
        marked `x/cookie`, `x/puzzle` or `x/group` when the first is marked `x`. `group` is that of the KE payload, by default
        the first suite's; `extra` payloads stand at the end. Support of IKE_INTERMEDIATE is told by default
        when a suite has additional key exchanges. `hashes` are those to name for signatures: by default all that
        this end knows, if an end has to sign.
        """
        plan = planned(changes)
        sa = self._new_ike(suites, group)
        if intermediate is None:
            intermediate = any(suite.additional for suite in sa.offered)
        extras = (
            *(self.nat_notifies(sa) if nat_detection else ()),
            *((notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED),) if intermediate else ()),
            *self.told_at_first(sa, hashes),
            *((notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED),) if self.configuration.fragments else ()),
            *extra,
        )
        answer: Message | None = yield self._init_request(sa, (), extras, plan)
        first: tuple[Payload, ...] = ()
        for _ in range(FOLLOW_UPS if follow else 0):
            wanted = self._wanted(sa, answer)
            if wanted is None:
                break
            word, what = wanted
            if isinstance(what, tuple):
                first = what
            else:
                sa.group = what
                sa.private = KeyExchange(sa.group).private(self.entropy)
            answer = yield self._init_request(sa, first, extras, marked(plan, word))
        return answer

    def _new_ike(self, suites: Sequence[Suite] | None, group: int | None) -> IkeSa:
        offered = tuple(suites or map(ike_suite, self.configuration.proposals_v2))
        tcp = self.protocol == TCP_STREAM
        local, remote = self.ends(tcp)
        sa = IkeSa(True, self.nonzero(8), local=local, remote=remote, natt=tcp, state=State.STARTED)
        sa.offered = offered
        sa.group = offered[0].group if group is None else group
        sa.ni = self.entropy.octets(NONCE_OCTETS)
        sa.private = KeyExchange(sa.group).private(self.entropy)
        self.ike = self.ike_sas[sa.spi_i] = sa
        return sa

    def _init_request(
        self, sa: IkeSa, first: tuple[Payload, ...], extra: tuple[Payload, ...], plan: Plan
    ) -> Request:
        """RFC 7296 section 2.6, RFC 8019 section 7.1.2: a cookie and a solution stand first, all else is unchanged."""
        assert sa.private is not None
        own = (ike_offer(sa.offered), v2.KeyExchange(sa.group, sa.private.public), v2.Nonce(sa.ni))
        payloads = (*first, *own, *extra)
        return self.opens(
            sa, Exchange.IKE_SA_INIT, payloads, plan, lambda answer: self._init_answered(sa, answer)
        )

    def opens(
        self, sa: IkeSa, exchange: Exchange, payloads: tuple[Payload, ...], plan: Plan, then: Then
    ) -> Request:
        """The first request of an IKE SA, in clear, which AUTH will cover."""
        message = Message(sa.spi_i, bytes(8), exchange, FLAG_INITIATOR, plan.message_id or 0, payloads)
        sa.request = plan.finished(plan.changed(message).encode())
        sa.waiting[_key(sa.request)] = then
        return self.asked(sa.request, sa.natt, plan, ends=(sa.local, sa.remote))

    def nat_notifies(self, sa: IkeSa) -> tuple[Payload, ...]:
        """RFC 7296 section 2.23: where the sender thinks the two ends are."""
        source = nat_detection(sa.spi_i, sa.spi_r, sa.local.address, sa.local.port)
        destination = nat_detection(sa.spi_i, sa.spi_r, sa.remote.address, sa.remote.port)
        return (
            notify(NotifyType.NAT_DETECTION_SOURCE_IP, source),
            notify(NotifyType.NAT_DETECTION_DESTINATION_IP, destination),
        )

    def _wanted(self, sa: IkeSa, answer: Message | None) -> tuple[str, tuple[Payload, ...] | int] | None:
        """What the target asks for before it goes on: a cookie, a puzzle solved, or another group that we offered."""
        if answer is None or sa.keys is not None:
            return None
        cookie = answer.find(v2.Notify, NotifyType.COOKIE)
        if isinstance(cookie, v2.Notify) and cookie.data:
            returned, puzzle = notify(NotifyType.COOKIE, cookie.data), puzzles.asked(answer)
            if puzzle is None:
                return "cookie", (returned,)
            return "puzzle", (returned, puzzles.solved(puzzle, cookie.data))
        group = _group_asked_for(answer)
        if group != sa.group and group in {suite.group for suite in sa.offered}:
            return "group", group
        return None

    def _init_answered(self, sa: IkeSa, answer: Message) -> None:
        """Take the target's choice and derive keys, or remember why not."""
        chosen, exchange, nonce = (
            answer.find(v2.SecurityAssociation),
            answer.find(v2.KeyExchange),
            answer.find(v2.Nonce),
        )
        if sa.state is not State.STARTED or chosen is None or exchange is None or nonce is None:
            return
        accepted = accepted_ike(chosen)
        if accepted is None or accepted[1] not in sa.offered:
            sa.why = "the target chose what was not offered"
            return
        suite = accepted[1]
        sa.intermediate = answer.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is not None
        if suite.additional and not sa.intermediate:  # RFC 9370 section 2.2.1
            sa.why = "the target chose additional key exchanges and no IKE_INTERMEDIATE"
            return
        shared = agreed(sa.private, suite.group, exchange)
        if isinstance(shared, str):
            sa.why = shared
            return
        try:
            sa.keys = ike_keys(suite, sa.spi_i, answer.spi_r, sa.ni, nonce.data, shared)
        except UnsupportedAlgorithm as why:
            sa.why = str(why)
            return
        self.heard_at_first(sa, answer)
        sa.additional, sa.puzzle = suite.additional, puzzles.asked(answer)
        self.half_opened(sa, answer, nonce.data)

    def half_opened(self, sa: IkeSa, answer: Message, nr: bytes) -> None:
        """Both ends have the keys; where there is a NAT, it goes on between the ports for that."""
        sa.spi_r, sa.nr = answer.spi_r, nr
        sa.next_message_id, sa.state = 1, State.HALF_OPEN
        sa.traverses = answer.find(v2.Notify, NotifyType.NAT_DETECTION_SOURCE_IP) is not None
        self.came_to_know(sa.keys)
        if self._nat_found(sa, answer):
            self.floats(sa)

    def floats(self, sa: IkeSa) -> None:
        """From now on this IKE SA goes on between the ports for NAT traversal (RFC 7296 section 2.23)."""
        sa.natt, sa.local, sa.remote = True, self.local_natt, self.remote_natt

    def _nat_found(self, sa: IkeSa, answer: Message) -> bool:
        """RFC 7296 section 2.23: a hash of either end that does not match tells of a NAT."""
        sources = {n.data for n in answer.all(v2.Notify, NotifyType.NAT_DETECTION_SOURCE_IP)}
        destinations = {n.data for n in answer.all(v2.Notify, NotifyType.NAT_DETECTION_DESTINATION_IP)}
        theirs = nat_detection(sa.spi_i, sa.spi_r, sa.remote.address, sa.remote.port)
        ours = nat_detection(sa.spi_i, sa.spi_r, sa.local.address, sa.local.port)
        return bool(sources and theirs not in sources) or bool(destinations and ours not in destinations)

    # --- IKE_INTERMEDIATE ---------------------------------------------------------------------------------------

    def intermediate(
        self, *extra: Payload, key_exchange: bool = True, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """IKE_INTERMEDIATE: the next additional key exchange that was agreed on, unless `key_exchange` is False.

        `extra` payloads stand at the end (RFC 9242 section 3.2, RFC 9370 section 2.2.2).
        """
        return self._intermediate(sa or self.ike, planned(changes), extra, key_exchange)

    def _intermediate(
        self, sa: IkeSa, plan: Plan, extra: tuple[Payload, ...] = (), key_exchange: bool = True
    ) -> Request | Note:
        private = (
            KeyExchange(sa.additional[0]).private(self.entropy) if key_exchange and sa.additional else None
        )
        own = () if private is None else (v2.KeyExchange(private.group, private.public),)
        return self._ask(
            sa,
            Exchange.IKE_INTERMEDIATE,
            (*own, *extra),
            plan,
            lambda answer: self._intermediate_answered(sa, private, answer),
        )

    def _intermediate_answered(self, sa: IkeSa, private: Private | None, answer: Message) -> None:
        if private is None:
            sa.exchanged(None)
            return
        shared = agreed(private, private.group, answer.find(v2.KeyExchange))
        if isinstance(shared, str):
            sa.why = shared
            return
        sa.exchanged(shared)
        self.came_to_know(sa.keys)

    def additional_key_exchanges(self, **changes: Unpack[Changes]) -> Steps:
        """Every additional key exchange that was agreed on; the result is the last answer, None if there are none.

        The first is marked as planned, a later one, say the second, `x/2`.
        """
        plan, answer = planned(changes), None
        sa, count = self.ike, len(self.ike.additional)
        for number in range(1, count + 1):
            if len(sa.additional) != count - number + 1:
                break
            word = "" if number == 1 else str(number)
            answer = yield self._intermediate(sa, marked_if(plan, word))
        return answer

    # --- IKE_AUTH -----------------------------------------------------------------------------------------------

    def ike_auth(
        self,
        *extra: Payload,
        identity: Identity | None = None,
        proof: Proof | None = None,
        psk: bytes | None = None,
        credentials: Credentials | None = None,
        suites: Sequence[ChildSuite] | None = None,
        subnets: tuple[Sequence[str], Sequence[str]] | None = None,
        initial_contact: bool = False,
        before: Sequence[Payload] = (),
        child: bool = True,
        sa: IkeSa | None = None,
        **changes: Unpack[Changes],
    ) -> Request | Note:
        """IKE_AUTH with the proof that is configured or given, and the first Child SA in it unless `child` is False.

        Without AUTH, as `proof` "eap" has it, the request asks for EAP. `subnets` are ours and theirs, by default
        the configured ones; the payloads `before` stand before the child's, `extra` ones at the end.
        """
        sa = sa or self.ike
        if sa.keys is None:
            return self._no_sa(Exchange.IKE_AUTH, sa)
        proof = "psk" if sa.resumed else proof or self.configuration.local_auth
        who = v2.IdInitiator(*self.own_identity(identity, proof))
        payloads: list[Payload] = [who]
        if initial_contact:
            payloads.append(notify(NotifyType.INITIAL_CONTACT))
        payloads.extend(self.certificate_request())
        if self.configuration.remote_id is not None:
            other = self.configuration.remote_id
            payloads.append(v2.IdResponder(other.id_type, other.data))
        sa.own_id, sa.first_spi = who.body, self.nonzero(4)
        payloads.extend((*self._proved(sa, proof, psk, credentials), *before))
        if child:
            payloads.extend(
                self._child_payloads(sa.first_spi, self._child_suites(suites), None, None, subnets)
            )
        then = self._eap_heard if proof == "eap" else self._auth_answered
        return self._ask(
            sa,
            Exchange.IKE_AUTH,
            (*payloads, *self.told_of_counters(sa), *extra),
            planned(changes),
            lambda answer: then(sa, answer),
        )

    def _proved(
        self, sa: IkeSa, proof: Proof, psk: bytes | None, credentials: Credentials | None
    ) -> tuple[Payload, ...]:
        """AUTH and what belongs to it: certificates, and where a post-quantum key is for both ends its name."""
        ppk = self.configuration.ppk if sa.uses_ppk else None
        ours = self.own_proof(
            sa, sa.own_id, proof, initiator=True, psk=psk, credentials=credentials, keys=self.mixed(sa)
        )
        if ppk is None or not ours:
            return ours
        if ppk.mandatory:
            return (*ours, ppk_identity(ppk))
        without = self.own_proof(sa, sa.own_id, proof, initiator=True, psk=psk, credentials=credentials)[-1]
        assert isinstance(without, v2.Authentication)
        return (*ours, ppk_identity(ppk), notify(NotifyType.NO_PPK_AUTH, without.data))

    def _auth_answered(self, sa: IkeSa, answer: Message) -> None:
        identity, auth = answer.find(v2.IdResponder), answer.find(v2.Authentication)
        if identity is None or auth is None:
            sa.why = "the target did not authenticate itself"
            return
        if not self._settled_ppk(sa, answer):
            return
        sa.why = self.doubt(sa, identity, auth, answer, initiator=False)
        if not sa.why:
            self._up(sa, answer)

    def _settled_ppk(self, sa: IkeSa, answer: Message) -> bool:
        """Mix the post-quantum key in if the target did; whether the SA may go on (RFC 8784 section 3)."""
        ppk = self.configuration.ppk
        if ppk is None:
            return True
        if sa.uses_ppk and answer.find(v2.Notify, NotifyType.PPK_IDENTITY) is not None:
            sa.keys = self.mixed(sa)
            self.came_to_know(sa.keys)
        elif ppk.mandatory:
            sa.why = "the target uses no post-quantum key"
        return not sa.why

    def _up(self, sa: IkeSa, answer: Message) -> None:
        self.heard_of_counters(sa, answer)
        sa.state = State.ESTABLISHED
        self._child_made(sa, sa.first_spi, None, sa.ni, answer, sa.nr)

    # --- EAP ----------------------------------------------------------------------------------------------------

    def ike_auth_by_eap(
        self,
        *extra: Payload,
        user: User | None = None,
        methods: Collection[EapType] = ALL,
        identity: Identity | None = None,
        initial_contact: bool = False,
        child: bool = True,
        finish: bool = True,
        **changes: Unpack[Changes],
    ) -> Steps:
        """All the IKE_AUTH exchanges of EAP (RFC 7296 section 2.16); the result is the last answer.

        The last request, with AUTH, is as planned; it is left out where `finish` is False. Of a mark `x` the first is marked `x/first`, those with EAP
        messages `x/eap-1` and so on. `user` is the first of those configured unless another one is given.
        """
        sa, plan = self.ike, planned(changes)
        client = EapClient(user or next(iter(self.configuration.users), NOBODY), self.entropy, methods)
        first = self.ike_auth(
            *extra,
            identity=identity,
            proof="eap",
            initial_contact=initial_contact,
            child=child,
            mark=marked(plan, "first").mark,
        )
        answer: Message | None = yield first
        for number in range(1, EAP_ROUNDS + 1):
            if answer is None or sa.why or not sa.eap_said:
                return answer
            action = self.eap(client, mark=marked(plan, f"eap-{number}").mark)
            if isinstance(action, Note):
                break
            answer = yield action
        if client.outcome is not Outcome.SUCCESS or not finish:
            return answer
        last: Message | None = yield self.eap_auth(client.msk, **changes)
        return last

    def eap(
        self, client: EapClient, *, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """IKE_AUTH with what the client answers to the target's last EAP message, if that has an answer."""
        sa = sa or self.ike
        response = client.hear(sa.eap_said)
        if response is None:
            return Note("not sent", f"{self.name}: EAP: {client.why or client.outcome}")
        payload = v2.Eap(response.encode())
        return self._ask(
            sa, Exchange.IKE_AUTH, (payload,), planned(changes), lambda answer: self._eap_heard(sa, answer)
        )

    def eap_auth(
        self, msk: bytes = b"", *extra: Payload, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """IKE_AUTH with the AUTH that follows EAP: by its key, or by SK_pi where it made none."""
        sa = sa or self.ike
        if sa.keys is None:
            return self._no_sa(Exchange.IKE_AUTH, sa)
        proof: Proof = "psk" if msk else "null"
        ours = tuple(_of_shared_key(payload) for payload in self._proved(sa, proof, msk, None))
        return self._ask(
            sa,
            Exchange.IKE_AUTH,
            (*ours, *extra),
            planned(changes),
            lambda answer: self._eap_over(sa, msk, answer),
        )

    def _eap_heard(self, sa: IkeSa, answer: Message) -> None:
        """Keep the target's EAP message; with the first one the target proves who it is."""
        payload, identity = answer.find(v2.Eap), answer.find(v2.IdResponder)
        sa.eap_said = payload.data if payload is not None else b""
        if identity is None and sa.eap_id is not None:
            return
        auth = answer.find(v2.Authentication)
        if identity is None or auth is None:
            sa.why = "the target did not authenticate itself"
            return
        sa.eap_id, sa.why = identity, self.doubt(sa, identity, auth, answer, initiator=False)

    def _eap_over(self, sa: IkeSa, msk: bytes, answer: Message) -> None:
        auth = answer.find(v2.Authentication)
        if auth is None or sa.eap_id is None:
            sa.why = "the target did not authenticate itself after EAP"
            return
        if not self._settled_ppk(sa, answer):
            return
        assert sa.keys is not None
        if auth.data != self.auth_data(sa, sa.eap_id.body, msk or sa.keys.sk_pr, initiator=False):
            sa.why = "the target's AUTH after EAP is wrong"
            return
        self._up(sa, answer)

    def connect(self, **changes: Unpack[Changes]) -> Steps:
        """IKE_SA_INIT, additional key exchanges, IKE_AUTH; the result is the last answer, or what refused to go on.

        A mark is that of IKE_AUTH.
        """
        answer = yield from self.ike_sa_init()
        if self.ike.keys is None:
            return answer
        answer = yield from self.additional_key_exchanges()
        if self.ike.additional:
            return answer
        if self.configuration.local_auth == "eap":
            return (yield from self.ike_auth_by_eap(**changes))
        last: Message | None = yield self.ike_auth(**changes)
        return last

    # --- CREATE_CHILD_SA ----------------------------------------------------------------------------------------

    def create_child(
        self,
        *extra: Payload,
        pfs: int | bool | None = None,
        suites: Sequence[ChildSuite] | None = None,
        subnets: tuple[Sequence[str], Sequence[str]] | None = None,
        rekeyed: ChildSa | None = None,
        sa: IkeSa | None = None,
        **changes: Unpack[Changes],
    ) -> Steps:
        """CREATE_CHILD_SA for a further Child SA; the result is the answer.

        `pfs` is the group of a fresh key exchange, True the configured or the IKE SA's own, False none; None
        goes by the configuration. INVALID_KE_PAYLOAD is followed once.
        """
        sa, plan = sa or self.ike, planned(changes)
        group = self._pfs_group(sa, pfs)
        if subnets is None and rekeyed is None and self.configuration.second_selector is not None:
            second = self.configuration.second_selector
            subnets = (second.local,), (second.remote,)
        answer: Message | None = None
        for word in ("", "group"):
            action = self._create_request(sa, extra, group, suites, subnets, rekeyed, marked_if(plan, word))
            answer = yield action
            asked = _group_asked_for(answer) if answer is not None else 0
            if not asked or asked == group or not _known(asked):
                break
            group = asked
        yield from self.follow_ups(sa, plan)
        return answer

    def follow_ups(self, sa: IkeSa, plan: Plan = HONEST) -> Steps:
        """Every additional key exchange of the last CREATE_CHILD_SA, marked `x/ke1` and so on; the last answer."""
        answer: Message | None = None
        number = 0
        while (following := sa.following) is not None:
            number, left = number + 1, len(following.methods)
            answer = yield self._follow_up(sa, marked(plan, f"ke{number}"))
            if len(following.methods) == left:
                sa.following = None
        return answer

    def follow_up(
        self, *extra: Payload, sa: IkeSa | None = None, link: bytes | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """IKE_FOLLOWUP_KE: the next additional key exchange of the last CREATE_CHILD_SA, under its link or another."""
        return self._follow_up(sa or self.ike, planned(changes), extra, link)

    def _follow_up(
        self, sa: IkeSa, plan: Plan, extra: tuple[Payload, ...] = (), link: bytes | None = None
    ) -> Request | Note:
        following = sa.following
        if following is None:
            return Note("not sent", f"{self.name}: no additional key exchange is agreed on")
        private = KeyExchange(following.methods[0]).private(self.entropy)
        payloads = (
            v2.KeyExchange(private.group, private.public),
            notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, following.link if link is None else link),
            *extra,
        )
        return self._ask(
            sa,
            Exchange.IKE_FOLLOWUP_KE,
            payloads,
            plan,
            lambda answer: self._follow_up_answered(sa, following, private, answer),
        )

    def _follow_up_answered(self, sa: IkeSa, following: FollowUp, private: Private, answer: Message) -> None:
        shared = agreed(private, private.group, answer.find(v2.KeyExchange))
        if isinstance(shared, str):
            sa.why, sa.following = shared, None
            return
        link = answer.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE)
        if following.exchanged(shared) or link is None:
            sa.following = None
        else:
            following.link = link.data

    def _goes_on(
        self, sa: IkeSa, methods: tuple[int, ...], answer: Message, finish: Callable[[bytes], None]
    ) -> None:
        """The SA is made at once, or after the additional key exchanges that the target chose with it."""
        if not methods:
            finish(b"")
            return
        link = answer.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE)
        if link is None:
            sa.why = "the target named no additional key exchange to go on with"
            return
        sa.following = FollowUp(methods, link.data, finish)

    def _create_request(
        self,
        sa: IkeSa,
        extra: tuple[Payload, ...],
        group: int | None,
        suites: Sequence[ChildSuite] | None,
        subnets: tuple[Sequence[str], Sequence[str]] | None,
        rekeyed: ChildSa | None,
        plan: Plan,
    ) -> Request | Note:
        spi, nonce = self.nonzero(4), self.entropy.octets(NONCE_OCTETS)
        private = None if group is None else KeyExchange(group).private(self.entropy)
        wanted = self._child_suites(suites, rekeyed)
        concern = Concern("child" if rekeyed is None else "child-rekey", rekeyed)
        if rekeyed is not None:
            rekeyed.renewal = concern
        payloads = self._child_payloads(spi, wanted, nonce, private, subnets, rekeyed)
        return self._ask(
            sa,
            Exchange.CREATE_CHILD_SA,
            (*payloads, *extra),
            plan,
            lambda answer: self._child_made(sa, spi, private, nonce, answer, None, concern),
            concern,
        )

    def _child_suites(
        self, suites: Sequence[ChildSuite] | None, rekeyed: ChildSa | None = None
    ) -> tuple[ChildSuite, ...]:
        if suites is not None:
            return tuple(suites)
        ours = tuple(map(child_suite, self.configuration.child_proposals))
        if rekeyed is None:
            return ours
        again = tuple(suite for suite in ours if _but_exchanges(suite) == _but_exchanges(rekeyed.suite))
        return again or (rekeyed.suite,)

    def _child_payloads(
        self,
        spi: bytes,
        suites: tuple[ChildSuite, ...],
        nonce: bytes | None,
        private: Private | None,
        subnets: tuple[Sequence[str], Sequence[str]] | None = None,
        rekeyed: ChildSa | None = None,
    ) -> tuple[Payload, ...]:
        """[N(REKEY_SA)], SA, [Nonce], [KE], TSi, TSr: RFC 7296 sections 1.2, 1.3.1 and 1.3.3."""
        ours, theirs = subnets or (self.configuration.local_subnets, self.configuration.remote_subnets)
        local, remote = selectors(ours), selectors(theirs)
        payloads: list[Payload] = []
        if rekeyed is not None:
            local, remote = rekeyed.local, rekeyed.remote
            payloads.append(v2.Notify(rekeyed.suite.protocol, NotifyType.REKEY_SA, rekeyed.spi_in))
        payloads.append(child_offer(suites, spi, None if private is None else private.group))
        if nonce is not None:
            payloads.append(v2.Nonce(nonce))
        if private is not None:
            payloads.append(v2.KeyExchange(private.group, private.public))
        return (*payloads, v2.TrafficSelectorsI(local), v2.TrafficSelectorsR(remote))

    def _child_made(
        self,
        sa: IkeSa,
        spi: bytes,
        private: Private | None,
        ni: bytes,
        answer: Message,
        nr: bytes | None,
        concern: Concern | None = None,
    ) -> None:
        """Keep the Child SA that an answer completes; without `nr` the answer's own Nonce counts."""
        chosen = answer.find(v2.SecurityAssociation)
        tsi, tsr = answer.find(v2.TrafficSelectorsI), answer.find(v2.TrafficSelectorsR)
        nonce = answer.find(v2.Nonce)
        nr = nonce.data if nr is None and nonce is not None else nr
        accepted = accepted_child(chosen) if chosen is not None else None
        if accepted is None or tsi is None or tsr is None or nr is None or sa.keys is None:
            return
        proposal, suite, _ = accepted
        shared: bytes | str = b""
        if private is not None:
            shared = agreed(private, private.group, answer.find(v2.KeyExchange))
        if isinstance(shared, str):
            sa.why = shared
            return
        sk_d, prf, secret, last = sa.keys.sk_d, sa.keys.suite.prf, shared, nr
        transport = answer.find(v2.Notify, NotifyType.USE_TRANSPORT_MODE) is not None

        def finish(additional: bytes) -> None:
            try:
                keys = child_keys(sk_d, prf, suite, ni, last, secret, additional)
            except UnsupportedAlgorithm as why:
                sa.why = str(why)
                return
            made = ChildSa(spi, proposal.spi, suite, keys, tsi.selectors, tsr.selectors, True, transport)
            self.put_to_use(sa, made)
            if concern is not None:
                concern.makes(made, ni, last)

        self._goes_on(sa, suite.additional, answer, finish)

    def put_to_use(self, sa: IkeSa, child: ChildSa) -> None:
        """Put a Child SA to use."""
        sa.children.append(child)
        by_initiator = child.keys.encr_i, child.keys.integ_i
        by_responder = child.keys.encr_r, child.keys.integ_r
        ours, theirs = (by_initiator, by_responder) if child.initiated else (by_responder, by_initiator)
        pair = child.spi_in, child.spi_out
        self.came_to_carry(*pair, child.suite, theirs, ours, transport=child.transport)

    def rekey_child(
        self,
        child: ChildSa | None = None,
        *extra: Payload,
        pfs: int | bool | None = None,
        delete_old: bool = True,
        **changes: Unpack[Changes],
    ) -> Steps:
        """A new Child SA in place of `child` or the newest, whose Delete follows; the result is the answer to the first.

        When the target's rekey of the same one crossed it and stands, it is the new Child SA that is deleted.
        """
        sa = self.ike
        child = child or sa.child
        if child is None:
            yield self._no_sa(Exchange.CREATE_CHILD_SA, sa)
            return None
        answer = yield from self.create_child(*extra, pfs=pfs, rekeyed=child, sa=sa, **changes)
        renewal = child.renewal
        if delete_old and renewal is not None and isinstance(renewal.made, ChildSa):
            yield self.delete_child(renewal.made if renewal.redundant else child, sa=sa)
        return answer

    def rekey_ike(
        self,
        *extra: Payload,
        suites: Sequence[Suite] | None = None,
        group: int | None = None,
        delete_old: bool = True,
        **changes: Unpack[Changes],
    ) -> Steps:
        """A new IKE SA in place of `ike`, which takes its Child SAs; Delete of the old one follows.

        The result is the answer to CREATE_CHILD_SA. When the target's rekey crossed it and stands, it is the new
        IKE SA that is deleted.
        """
        old, plan = self.ike, planned(changes)
        if old.keys is None:
            yield self._no_sa(Exchange.CREATE_CHILD_SA, old)
            return None
        offered = tuple(suites or (old.keys.suite,))
        group = offered[0].group if group is None else group
        answer: Message | None = None
        for word in ("", "group"):
            answer = yield self._rekey_request(old, offered, group, extra, marked_if(plan, word))
            asked = _group_asked_for(answer) if answer is not None else 0
            if asked == group or asked not in {suite.group for suite in offered}:
                break
            group = asked
        yield from self.follow_ups(old, plan)
        renewal = old.renewal
        if delete_old and renewal is not None and isinstance(renewal.made, IkeSa):
            yield self.delete_ike(sa=renewal.made if renewal.redundant else old)
        return answer

    def _rekey_request(
        self, old: IkeSa, offered: tuple[Suite, ...], group: int, extra: tuple[Payload, ...], plan: Plan
    ) -> Request | Note:
        new = IkeSa(True, self.nonzero(8), local=old.local, remote=old.remote, natt=old.natt)
        new.ni, new.offered, new.group = self.entropy.octets(NONCE_OCTETS), offered, group
        new.private = KeyExchange(group).private(self.entropy)
        payloads = (
            ike_offer(offered, new.spi_i),
            v2.Nonce(new.ni),
            v2.KeyExchange(group, new.private.public),
            *extra,
        )
        old.renewal = concern = Concern("ike-rekey")
        return self._ask(
            old,
            Exchange.CREATE_CHILD_SA,
            payloads,
            plan,
            lambda answer: self._rekeyed(old, new, concern, answer),
            concern,
        )

    def _rekeyed(self, old: IkeSa, new: IkeSa, concern: Concern, answer: Message) -> None:
        chosen, nonce = answer.find(v2.SecurityAssociation), answer.find(v2.Nonce)
        accepted = accepted_ike(chosen) if chosen is not None else None
        if accepted is None or nonce is None or old.keys is None:
            if old.rival is not None:  # RFC 7296 section 2.8.2: the target did not notice ours
                self.replace_ike(old, old.rival)
            return
        proposal, suite = accepted
        if suite not in new.offered or len(proposal.spi) != 8:
            old.why = "the target chose what was not offered"
            return
        shared = agreed(new.private, suite.group, answer.find(v2.KeyExchange))
        if isinstance(shared, str):
            old.why = shared
            return
        new.spi_r, new.nr = proposal.spi, nonce.data
        keys, secret = old.keys, shared

        def finish(additional: bytes) -> None:
            spis, nonces = (new.spi_i, new.spi_r), (new.ni, new.nr)
            try:
                new.keys = rekeyed_keys(keys, suite, *spis, *nonces, secret, additional)
            except UnsupportedAlgorithm as why:
                old.why = str(why)
                return
            concern.makes(new, *nonces)
            self.came_up(old, new, answer)
            self.replace_ike(old, old.rival if concern.redundant and old.rival is not None else new)

        self._goes_on(old, suite.additional, answer, finish)

    def came_up(self, old: IkeSa, new: IkeSa, made_by: Message) -> None:
        """An IKE SA that a rekey made is there; it counts its messages from zero (RFC 7296 section 2.8)."""
        self.came_to_know(new.keys)
        new.inherit(old, made_by)
        self.ike_sas[new.own_spi], new.state = new, State.ESTABLISHED

    def replace_ike(self, old: IkeSa, new: IkeSa) -> None:
        """The new IKE SA inherits the Child SAs of one that was not replaced yet (RFC 7296 section 2.8)."""
        if old.state is not State.ESTABLISHED:
            return
        new.contests = None
        new.children, old.children = old.children, []
        new.syncs_message_ids, new.syncs_replay_counters = old.syncs_message_ids, old.syncs_replay_counters
        old.state = State.REPLACED
        if self.ike is old:
            self.ike = new

    def _pfs_group(self, sa: IkeSa, pfs: int | bool | None) -> int | None:
        if pfs is None:
            return self.configuration.pfs_group
        if pfs is True:
            return self.configuration.pfs_group or (sa.keys.suite.group if sa.keys else None)
        return pfs or None

    # --- INFORMATIONAL ------------------------------------------------------------------------------------------

    def informational(
        self, *payloads: Payload, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """An INFORMATIONAL request with these payloads."""
        return self._ask(sa or self.ike, Exchange.INFORMATIONAL, payloads, planned(changes))

    def liveness(self, *, sa: IkeSa | None = None, **changes: Unpack[Changes]) -> Request | Note:
        """An empty INFORMATIONAL request (RFC 7296 section 2.4)."""
        return self.informational(sa=sa, **changes)

    def delete_child(
        self, child: ChildSa | None = None, *, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """Delete of `child` or the newest Child SA, by the SPI that this end chose (RFC 7296 section 1.4.1)."""
        sa = sa or self.ike
        child = child or sa.child
        if child is None:
            return self._no_sa(Exchange.INFORMATIONAL, sa)

        def answered(_: Message) -> None:
            sa.children = [other for other in sa.children if other is not child]

        delete = v2.Delete(child.suite.protocol, 4, (child.spi_in,))
        concern = Concern("child-delete", child)
        return self._ask(sa, Exchange.INFORMATIONAL, (delete,), planned(changes), answered, concern)

    def delete_ike(self, *, sa: IkeSa | None = None, **changes: Unpack[Changes]) -> Request | Note:
        """Delete of the IKE SA and all its Child SAs."""
        sa = sa or self.ike

        def answered(_: Message) -> None:
            sa.state, sa.children = State.CLOSED, []

        delete = v2.Delete(Protocol.IKE, 0, ())
        return self._ask(sa, Exchange.INFORMATIONAL, (delete,), planned(changes), answered)

    def window(self, size: int, *, sa: IkeSa | None = None, **changes: Unpack[Changes]) -> Request | Note:
        """SET_WINDOW_SIZE: from now on this end keeps so many requests of the target (RFC 7296 section 2.3)."""
        sa = sa or self.ike
        sa.promised = size
        told = notify(NotifyType.SET_WINDOW_SIZE, size.to_bytes(4, "big"))
        return self.informational(told, sa=sa, **changes)

    def synchronise(
        self,
        sends: int,
        expects: int = 0,
        *extra: Payload,
        sa: IkeSa | None = None,
        **changes: Unpack[Changes],
    ) -> Request | Note:
        """As a cluster after a failover: these Message IDs are those to use, and to expect, from now on (RFC 6311).

        `extra` payloads stand at the end. What the target answers counts for this end too.
        """
        sa, plan = sa or self.ike, planned(changes)
        plan = with_fields(plan, message_id=0, due=True if plan.due is None else plan.due)

        def answered(message: Message) -> None:
            told = message.find(v2.Notify, NotifyType.IKEV2_MESSAGE_ID_SYNC)
            if told is not None and len(told.data) == 12:
                sa.expected_message_id = int.from_bytes(told.data[4:8], "big")
                sa.next_message_id = int.from_bytes(told.data[8:], "big")
                sa.answered.clear()

        return self._ask(
            sa, Exchange.INFORMATIONAL, (counters(b"sync", sends, expects), *extra), plan, answered
        )

    # --- any request --------------------------------------------------------------------------------------------

    def request(
        self, exchange: int, *payloads: Payload, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """A sealed request of any exchange type with these payloads."""
        return self._ask(sa or self.ike, exchange, payloads, planned(changes))

    def response(
        self, exchange: int, *payloads: Payload, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Send | Note:
        """A sealed response that nobody asked for, or that answers a request whose `message_id` is given."""
        sa, plan = sa or self.ike, planned(changes)
        if sa.keys is None:
            return self._no_sa(exchange, sa)
        message_id = plan.message_id or 0
        octets = self.sealed(sa, exchange, message_id, payloads, plan, FLAG_RESPONSE)
        return self.said(octets, sa.natt, plan, (sa.local, sa.remote))

    def _ask(
        self,
        sa: IkeSa,
        exchange: int,
        payloads: tuple[Payload, ...],
        plan: Plan,
        then: Then = lambda _: None,
        concern: Concern | None = None,
    ) -> Request | Note:
        if sa.keys is None:
            return self._no_sa(exchange, sa)
        message_id = sa.next_message_id + plan.ahead if plan.message_id is None else plan.message_id
        if plan.message_id is None and (why := sa.must_wait(message_id)):  # RFC 7296 sections 2.1 and 2.3
            return Note("not sent", f"{self.name}: {name_of(Exchange, exchange)}: {why}")
        if plan.is_due:
            sa.unanswered.add(message_id)
        if concern is not None:
            sa.concerns[message_id] = concern
        octets, *further = self.in_pieces(sa, exchange, message_id, payloads, plan)
        sa.waiting[_key(octets)] = then
        return self.asked(octets, sa.natt, plan, ends=(sa.local, sa.remote), further=further)

    def in_pieces(
        self,
        sa: IkeSa,
        exchange: int,
        message_id: int,
        payloads: tuple[Payload, ...],
        plan: Plan,
        flags: int = 0,
    ) -> tuple[bytes, ...]:
        """A message of this SA, `sealed`, or cut into as many fragments as are planned (RFC 7383)."""
        if plan.pieces == 1 or not plan.sealed:
            return (self.sealed(sa, exchange, message_id, payloads, plan, flags),)
        whole = self.sealed(sa, exchange, message_id, payloads, with_fields(plan, bend=None), flags)
        return tuple(map(plan.finished, cut(sa, whole, plan.pieces, self.entropy)))

    def cut_again(self, earlier: str, **changes: Unpack[Changes]) -> Request | Note:
        """The request that was sent whole under the mark `earlier`, in `pieces`: the same message once more."""
        sent, plan = self._sent.get(earlier), planned(changes)
        octets = b"" if sent is None else unframed(sent.data, sent.destination.port in self.nat_ports)
        header = decode_header(octets)
        sa = self.ike_sas.get(header.spi_i) if isinstance(header, Message) else None
        if sa is None or sa.keys is None:
            return Note("not sent", f"{self.name}: nothing was sealed under the mark {earlier!r}")
        first, *further = map(plan.finished, cut(sa, octets, plan.pieces, self.entropy))
        return self.asked(first, sa.natt, plan, ends=(sa.local, sa.remote), further=further)

    def sealed(
        self,
        sa: IkeSa,
        exchange: int,
        message_id: int,
        payloads: tuple[Payload, ...],
        plan: Plan,
        flags: int = 0,
    ) -> bytes:
        """The octets of a message of this SA, its payloads sealed in SK, bent as planned.

        A `change` sees the message with its payloads in clear; when it puts an Encrypted payload there by
        itself, the message goes out as it stands.
        """
        assert sa.keys is not None
        flags |= FLAG_INITIATOR if sa.initiated else 0
        message = plan.changed(Message(sa.spi_i, sa.spi_r, exchange, flags, message_id, payloads))
        if exchange == Exchange.IKE_INTERMEDIATE:
            sa.said_bare = bare_octets_with(with_fields(message, payloads=()), message.payloads)
        if not plan.sealed or v2.Encrypted in message:
            return plan.finished(message.encode())
        keys = sa.keys if plan.keys is None else plan.keys(sa.keys)
        octets = seal(
            with_fields(message, payloads=self._in_clear(sa, exchange)),
            keys,
            by_initiator=sa.initiated,
            iv=self.entropy.octets(iv_size(keys.suite)),
            inner=message.payloads if plan.inner is None else plan.inner,
            padding=plan.padding,
            pad_length=plan.pad_length,
        )
        return plan.finished(octets)

    def _in_clear(self, sa: IkeSa, exchange: int) -> tuple[Payload, ...]:
        """RFC 8019 section 7.2.2: the solution of a puzzle of IKE_AUTH stands before what is sealed."""
        if sa.puzzle is None or exchange != Exchange.IKE_AUTH or sa.state is not State.HALF_OPEN:
            return ()
        return (puzzles.solved(sa.puzzle, auth_string(sa.nr, sa.spi_r)),)

    def _no_sa(self, exchange: int, sa: IkeSa) -> Note:
        """What is yielded in place of a request when there is no SA to send it on."""
        reason = sa.why or f"the IKE SA is {sa.state}"
        return Note("not sent", f"{self.name}: {name_of(Exchange, exchange)}: {reason}")


def agreed(private: Private | None, group: int, exchange: v2.KeyExchange | None) -> bytes | str:
    """The shared secret of a key exchange, or why there is none."""
    if private is None or exchange is None:
        return "no KE payload came"
    if private.group != group or exchange.group != group:
        return f"the KE payload is of group {exchange.group}, the proposal of {group}"
    try:
        return private.shared(exchange.data)
    except InvalidPublicValue as why:
        return str(why)


def _of_shared_key(payload: Payload) -> Payload:
    """What follows EAP is of method 2, whatever secret it was made with."""
    if isinstance(payload, v2.Authentication):
        return replace(payload, method=AuthMethod.SHARED_KEY)
    return payload


def _but_exchanges(suite: ChildSuite) -> ChildSuite:
    """A suite whatever its additional key exchanges: a Child SA that came with IKE_AUTH had none."""
    return with_fields(suite, additional=())


def marked_if(plan: Plan, word: str) -> Plan:
    """The plan of a step's later message, or the plan itself for its first."""
    return marked(plan, word) if word else plan


def notify(kind: int, data: bytes = b"") -> v2.Notify:
    """A Notify about the IKE SA."""
    return v2.Notify(Protocol.NONE, kind, b"", data)


def _group_asked_for(answer: Message) -> int:
    """The group that INVALID_KE_PAYLOAD names, or 0 (RFC 7296 section 1.3)."""
    refusal = answer.find(v2.Notify, NotifyType.INVALID_KE_PAYLOAD)
    return int.from_bytes(refusal.data, "big") if refusal is not None and len(refusal.data) == 2 else 0


def _known(group: int) -> bool:
    try:
        KeyExchange(group)
    except UnsupportedAlgorithm:
        return False
    return True


def _key(octets: bytes) -> tuple[int, int]:
    """The exchange type and Message ID that octets carry after all bending."""
    message = decode_header(octets)
    return (message.exchange, message.message_id) if isinstance(message, Message) else (0, 0)
