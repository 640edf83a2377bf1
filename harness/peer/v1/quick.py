"""IKEv1 after phase 1 as the peer starts it: Quick Mode and New Group Mode, each a step that can be bent."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Unpack

from harness.codes import (
    AttributeP1,
    Encapsulation,
    Exchange,
    GroupTypeV1,
    IdTypeV1,
    IsakmpTransform,
    NotifyTypeV1,
    Protocol,
)
from harness.crypto import KeyExchange, Private, encryption_key_size, integrity_key_size, modp_prime
from harness.peer.mischief import HONEST, Changes, Plan, planned
from harness.peer.script import Note, Request, Send, Steps
from harness.peer.v1.offers import phase2_offer, subnet_id, taken_phase2
from harness.peer.v1.proofs import UNHASHED
from harness.peer.v1.sa import Dialogue, IpsecSa, IsakmpSa, Taken
from harness.peer.v1.steps import NONCE_OCTETS, StartsV1, shared_with, too_early
from harness.profile import ChildProposal
from harness.sa.v1 import (
    SaKeys,
    exchange_iv,
    informational_hash,
    quick_hash1,
    quick_hash2,
    quick_hash3,
    quick_keys,
)
from harness.wire import Message, Payload, replace, v1

COMMIT = 0x02
Suites = Sequence[ChildProposal | tuple[ChildProposal, ...]]
"""Suites to offer, the best one first; several protocols that are to serve together stand in a tuple."""


class QuickV1(StartsV1):
    """The steps of Quick Mode and New Group Mode that this end starts."""

    quick: "Quick | None"
    """The Quick Mode under way."""

    def quick_mode(
        self,
        *extra: Payload,
        at: int = 1,
        pfs: int | bool | None = None,
        suites: Suites | None = None,
        ids: tuple[str, str] | None = None,
        mode: int | None = None,
        **changes: Unpack[Changes],
    ) -> Steps:
        """Quick Mode for a pair of IPsec SAs; the result is the answer to the first message.

        `pfs` is the group of its own key exchange, True the configured or the ISAKMP SA's own, False none;
        `ids` are our subnet and the target's; `mode` is the encapsulation mode. The mark, the changes and `extra` are
        those of message `at`: 1 or 3.
        """
        plan = planned(changes)
        before = len(self.isakmp.children)
        first = plan if at == 1 else HONEST
        answer: Message | None = yield self._quick_1(extra if at == 1 else (), pfs, suites, ids, mode, first)
        if len(self.isakmp.children) > before:
            yield self._quick_3(extra if at == 3 else (), plan if at == 3 else HONEST)
        return answer

    def quick_mode_1(
        self,
        *extra: Payload,
        pfs: int | bool | None = None,
        suites: Suites | None = None,
        ids: tuple[str, str] | None = None,
        mode: int | None = None,
        commit: bool = False,
        **changes: Unpack[Changes],
    ) -> Request | Note:
        """The first message of Quick Mode: HDR*, HASH(1), SA, Ni, [KE], IDci, IDcr; with the Commit bit on request."""
        return self._quick_1(extra, pfs, suites, ids, mode, planned(changes), commit=commit)

    def quick_mode_3(self, *extra: Payload, **changes: Unpack[Changes]) -> Send | Note:
        """The third message of Quick Mode: HDR*, HASH(3); nothing answers it."""
        return self._quick_3(extra, planned(changes))

    def _quick_1(
        self,
        extra: tuple[Payload, ...],
        pfs: int | bool | None,
        suites: Suites | None,
        ids: tuple[str, str] | None,
        mode: int | None,
        plan: Plan,
        *,
        commit: bool = False,
    ) -> Request | Note:
        sa = self.isakmp
        if sa.secrets is None or not sa.last or too_early(sa, plan):
            return self.no_isakmp(Exchange.QUICK_MODE, sa)
        group = self._quick_group(sa, pfs)
        known = sa.new_groups.get(group, group)
        private = KeyExchange(known).private(self.entropy) if group else None
        offered = tuple(suites or self.configuration.child_proposals)
        mode = _mode_of(sa) if mode is None else mode
        dialogue = self.new_dialogue(sa, Exchange.QUICK_MODE, plan)
        dialogue.flags = COMMIT if commit else 0
        quick = Quick(sa, dialogue, self.nonzero(4), private, offered, ni=self.entropy.octets(NONCE_OCTETS))
        self.quick = quick
        quick.transport = mode == Encapsulation.TRANSPORT or _in_udp(sa, mode)
        payloads = (
            UNHASHED,
            self.phase2_offer(offered, quick.spi_in, group, mode),
            v1.Nonce(quick.ni),
            *((v1.KeyExchange(private.public),) if private else ()),
            *self._clients(sa, ids, mode),
            *extra,
        )
        secrets = sa.secrets
        octets = self.sealed_v1(
            sa, dialogue, payloads, plan, lambda rest: quick_hash1(secrets, dialogue.message_id, rest)
        )
        return self.open_request(
            sa, dialogue, octets, plan, lambda message, rest: self._quick_2_came(quick, message, rest)
        )

    def _clients(self, sa: IsakmpSa, ids: tuple[str, str] | None, mode: int) -> tuple[Payload, ...]:
        """Client identities: our subnet and the target's; with transport mode the two ends, and how NAT left them."""
        in_udp = _in_udp(sa, mode)
        if ids is not None or not (in_udp or mode == Encapsulation.TRANSPORT):
            ours, theirs = ids or (self.configuration.local_subnets[0], self.configuration.remote_subnets[0])
            return subnet_id(ours), subnet_id(theirs)
        ends = [ip_address(end.address) for end in (sa.local, sa.remote)]
        kinds = {4: IdTypeV1.ID_IPV4_ADDR, 6: IdTypeV1.ID_IPV6_ADDR}
        named = [(kinds[end.version], end.packed) for end in ends]
        hosts = (v1.Identification(kind, 0, 0, data) for kind, data in named)
        if not in_udp or sa.nat_t is None:
            return tuple(hosts)
        return (*hosts, *(sa.nat_t.original(kind, data) for kind, data in named))

    def phase2_offer(self, offered: Suites, spi: bytes, group: int, mode: int) -> v1.SecurityAssociation:
        """What Quick Mode offers, with the configured lifetimes."""
        lifetimes = self.configuration.lifetimes
        seconds = int(lifetimes.child_hard or 28_800)  # RFC 2407 section 4.5: eight hours if nobody says
        return phase2_offer(offered, spi, group, seconds, lifetimes.child_kilobytes, mode)

    def _quick_group(self, sa: IsakmpSa, pfs: int | bool | None) -> int:
        if pfs is None:
            return self.configuration.pfs_group or 0
        if pfs is True:
            return self.configuration.pfs_group or (sa.suite.group if sa.suite else 0)
        return int(pfs)

    def _quick_2_came(self, quick: "Quick", message: Message, rest: bytes) -> Taken:
        secrets = quick.sa.secrets
        proof = message.find(v1.Hash)
        assert secrets is not None
        if proof is None or proof.data != quick_hash2(secrets, quick.dialogue.message_id, quick.ni, rest):
            return Taken(why="HASH(2) is wrong", counts=False)
        answer, nonce = message.find(v1.SecurityAssociation), message.find(v1.Nonce)
        taken = taken_phase2(answer, quick.offered) if answer is not None else ()
        if not taken or nonce is None:
            return Taken(why="the target chose nothing that was offered")
        quick.nr, ke = nonce.data, message.find(v1.KeyExchange)
        shared: bytes | str = b""
        if quick.private is not None:
            shared = shared_with(quick.private, ke.data) if ke is not None else "no KE payload came"
        if isinstance(shared, str):
            return Taken(why=shared)
        for proposal, _, suite, _ in taken:
            self.keep_child(quick, suite, proposal.spi, shared, initiated=True)
        return Taken()

    def keep_child(
        self, quick: "Quick", suite: ChildProposal, spi_out: bytes, shared: bytes, *, initiated: bool
    ) -> None:
        """Derive the keys of both IPsec SAs and keep the pair (RFC 2409 section 5.5)."""
        secrets = quick.sa.secrets
        assert secrets is not None
        encr = encryption_key_size(suite.encr, suite.key_bits) if suite.protocol == Protocol.ESP else 0
        auth = integrity_key_size(suite.integ)

        def keys(spi: bytes) -> SaKeys:
            return quick_keys(secrets, suite.protocol, spi, quick.ni, quick.nr, encr, auth, shared)

        pair = IpsecSa(quick.spi_in, spi_out, suite, keys(quick.spi_in), keys(spi_out), initiated)
        quick.sa.children.append(pair)
        keys_of_both = pair.keys_in, pair.keys_out
        self.came_to_carry(pair.spi_in, pair.spi_out, suite, *keys_of_both, transport=quick.transport)

    def _quick_3(self, extra: tuple[Payload, ...], plan: Plan) -> Send | Note:
        quick = self.quick
        if quick is None or not quick.nr or quick.sa.secrets is None:
            return self.no_isakmp(Exchange.QUICK_MODE, self.isakmp)
        sa, dialogue, secrets = quick.sa, quick.dialogue, quick.sa.secrets
        octets = self.sealed_v1(
            sa,
            dialogue,
            (UNHASHED, *extra),
            plan,
            lambda _: quick_hash3(secrets, dialogue.message_id, quick.ni, quick.nr),
        )
        dialogue.said = octets
        return self.said(octets, sa.natt, plan, (sa.local, sa.remote))

    def connected(self, **changes: Unpack[Changes]) -> Send | Note:
        """CONNECTED under the Message ID of the Quick Mode whose Commit bit this end set (RFC 2408 section 3.1)."""
        quick, plan = self.quick, planned(changes)
        if quick is None or quick.sa.secrets is None:
            return self.no_isakmp(Exchange.INFORMATIONAL_V1, self.isakmp)
        sa, number, secrets = quick.sa, quick.dialogue.message_id, quick.sa.secrets
        dialogue = Dialogue(Exchange.INFORMATIONAL_V1, number, exchange_iv(secrets, sa.chain, number))
        notify = v1.Notify(protocol=Protocol.ESP, notify_type=NotifyTypeV1.CONNECTED, spi=quick.spi_in)
        octets = self.sealed_v1(
            sa, dialogue, (UNHASHED, notify), plan, lambda rest: informational_hash(secrets, number, rest)
        )
        return self.said(octets, sa.natt, plan, (sa.local, sa.remote))

    def new_group_mode(self, group: int, number: int = 1 << 15, **changes: Unpack[Changes]) -> Request | Note:
        """New Group Mode for a number of its own that a known MODP group is to have (RFC 2409 section 5.6)."""
        sa, plan = self.isakmp, planned(changes)
        if sa.secrets is None or not sa.last or too_early(sa, plan):
            return self.no_isakmp(Exchange.NEW_GROUP_MODE, sa)
        prime, secrets = modp_prime(group), sa.secrets
        attributes = (
            v1.Attribute(AttributeP1.GROUP_DESCRIPTION, number),
            v1.Attribute(AttributeP1.GROUP_TYPE, GroupTypeV1.MODP),
            v1.Attribute(AttributeP1.GROUP_PRIME, prime.to_bytes((prime.bit_length() + 7) // 8, "big")),
            v1.Attribute(AttributeP1.GROUP_GENERATOR_ONE, b"\x02"),
        )
        transform = v1.Transform(1, IsakmpTransform.KEY_IKE, attributes)
        offer = v1.SecurityAssociation(proposals=(v1.Proposal(1, Protocol.IKE, b"", (transform,)),))
        dialogue = self.new_dialogue(sa, Exchange.NEW_GROUP_MODE, plan)
        octets = self.sealed_v1(
            sa,
            dialogue,
            (UNHASHED, offer),
            plan,
            lambda rest: informational_hash(secrets, dialogue.message_id, rest),
        )

        def came(message: Message, rest: bytes) -> Taken:
            proof = message.find(v1.Hash)
            if proof is None or proof.data != informational_hash(secrets, dialogue.message_id, rest):
                return Taken(why="HASH(2) is wrong", counts=False)
            if message.find(v1.SecurityAssociation) == replace(offer, next=None):
                sa.new_groups[number] = group
            return Taken()

        return self.open_request(sa, dialogue, octets, plan, came)


def _in_udp(sa: IsakmpSa, mode: int) -> bool:
    """Whether a mode is transport mode in UDP, by the number that the two ends agreed on."""
    return sa.nat_t is not None and mode == sa.nat_t.transport


def _mode_of(sa: IsakmpSa) -> int:
    """Tunnel mode, in UDP where a NAT was found."""
    return sa.nat_t.tunnel if sa.nat_found and sa.nat_t is not None else Encapsulation.TUNNEL


class Quick:
    """A Quick Mode under way."""

    __slots__ = ("dialogue", "ni", "nr", "offered", "private", "sa", "spi_in", "transport")

    def __init__(
        self,
        sa: IsakmpSa,
        dialogue: Dialogue,
        spi_in: bytes,
        private: Private | None,
        offered: Suites,
        *,
        ni: bytes = b"",
        nr: bytes = b"",
    ) -> None:
        self.sa, self.dialogue, self.spi_in = sa, dialogue, spi_in
        self.private, self.offered, self.ni, self.nr = private, offered, ni, nr
        self.transport = False
