"""IKEv1 as the peer starts it: Main, Aggressive and Quick Mode, Informational and DPD, each a step that can be bent."""

from collections.abc import Callable, Sequence
from typing import Unpack

from harness.codes import (
    Doi,
    Exchange,
    NotifyTypeV1,
    Protocol,
    name_of,
)
from harness.crypto import (
    InvalidPublicValue,
    KeyExchange,
    Private,
    UnsupportedAlgorithm,
)
from harness.peer.mischief import HONEST, Changes, Plan, planned
from harness.peer.packets import CarriesPackets
from harness.peer.script import Elapse, Note, Request, Send, Steps
from harness.peer.v1.fragments import FragmentsV1
from harness.peer.v1.nat import NatForms, detection, forms, nat_between
from harness.peer.v1.offers import (
    accepted_phase1,
    isakmp_suite,
    phase1_offer,
)
from harness.peer.v1.proofs import UNHASHED, ProvesV1
from harness.peer.v1.sa import Dialogue, IpsecSa, IsakmpSa, Taken
from harness.peer.v2.sa import State
from harness.profile import Identity, IsakmpPolicy
from harness.sa.nat_traversal import form_of
from harness.sa.v1 import (
    VID_DPD,
    VID_FRAGMENTATION,
    VID_XAUTH,
    exchange_iv,
    informational_hash,
)
from harness.sa.v1 import encrypt as encrypted
from harness.values import replace as with_fields
from harness.wire import Message, Payload, decode, encode_chain, replace, v1

NONCE_OCTETS = 16
APART_S = 0.05
"""Seconds between copies of one message; longer than a path keeps a datagram back."""
VERSION = 0x10
ENCRYPTED = 0x01

Hashing = Callable[[bytes], bytes]
"""Gives a HASH from the octets that follow its payload."""


class StartsV1(ProvesV1, FragmentsV1, CarriesPackets):
    """The steps of IKEv1 that this end starts; `isakmp` is the ISAKMP SA that they work on."""

    isakmp: IsakmpSa
    """The current ISAKMP SA; a blank one before the first."""
    isakmp_sas: dict[bytes, IsakmpSa]
    """All ISAKMP SAs by the cookie that this end chose."""

    # --- phase 1 ------------------------------------------------------------------------------------------------

    def main_mode(
        self,
        *extra: Payload,
        at: int = 5,
        policies: Sequence[IsakmpPolicy] | None = None,
        nat_t: NatForms = False,
        initial_contact: bool = False,
        **changes: Unpack[Changes],
    ) -> Steps:
        """Main Mode for a new ISAKMP SA, which becomes `isakmp`; the result is the last answer.

        The mark, the changes and `extra` are those of message `at`: 1, 3 or 5.
        """
        plan = {at: planned(changes)}
        more = {at: extra}
        first = self._main_1(more.get(1, ()), policies, nat_t, plan.get(1, HONEST))
        answer: Message | None = yield first
        if self.isakmp.suite is None:
            return answer
        third: Message | None = yield self._main_3(more.get(3, ()), plan.get(3, HONEST))
        if third is None or self.isakmp.secrets is None:
            return third or answer
        fifth: Message | None = yield self._main_5(
            more.get(5, ()), None, initial_contact, plan.get(5, HONEST)
        )
        return fifth or third

    def main_mode_1(
        self,
        *extra: Payload,
        policies: Sequence[IsakmpPolicy] | None = None,
        nat_t: NatForms = False,
        **changes: Unpack[Changes],
    ) -> Request:
        """The first message of Main Mode: HDR, SA."""
        return self._main_1(extra, policies, nat_t, planned(changes))

    def main_mode_3(self, *extra: Payload, **changes: Unpack[Changes]) -> Request | Note:
        """The third message of Main Mode: HDR, KE, Ni."""
        return self._main_3(extra, planned(changes))

    def main_mode_5(
        self,
        *extra: Payload,
        identity: Identity | None = None,
        initial_contact: bool = False,
        **changes: Unpack[Changes],
    ) -> Request | Note:
        """The fifth message of Main Mode: HDR*, IDii, HASH_I."""
        return self._main_5(extra, identity, initial_contact, planned(changes))

    def _main_1(
        self,
        extra: tuple[Payload, ...],
        policies: Sequence[IsakmpPolicy] | None,
        nat_t: NatForms,
        plan: Plan,
    ) -> Request:
        offered = tuple(policies or self.configuration.proposals_v1)
        sa, dialogue = self._new_isakmp(Exchange.IDENTITY_PROTECTION, offered, nat_t)
        offer = phase1_offer(offered)
        octets = self.clear(sa, dialogue, (offer, *self.vendor_ids(sa), *extra), plan)
        sa.sai = _sa_body(octets, offer)
        return self.open_request(
            sa, dialogue, octets, plan, lambda message, _: self._main_2_came(sa, message)
        )

    def _new_isakmp(
        self, exchange: int, offered: Sequence[IsakmpPolicy], nat_t: NatForms
    ) -> tuple[IsakmpSa, Dialogue]:
        sa = IsakmpSa(True, exchange, self.nonzero(8), local=self.local, remote=self.remote)
        sa.state, sa.offers_nat_t = State.STARTED, forms(nat_t)
        sa.offered = tuple(map(isakmp_suite, offered))
        sa.ni = self.entropy.octets(NONCE_OCTETS)
        self.isakmp = self.isakmp_sas[sa.cky_i] = sa
        return sa, sa.dialogue(exchange, 0)

    def vendor_ids(self, sa: IsakmpSa) -> tuple[Payload, ...]:
        """What this end says it can do: DPD (RFC 3706), NAT traversal where asked for (RFC 3947), the rest where set up."""
        config = self.configuration.version1
        said = sa.offers_nat_t if sa.initiated else (sa.nat_t,)
        nat_t = tuple(form.vendor_id for form in said if form is not None)
        xauth = () if config.xauth is None else (VID_XAUTH,)
        fragmentation = () if config.fragmentation is None else (VID_FRAGMENTATION,)
        return tuple(v1.VendorId(data) for data in (VID_DPD, *nat_t, *xauth, *fragmentation))

    def _main_2_came(self, sa: IsakmpSa, message: Message) -> Taken:
        why = self._policy_taken(sa, message)
        if why is None:
            sa.cky_r = message.spi_r
        return Taken(why=why)

    def _policy_taken(self, sa: IsakmpSa, message: Message) -> str | None:
        """Take the suite that the target chose, or say why not."""
        answer = message.find(v1.SecurityAssociation)
        suite = accepted_phase1(answer) if answer is not None else None
        if suite is None or suite not in sa.offered:
            sa.why = "the target chose no policy that was offered"
            return sa.why
        sa.suite = suite
        vendors = announced(sa, message)
        sa.nat_t = form_of(vendors, sa.offers_nat_t)
        return None

    def _main_3(self, extra: tuple[Payload, ...], plan: Plan) -> Request | Note:
        sa = self.isakmp
        if sa.suite is None:
            return self.no_isakmp(Exchange.IDENTITY_PROTECTION, sa)
        sa.private = sa.private or KeyExchange(sa.suite.group).private(self.entropy)
        sa.public_i = sa.private.public
        payloads = (
            v1.KeyExchange(sa.public_i),
            v1.Nonce(sa.ni),
            *self.certificates_wanted(sa),
            *detection(sa),
            *extra,
        )
        dialogue = sa.dialogues[0]
        octets = self.clear(sa, dialogue, payloads, plan)
        return self.open_request(
            sa, dialogue, octets, plan, lambda message, _: self._main_4_came(sa, message)
        )

    def _main_4_came(self, sa: IsakmpSa, message: Message) -> Taken:
        ke, nonce = message.find(v1.KeyExchange), message.find(v1.Nonce)
        if ke is None or nonce is None or sa.suite is None:
            return Taken(why="KE or Nonce is missing", counts=False)
        why = self.derive(sa, ke.data, nonce.data)
        if why is None:
            self._nat_looked_for(sa, message)
        return Taken(why=why)

    def _nat_looked_for(self, sa: IsakmpSa, message: Message) -> None:
        """Change ports where a NAT is found and the form of NAT traversal has others (RFC 3947 section 4)."""
        sa.nat_found = nat_between(sa, message)
        if sa.nat_t is not None and sa.nat_t.floats and sa.nat_found:
            sa.natt, sa.local, sa.remote = True, self.local_natt, self.remote_natt

    def derive(self, sa: IsakmpSa, their_public: bytes, their_nonce: bytes) -> str | None:
        """Derive the secrets of `sa` from the other end's KE and Nonce, or say why not."""
        assert sa.suite is not None
        shared = shared_with(sa.private, their_public)
        if isinstance(shared, str):
            sa.why = shared
            return shared
        if sa.initiated:
            sa.nr, sa.public_r = their_nonce, their_public
        else:
            sa.ni, sa.public_i = their_nonce, their_public
        try:
            sa.secrets = self.secrets_of(sa, shared)
        except UnsupportedAlgorithm as why:
            sa.why = str(why)
            return sa.why
        sa.state = State.HALF_OPEN
        sa.last = sa.dialogues[0].iv = sa.secrets.iv0
        self.came_to_know(sa.secrets)
        return None

    def _main_5(
        self, extra: tuple[Payload, ...], identity: Identity | None, initial_contact: bool, plan: Plan
    ) -> Request | Note:
        sa = self.isakmp
        if sa.secrets is None:
            return self.no_isakmp(Exchange.IDENTITY_PROTECTION, sa)
        who = identification(identity or self.configuration.local_id)
        contact = (initial_contact_notify(sa),) if initial_contact else ()
        dialogue = sa.dialogues[0]
        octets = self.sealed_v1(
            sa,
            dialogue,
            (who, *self.shown(sa, who.body, True), *contact, *extra),
            plan,
            lambda _: self.proof(sa, who.body, True),
        )
        return self.open_request(
            sa, dialogue, octets, plan, lambda message, _: self._main_6_came(sa, message)
        )

    def _main_6_came(self, sa: IsakmpSa, message: Message) -> Taken:
        why = self.proven(sa, message, initiator=False)
        if why is not None:
            return Taken(why=why, counts=False)
        sa.state, sa.last = State.ESTABLISHED, sa.dialogues[0].iv
        return Taken()

    def aggressive_mode(
        self,
        *extra: Payload,
        at: int = 1,
        policies: Sequence[IsakmpPolicy] | None = None,
        nat_t: NatForms = False,
        encrypt: bool = True,
        **changes: Unpack[Changes],
    ) -> Steps:
        """Aggressive Mode for a new ISAKMP SA, which becomes `isakmp`; the result is the answer.

        The mark, the changes and `extra` are those of message `at`: 1 or 3. The third message is encrypted
        unless `encrypt` is False.
        """
        plan = planned(changes)
        answer: Message | None = yield self._aggressive_1(
            extra if at == 1 else (), policies, None, nat_t, plan if at == 1 else HONEST
        )
        if self.isakmp.established:
            yield self._aggressive_3(extra if at == 3 else (), encrypt, plan if at == 3 else HONEST)
        return answer

    def aggressive_mode_1(
        self,
        *extra: Payload,
        policies: Sequence[IsakmpPolicy] | None = None,
        identity: Identity | None = None,
        nat_t: NatForms = False,
        **changes: Unpack[Changes],
    ) -> Request:
        """The first message of Aggressive Mode: HDR, SA, KE, Ni, IDii; all policies have the first one's group."""
        return self._aggressive_1(extra, policies, identity, nat_t, planned(changes))

    def aggressive_mode_3(
        self, *extra: Payload, encrypt: bool = True, **changes: Unpack[Changes]
    ) -> Send | Note:
        """The third message of Aggressive Mode: HDR*, HASH_I; nothing answers it."""
        return self._aggressive_3(extra, encrypt, planned(changes))

    def _aggressive_1(
        self,
        extra: tuple[Payload, ...],
        policies: Sequence[IsakmpPolicy] | None,
        identity: Identity | None,
        nat_t: NatForms,
        plan: Plan,
    ) -> Request:
        ours = tuple(policies or self.configuration.proposals_v1)
        offered = tuple(policy for policy in ours if policy.group == ours[0].group)
        sa, dialogue = self._new_isakmp(Exchange.AGGRESSIVE, offered, nat_t)
        sa.private = KeyExchange(ours[0].group).private(self.entropy)
        sa.public_i = sa.private.public
        offer, who = phase1_offer(offered), identification(identity or self.configuration.local_id)
        payloads = (
            offer,
            v1.KeyExchange(sa.public_i),
            v1.Nonce(sa.ni),
            who,
            *self.vendor_ids(sa),
            *extra,
        )
        octets = self.clear(sa, dialogue, payloads, plan)
        sa.sai = _sa_body(octets, offer)
        return self.open_request(
            sa, dialogue, octets, plan, lambda message, _: self._aggressive_2_came(sa, message)
        )

    def _aggressive_2_came(self, sa: IsakmpSa, message: Message) -> Taken:
        ke, nonce = message.find(v1.KeyExchange), message.find(v1.Nonce)
        why = self._policy_taken(sa, message)
        if why is not None or ke is None or nonce is None:
            return Taken(why=why or "KE or Nonce is missing")
        sa.cky_r = message.spi_r
        why = self.derive(sa, ke.data, nonce.data) or self.proven(sa, message, initiator=False)
        if why is None:
            sa.state = State.ESTABLISHED
            self._nat_looked_for(sa, message)
        else:
            sa.why = why
        return Taken(why=why)

    def _aggressive_3(self, extra: tuple[Payload, ...], encrypt: bool, plan: Plan) -> Send | Note:
        sa = self.isakmp
        if sa.secrets is None or sa.exchange != Exchange.AGGRESSIVE:
            return self.no_isakmp(Exchange.AGGRESSIVE, sa)
        who = identification(self.configuration.local_id)
        dialogue = sa.dialogues[0]
        octets = self.sealed_v1(
            sa,
            dialogue,
            (*self.shown(sa, who.body, True), *detection(sa), *extra),
            plan if encrypt else with_fields(plan, sealed=False),
            lambda _: self.proof(sa, who.body, True),
        )
        sa.last, dialogue.said = dialogue.iv, octets
        return self.said(octets, sa.natt, plan, (sa.local, sa.remote))

    # --- Informational ------------------------------------------------------------------------------------------

    def informational_v1(
        self, *payloads: Payload, sa: IsakmpSa | None = None, **changes: Unpack[Changes]
    ) -> Send | Note:
        """An Informational exchange with these payloads: one message that nothing answers; in clear before keys exist."""
        sa, plan = sa or self.isakmp, planned(changes)
        if sa.state is State.NONE:
            return self.no_isakmp(Exchange.INFORMATIONAL_V1, sa)
        octets = self.informational_octets(sa, payloads, plan)
        return self.said(octets, sa.natt, plan, (sa.local, sa.remote))

    def informational_octets(self, sa: IsakmpSa, payloads: tuple[Payload, ...], plan: Plan) -> bytes:
        """The one message of an Informational exchange, under a Message ID of its own."""
        dialogue = self.new_dialogue(sa, Exchange.INFORMATIONAL_V1, plan)
        secrets = sa.secrets
        if secrets is None:
            return self.clear(sa, dialogue, payloads, plan)
        return self.sealed_v1(
            sa,
            dialogue,
            (UNHASHED, *payloads),
            plan,
            lambda rest: informational_hash(secrets, dialogue.message_id, rest),
        )

    def dpd(self, *, sequence: int | None = None, **changes: Unpack[Changes]) -> Request | Note:
        """R-U-THERE (RFC 3706 section 5.2); R-U-THERE-ACK with its sequence number answers it."""
        sa, plan = self.isakmp, planned(changes)
        if sa.secrets is None or too_early(sa, plan):
            return self.no_isakmp(Exchange.INFORMATIONAL_V1, sa)
        if sequence is None:
            sa.sequence = (sa.sequence or int.from_bytes(self.entropy.octets(4), "big") >> 1) + 1
            sequence = sa.sequence
        number = sequence.to_bytes(4, "big")
        octets = self.informational_octets(sa, (dpd_notify(sa, NotifyTypeV1.R_U_THERE, number),), plan)
        check = sa.checks[number] = Dialogue(Exchange.INFORMATIONAL_V1, 0, waiting=True)
        return self.asked(octets, sa.natt, plan, answered(check), (sa.local, sa.remote))

    def delete_v1(
        self,
        what: IpsecSa | IsakmpSa | None = None,
        **changes: Unpack[Changes],
    ) -> Send | Note:
        """Delete of a pair of IPsec SAs or of an ISAKMP SA, by default `isakmp`; nothing answers it."""
        sa = what if isinstance(what, IsakmpSa) else self.isakmp
        if isinstance(what, IpsecSa):
            delete = v1.Delete(Doi.IPSEC, what.suite.protocol, 4, (what.spi_in,))
        else:
            delete = v1.Delete(Doi.IPSEC, Protocol.IKE, 16, (sa.cky_i + sa.cky_r,))
        action = self.informational_v1(delete, sa=sa, **changes)
        if isinstance(what, IpsecSa):
            for other in self.isakmp_sas.values():
                other.children = [child for child in other.children if child is not what]
        elif sa.state is not State.NONE:
            sa.state = State.CLOSED
        return action

    def initial_contact(self, **changes: Unpack[Changes]) -> Send | Note:
        """INITIAL-CONTACT in an Informational exchange of its own (RFC 2407 section 4.6.3.3)."""
        return self.informational_v1(initial_contact_notify(self.isakmp), **changes)

    def surely(self, said: Send | Note, copies: int = 4) -> Steps:
        """A message that nothing answers, sent several times: nobody would learn that its one datagram was lost."""
        yield said
        for _ in range(copies - 1 if isinstance(said, Send) else 0):
            yield Elapse(APART_S)
            yield said
        yield Elapse(APART_S)
        return None

    # --- how messages are made ----------------------------------------------------------------------------------

    def clear(self, sa: IsakmpSa, dialogue: Dialogue, payloads: tuple[Payload, ...], plan: Plan) -> bytes:
        """The octets of a message in clear, bent as planned."""
        return plan.finished(plan.changed(_message(sa, dialogue, payloads)).encode())

    def sealed_v1(
        self,
        sa: IsakmpSa,
        dialogue: Dialogue,
        payloads: tuple[Payload, ...],
        plan: Plan,
        hashing: Hashing,
    ) -> bytes:
        """The octets of an encrypted message, bent as planned; the exchange's IV chain moves on.

        An empty HASH payload that is still there after a `change` gets the right value over what follows it. Raw
        inner octets stand after the HASH where one comes first, else they are all there is.
        """
        assert sa.secrets is not None
        message = _filled(plan.changed(_message(sa, dialogue, payloads)), plan, hashing)
        if not plan.sealed:
            return plan.finished(message.encode())
        secrets = sa.secrets if plan.keys is None else plan.keys(sa.secrets)
        dialogue.base = dialogue.base if dialogue.spoke else dialogue.iv
        octets, dialogue.iv = encrypted(message, secrets, dialogue.base, plan.padding)
        dialogue.spoke = True
        return plan.finished(octets)

    def new_dialogue(self, sa: IsakmpSa, exchange: int, plan: Plan) -> Dialogue:
        """An exchange of ours after phase 1, under a Message ID of its own."""
        number = int.from_bytes(self.nonzero(4), "big") if plan.message_id is None else plan.message_id
        if sa.secrets is None:
            return Dialogue(exchange, number)
        return sa.dialogue(exchange, number, exchange_iv(sa.secrets, sa.chain, number))

    def open_request(
        self,
        sa: IsakmpSa,
        dialogue: Dialogue,
        octets: bytes,
        plan: Plan,
        then: Callable[[Message, bytes], Taken],
    ) -> Request:
        """A request within an exchange, whose answer `then` takes."""
        dialogue.then, dialogue.waiting, dialogue.answer, dialogue.said = then, True, None, b""
        return self.asked(octets, sa.natt, plan, answered(dialogue), (sa.local, sa.remote))

    def no_isakmp(self, exchange: int, sa: IsakmpSa) -> Note:
        """What is yielded in place of a message when there is no SA to send it on."""
        reason = sa.why or f"the ISAKMP SA is {sa.state}"
        return Note("not sent", f"{self.name}: {name_of(Exchange, exchange)}: {reason}")


def announced(sa: IsakmpSa, message: Message) -> set[bytes]:
    """The Vendor IDs of the target; that of fragmentation is kept with the SA."""
    vendors = {payload.data for payload in message.payloads if isinstance(payload, v1.VendorId)}
    sa.fragmentation = sa.fragmentation or any(data.startswith(VID_FRAGMENTATION) for data in vendors)
    return vendors


def answered(dialogue: Dialogue) -> Callable[[Message], bool]:
    """Whether a message is the one that was taken for the answer to the dialogue's open request."""
    return lambda message: dialogue.answer is message


def shared_with(private: Private | None, public: bytes) -> bytes | str:
    """The shared secret of a key exchange, or why there is none."""
    if private is None:
        return "no key exchange is under way"
    try:
        return private.shared(public)
    except (InvalidPublicValue, UnsupportedAlgorithm) as why:
        return str(why)


def identification(identity: Identity) -> v1.Identification:
    """Who an end says it is in phase 1; protocol and port are 0 (RFC 2407 section 4.6.2)."""
    return v1.Identification(identity.id_type, 0, 0, identity.data)


def initial_contact_notify(sa: IsakmpSa) -> v1.Notify:
    """INITIAL-CONTACT about this ISAKMP SA (RFC 2407 section 4.6.3.3)."""
    return v1.Notify(Doi.IPSEC, Protocol.IKE, NotifyTypeV1.INITIAL_CONTACT, sa.cky_i + sa.cky_r, b"")


def dpd_notify(sa: IsakmpSa, kind: int, number: bytes) -> v1.Notify:
    """R-U-THERE or its acknowledgement (RFC 3706 section 5.3)."""
    return v1.Notify(Doi.IPSEC, Protocol.IKE, kind, sa.cky_i + sa.cky_r, number)


def too_early(sa: IsakmpSa, plan: Plan) -> bool:
    """Whether phase 1 is not done and what is to be sent counts on an answer: only a hostile end would send it."""
    return sa.state is State.HALF_OPEN and plan.is_due


def _message(sa: IsakmpSa, dialogue: Dialogue, payloads: tuple[Payload, ...]) -> Message:
    return Message(
        sa.cky_i, sa.cky_r, dialogue.exchange, dialogue.flags, dialogue.message_id, payloads, version=VERSION
    )


def _filled(message: Message, plan: Plan, hashing: Hashing) -> Message:
    """The message with its HASH worked out over what really follows it."""
    payloads = message.payloads
    at = next((n for n, p in enumerate(payloads) if isinstance(p, v1.Hash) and not p.data), None)
    if plan.inner is not None and len(plan.inner) == 2 and isinstance(plan.inner[1], bytes):
        first, octets = plan.inner
        assert isinstance(first, int)
        if at != 0:
            return replace(message, payloads=(), next_payload=first, trailing=octets)
        return replace(message, payloads=(v1.Hash(hashing(octets), next=first),), trailing=octets)
    if plan.inner is not None:
        payloads = (*payloads[: 1 if at == 0 else 0], *plan.inner)
    if at is None or (plan.inner is not None and at != 0):
        return replace(message, payloads=payloads)
    proof = v1.Hash(hashing(encode_chain(payloads[at + 1 :]) + message.trailing))
    return replace(message, payloads=(*payloads[:at], proof, *payloads[at + 1 :]))


def _sa_body(octets: bytes, offer: v1.SecurityAssociation) -> bytes:
    """The body of the SA payload as it went over the wire: SAi_b of every HASH (RFC 2409 section 3.2)."""
    message = decode(octets)
    sent = message.find(v1.SecurityAssociation) if isinstance(message, Message) else None
    return offer.body if sent is None else sent.body
