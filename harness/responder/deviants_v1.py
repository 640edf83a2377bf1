"""Responders with one rule of version 1 broken, each for the cases that must catch it."""

from collections.abc import Callable, Iterable
from typing import Any

from harness.codes import AttributeP1, AttributeP2, Exchange, LifeType, NotifyTypeV1, Trigger
from harness.profile import Configuration
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.rules import HONEST
from harness.responder.state import Selector, Timer
from harness.responder.step import NOTHING, Armed, Step, drop
from harness.responder.table import Rules
from harness.responder.v1 import (
    clients,
    dispatch,
    guards,
    informational,
    main,
    peers,
    proposals,
    quick,
    start_phase1,
    suites,
)
from harness.responder.v1.messages import (
    first_iv,
    last_block,
    notify_about,
    quick_2,
    sealed,
)
from harness.responder.v1.messages import informational as said_alone
from harness.responder.v1.state import IsakmpSa, Phase1, Phase2, Quick
from harness.sa.opened import Opened
from harness.sa.v1 import decrypt, hash_i, quick_hash1
from harness.values import replace
from harness.wire import Message, decode, encode_chain, v1
from harness.wire import replace as replace_message

Payloads = tuple[Any, ...]
Change = Callable[[Incoming, Payloads], Payloads]
Cell = Callable[[Context, IsakmpSa, Incoming], Step]

MAIN_1 = (Phase1.IDLE, Exchange.IDENTITY_PROTECTION)
MAIN_3 = (Phase1.MAIN_2, Exchange.IDENTITY_PROTECTION)
MAIN_5 = (Phase1.MAIN_4, Exchange.IDENTITY_PROTECTION)
AGGRESSIVE_1 = (Phase1.IDLE, Exchange.AGGRESSIVE)
AGGRESSIVE_3 = (Phase1.AGGRESSIVE_2, Exchange.AGGRESSIVE)
QUICK_1 = (Phase2.NEW, Exchange.QUICK_MODE)
QUICK_3 = (Phase2.QUICK_2, Exchange.QUICK_MODE)
INFORMED = (Phase1.ESTABLISHED, Exchange.INFORMATIONAL_V1)
NEW_GROUP = (Phase1.ESTABLISHED, Exchange.NEW_GROUP_MODE)


def _cell(key: tuple[str, int], cell: Cell) -> Rules:
    return HONEST.but("requests", key, cell)


def _no_guard(name: str) -> Rules:
    """The honest table without what this guard demands."""
    return HONEST.but("guards", name, lambda *_: None)


# Answers with something else in them than an honest responder says


def _clear_answer(key: tuple[str, int], honest: Cell, change: Change) -> Rules:
    """The honest table, with the payloads of an answer in clear passed through `change`."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        step = honest(context, sa, request)
        if not step.changed:
            return step
        after = step.changed[0]
        assert isinstance(after, IsakmpSa)
        message = decode(after.sent)
        assert isinstance(message, Message)
        octets = replace_message(message, payloads=change(request, message.payloads)).encode()
        return replace(step, changed=(replace(after, sent=octets),), send=(request.reply(octets),))

    return _cell(key, cell)


def _main_6(change: Change) -> Rules:
    """The honest table, with the payloads of the sixth message of Main Mode passed through `change`."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        step = main.answer_main_5(context, sa, request)
        if not step.changed:
            return step
        up, iv = step.changed[0], last_block(sa, request.octets)
        assert isinstance(up, IsakmpSa)
        payloads = change(request, _opened(sa, up.sent, iv))
        octets = sealed(sa, Exchange.IDENTITY_PROTECTION, 0, iv, payloads)
        up = replace(up, sent=octets, last_block=last_block(sa, octets))
        return replace(step, send=(request.reply(octets),), changed=(up,))

    return _cell(MAIN_5, cell)


def _opened(sa: IsakmpSa, octets: bytes, iv: bytes) -> Payloads:
    assert sa.secrets is not None
    opened, _ = decrypt(octets, sa.secrets, iv)
    assert isinstance(opened, Opened)
    return opened.payloads


Seal = Callable[[IsakmpSa, Quick, Payloads], bytes]


def _quick_2(change: Change, seal: Seal = quick_2) -> Rules:
    """The honest table, with the second message of Quick Mode passed through `change` and protected by `seal`."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        step = quick.answer_quick_1(context, sa, request)
        after = step.changed[0] if step.changed else None
        answered = after.exchange(request.message.message_id) if isinstance(after, IsakmpSa) else None
        if not isinstance(after, IsakmpSa) or answered is None or answered.state is not Phase2.QUICK_2:
            return step
        iv = last_block(sa, request.octets)
        payloads = change(request, _opened(sa, answered.sent, iv)[1:])
        octets = seal(sa, replace(answered, iv=iv), payloads)
        answered = replace(answered, sent=octets, iv=last_block(sa, octets))
        return replace(step, send=(request.reply(octets),), changed=(after.with_quick(answered),))

    return _cell(QUICK_1, cell)


def _without(kind: type) -> Change:
    return lambda _, payloads: tuple(p for p in payloads if not isinstance(p, kind))


def _lifetime_of_its_own(request: Incoming, payloads: Payloads) -> Payloads:
    """Every duration in seconds in the transform chosen is half an hour, in phase 1 and in phase 2 alike."""
    return tuple(
        _rewritten(p, _half_an_hour) if isinstance(p, v1.SecurityAssociation) else p for p in payloads
    )


def _half_an_hour(transform: v1.Transform) -> v1.Transform:
    told = transform.attributes
    types = {i + 1 for i, a in enumerate(told[:-1]) if a.value == LifeType.SECONDS and a.type in _LIFE_TYPES}
    ours = tuple(replace_message(a, value=1800) if i in types else a for i, a in enumerate(told))
    return replace_message(transform, attributes=ours)


_LIFE_TYPES = (AttributeP1.LIFE_TYPE, AttributeP2.SA_LIFE_TYPE)


def _rewritten(
    sa: v1.SecurityAssociation, change: Callable[[v1.Transform], v1.Transform]
) -> v1.SecurityAssociation:
    (proposal,) = sa.proposals
    transforms = tuple(map(change, proposal.transforms))
    return replace_message(sa, proposals=(replace_message(proposal, transforms=transforms),))


@deviant("v1-writes-its-own-lifetime", "RFC2409-5-25")
def _own_lifetime() -> Rules:
    """Puts its own lifetime into the phase 1 transform that it chose."""
    return _clear_answer(MAIN_1, main.answer_main_1, _lifetime_of_its_own)


@deviant("v1-writes-its-own-lifetime-in-phase-2", "RFC2409-5-25")
def _own_lifetime_2() -> Rules:
    """Puts its own lifetime into the phase 2 transform that it chose."""
    return _quick_2(_lifetime_of_its_own)


@deviant("v1-returns-every-transform", "RFC2408-4.2-10")
def _every_transform() -> Rules:
    """Returns all transforms of the offer, so that nobody knows which one it chose."""

    def change(request: Incoming, payloads: Payloads) -> Payloads:
        return (replace_message(request.find(v1.SecurityAssociation), next=None), *payloads[1:])

    return _clear_answer(MAIN_1, main.answer_main_1, change)


@deviant("v1-leaves-its-identity-out", "RFC2409-5.4-02")
def _nameless() -> Rules:
    """Ends Main Mode without saying who it is."""
    return _main_6(_without(v1.Identification))


@deviant("v1-leaves-hash-r-out", "RFC2409-5.4-03")
def _unproved() -> Rules:
    """Answers Aggressive Mode without HASH_R."""
    return _clear_answer(AGGRESSIVE_1, main.answer_aggressive_1, _without(v1.Hash))


def _wrong_hash(_: Incoming, payloads: Payloads) -> Payloads:
    return tuple(replace_message(p, data=p.data[::-1]) if isinstance(p, v1.Hash) else p for p in payloads)


@deviant("v1-proves-itself-wrongly", "RFC2409-5-32")
def _wrong_proof() -> Rules:
    """Ends Main Mode with a HASH_R that proves nothing."""
    return _main_6(_wrong_hash)


@deviant("v1-proves-itself-wrongly-in-aggressive-mode", "RFC2409-5-32")
def _wrong_proof_aggressive() -> Rules:
    """Answers Aggressive Mode with a HASH_R that proves nothing."""
    return _clear_answer(AGGRESSIVE_1, main.answer_aggressive_1, _wrong_hash)


@deviant("v1-leaves-the-clients-out", "RFC2409-5.5-10")
def _clientless() -> Rules:
    """Answers Quick Mode without the client identities that it was asked for."""
    return _quick_2(_without(v1.Identification))


@deviant("v1-leaves-the-key-exchange-out", "RFC2409-5.5-08")
def _keyless() -> Rules:
    """Answers a Quick Mode with KE payload without one."""
    return _quick_2(_without(v1.KeyExchange))


@deviant("v1-leaves-ni-out-of-hash-2", "RFC2409-5.5-17")
def _hash_2() -> Rules:
    """Computes HASH(2) as though it were HASH(1), without the initiator's nonce."""

    def seal(sa: IsakmpSa, answered: Quick, payloads: Payloads) -> bytes:
        assert sa.secrets is not None
        proof = v1.Hash(data=quick_hash1(sa.secrets, answered.message_id, encode_chain(payloads)))
        return sealed(sa, Exchange.QUICK_MODE, answered.message_id, answered.iv, (proof, *payloads))

    return _quick_2(lambda _, payloads: payloads, seal)


@deviant("v1-responder-lifetime-names-the-peers-spi", "RFC2407-4.6.3.1-02")
def _lifetime_of_whom() -> Rules:
    """Sends RESPONDER-LIFETIME with the SPI that the peer chose, not its own."""

    def decision(
        context: Context, chosen: suites.ChosenIpsec, protocol: suites.ChosenProtocol, spi_in: bytes
    ) -> tuple[v1.Notify, ...]:
        return quick.responder_lifetime(context, chosen, protocol, protocol.spi)

    return HONEST.but("decisions", "responder_lifetime", decision)


# Taking what must be refused


def _any_key_length(configuration: Configuration) -> Configuration:
    """The configuration of a device that looks at ciphers and not at their key lengths."""
    return replace(
        configuration,
        proposals_v1=tuple(_of_all_lengths(configuration.proposals_v1)),
        child_proposals=tuple(_of_all_lengths(configuration.child_proposals)),
    )


def _of_all_lengths(suites: Iterable[Any]) -> Iterable[Any]:
    for suite in suites:
        yield suite
        if suite.key_bits is not None:
            yield from (replace(suite, key_bits=bits) for bits in (128, 192, 256))


@deviant("v1-ignores-key-lengths-in-phase-1", "RFC2408-5.4-09")
def _any_length_1() -> Rules:
    """Takes a phase 1 transform of any key length, whatever its policy."""

    def decision(context: Context, offer: v1.SecurityAssociation, ke_octets: int | None) -> Any:
        lax = replace(context, configuration=_any_key_length(context.configuration))
        return proposals.choose_isakmp(lax, offer, ke_octets)

    return HONEST.but("decisions", "choose_isakmp", decision)


@deviant("v1-ignores-key-lengths-in-phase-2", "RFC2408-5.4-09")
def _any_length_2() -> Rules:
    """Takes a phase 2 transform of any key length, whatever its transform set."""

    def decision(context: Context, sa: IsakmpSa, offer: v1.SecurityAssociation, with_ke: bool) -> Any:
        lax = replace(context, configuration=_any_key_length(context.configuration))
        return suites.choose_ipsec(lax, sa, offer, with_ke)

    return HONEST.but("decisions", "choose_ipsec", decision)


@deviant("v1-takes-any-group", "RFC2408-5.4-09")
def _any_group() -> Rules:
    """Takes a Quick Mode of any group or none, though its policy demands one."""

    def decision(context: Context, sa: IsakmpSa, offer: v1.SecurityAssociation, with_ke: bool) -> Any:
        lax = replace(context, configuration=replace(context.configuration, pfs_group=None))
        return suites.choose_ipsec(lax, sa, offer, with_ke)

    return HONEST.but("decisions", "choose_ipsec", decision)


@deviant("v1-takes-what-does-not-open", "RFC2409-5-33")
def _opens_anything() -> Rules:
    """Takes a message of phase 1 that does not open for the proof that it should hold."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | Incoming | None:
        opened = guards.phase1_opens(context, sa, incoming)
        wanted = context.configuration.remote_id
        if not isinstance(opened, Step) or sa.secrets is None or wanted is None:
            return opened
        who = v1.Identification(id_type=wanted.id_type, data=wanted.data)
        proof = v1.Hash(data=hash_i(sa.secrets, sa.public_i, sa.public_r, sa.sai_b, who.body))
        return incoming.opened((who, proof), None, b"")

    return HONEST.but("guards", "phase1_opens", guard)


@deviant("v1-believes-any-hash", "RFC2409-5-33")
def _believes_any_hash() -> Rules:
    """Believes every HASH_I."""
    return HONEST.but("decisions", "isakmp_believes", lambda *_: True)


@deviant("v1-believes-any-identity", "CISCO-RO-27")
def _believes_anybody() -> Rules:
    """Believes that a peer is whoever it says, configured or not, if it knows the key."""
    return HONEST.but("decisions", "isakmp_knows", lambda *_: True)


@deviant("v1-believes-any-hash-in-phase-2", "RFC2409-5.5-04")
def _believes_any_hash_2() -> Rules:
    """Does not compare the HASH of messages after phase 1."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        first = incoming.payloads[0]
        return None if isinstance(first, v1.Hash) else guards.phase2_hash(context, sa, incoming)

    return HONEST.but("guards", "phase2_hash", guard)


@deviant("v1-needs-no-hash", "RFC2409-5.7-01")
def _needs_no_hash() -> Rules:
    """Takes messages after phase 1 that have no HASH at all."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        first = incoming.payloads[0]
        return guards.phase2_hash(context, sa, incoming) if isinstance(first, v1.Hash) else None

    return HONEST.but("guards", "phase2_hash", guard)


@deviant("v1-serves-before-authentication", "RFC2409-4-02")
def _serves_early() -> Rules:
    """Serves Quick Mode as soon as there are keys, before the peer has proved who it is."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        return None if sa.secrets is not None else guards.phase2_established(context, sa, incoming)

    return HONEST.but("guards", "phase2_established", guard)


@deviant("v1-takes-any-clients", "RFC2409-5.5-11")
def _any_clients() -> Rules:
    """Makes IPsec SAs for whatever client identities it is asked for."""

    def decision(context: Context, sa: IsakmpSa, identities: Payloads) -> Any:
        named = [clients.read_client(identity) for identity in identities]
        if len(named) == 2 and named[0] is not None and named[1] is not None:
            return named[1], named[0]
        return clients.accept_clients(context, sa, identities)

    return HONEST.but("decisions", "accept_clients", decision)


@deviant("v1-takes-names-for-clients", "RFC2408-5.8-03")
def _names_for_clients() -> Rules:
    """Takes a client identity that it cannot read for the subnet that it expects there."""

    def decision(context: Context, sa: IsakmpSa, identities: Payloads) -> Any:
        unread = any(clients.read_client(identity) is None for identity in identities)
        expected: tuple[Selector, Selector] = clients.configured_pairs(context)[0]
        return expected if unread else clients.accept_clients(context, sa, identities)

    return HONEST.but("decisions", "accept_clients", decision)


@deviant("v1-takes-any-domain", "RFC2408-5.4-03")
def _any_domain() -> Rules:
    """Answers an offer in any domain of interpretation and for any situation."""
    return _no_guard("phase1_offer")


@deviant("v1-ignores-flags", "RFC2408-5.2-15")
def _any_flags() -> Rules:
    """Answers a message with flags that do not exist."""
    return _no_guard("isakmp_flags")


@deviant("v1-ignores-message-ids-of-phase-1", "RFC2408-5.2-18")
def _any_message_id() -> Rules:
    """Answers a first message that has a Message ID."""
    return _no_guard("phase1_message_id")


@deviant("v1-ignores-reserved-fields", "RFC2408-5.3-06")
def _any_reserved() -> Rules:
    """Answers a message whose payloads have reserved octets set."""
    return _no_guard("phase1_well_formed")


@deviant("v1-ignores-what-is-behind-the-message", "RFC2408-5.1-02")
def _any_length() -> Rules:
    """Answers a message that is longer than its header says, as though it ended there."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | Incoming | None:
        stated = incoming.message.length
        if stated is None or stated > len(incoming.octets):
            return guards.isakmp_length(context, sa, incoming)
        message = decode(incoming.octets[:stated])
        assert isinstance(message, Message)
        octets = incoming.octets[:stated]
        return replace(incoming, message=message, octets=octets, payloads=message.payloads, why=message.why)

    return HONEST.but("guards", "isakmp_length", guard)


@deviant("v1-takes-any-exchange-for-main-mode", "RFC2408-5.2-12")
def _any_exchange() -> Rules:
    """Answers the first message of an exchange type that does not exist as though it were Main Mode's."""

    def decision(context: Context, incoming: Incoming) -> Step:
        message = replace_message(incoming.message, exchange=Exchange.IDENTITY_PROTECTION)
        return dispatch.receive(context, replace(incoming, message=message))

    return HONEST.but("decisions", "unknown_exchange", decision)


# Refusing what must be taken


def _drops_in_main_3(refused: Callable[[v1.Nonce], bool]) -> Rules:
    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        nonce = request.find(v1.Nonce)
        if nonce is not None and refused(nonce):
            return drop("a nonce of another length than it likes")
        return main.answer_main_3(context, sa, request)

    return _cell(MAIN_3, cell)


@deviant("v1-wants-longer-nonces", "RFC2409-5-12")
def _longer_nonces() -> Rules:
    """Refuses nonces of fewer than 16 octets."""
    return _drops_in_main_3(lambda nonce: len(nonce.data) < 16)


@deviant("v1-wants-shorter-nonces", "RFC2409-5-12")
def _shorter_nonces() -> Rules:
    """Refuses nonces of more than 128 octets."""
    return _drops_in_main_3(lambda nonce: len(nonce.data) > 128)


@deviant("v1-wants-payloads-in-order", "RFC2409-5-08")
def _in_order() -> Rules:
    """Takes the third message of Main Mode only if KE comes before the nonce."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        if not isinstance(request.payloads[0], v1.KeyExchange):
            return drop("KE does not come first")
        return main.answer_main_3(context, sa, request)

    return _cell(MAIN_3, cell)


@deviant("v1-never-ends-aggressive-mode", "CISCO-RO-06")
def _never_aggressive() -> Rules:
    """Begins Aggressive Mode and never takes its third message."""
    return _cell(AGGRESSIVE_3, lambda *_: drop("no third message"))


@deviant("v1-one-phase-1-at-a-time", "CISCO-RO-06")
def _one_at_a_time() -> Rules:
    """Forgets a Main Mode under way when the same peer begins another."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        step = main.answer_main_1(context, sa, request)
        under_way = (s for s in context.world.all() if isinstance(s, IsakmpSa) and not s.up)
        source = request.datagram.source
        return replace(step, gone=tuple(s.ours for s in under_way if s.remote == source))

    return _cell(MAIN_1, cell)


@deviant("v1-keeps-to-its-first-isakmp-sa", "CISCO-RO-07")
def _keeps_first() -> Rules:
    """Ignores a Main Mode of a peer with which it has an ISAKMP SA already."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        source = request.datagram.source
        if any(s.remote == source for s in peers.standing(context)):
            return drop("there is an ISAKMP SA already")
        return main.answer_main_1(context, sa, request)

    return _cell(MAIN_1, cell)


@deviant("v1-one-quick-mode-each", "CISCO-RO-07")
def _one_quick_mode() -> Rules:
    """Serves one Quick Mode under each ISAKMP SA and no other."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        if sa.quick or sa.children:
            return drop("there was a Quick Mode already")
        return quick.answer_quick_1(context, sa, request)

    return _cell(QUICK_1, cell)


@deviant("v1-one-iv-for-all", "RFC2409-B-12")
def _one_iv() -> Rules:
    """Goes on with the IV of the Quick Mode under way when another one begins."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | Incoming:
        under_way = [q for q in sa.quick if q.state is Phase2.QUICK_2]
        if not under_way or sa.exchange(incoming.message.message_id) is not None:
            return guards.phase2_opens(context, sa, incoming)
        opened = guards.unseal(sa, incoming, under_way[-1].iv)
        return drop(opened) if isinstance(opened, str) else opened

    return HONEST.but("guards", "phase2_opens", guard)


@deviant("v1-silent-on-foreign-clients", "RFC2409-5.5-12")
def _silent_on_clients() -> Rules:
    """Refuses client identities without a word."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        named = request.all(v1.Identification)
        if named and context.decide("accept_clients", sa, named) is None:
            return drop("client identities that are not acceptable")
        return quick.answer_quick_1(context, sa, request)

    return _cell(QUICK_1, cell)


@deviant("v1-silent-on-new-groups", "RFC2409-5.6-05")
def _silent_on_groups() -> Rules:
    """Refuses New Group Mode without a word."""
    return _cell(NEW_GROUP, lambda *_: drop("no new groups"))


# Repetition, replay and time


@deviant("v1-fresh-answer-to-a-repeat", "CISCO-RO-34")
def _fresh_phase_1() -> Rules:
    """Begins another phase 1 for each copy of a first message."""
    return _no_guard("phase1_repeated")


@deviant("v1-answers-a-repeated-quick-mode-afresh", "CISCO-RO-34")
def _fresh_phase_2() -> Rules:
    """Answers each copy of a first Quick Mode message with another nonce and SPI."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        asked = sa.exchange(incoming.message.message_id)
        if asked is None or asked.received != incoming.octets or asked.state is not Phase2.QUICK_2:
            return guards.phase2_repeated(context, sa, incoming)
        blank = replace(sa.without_quick(asked.message_id), used=sa.used - {asked.message_id})
        opened = guards.unseal(blank, incoming, first_iv(blank, asked.message_id))
        return drop(opened) if isinstance(opened, str) else quick.answer_quick_1(context, blank, opened)

    return HONEST.but("guards", "phase2_repeated", guard)


@deviant("v1-forgets-message-ids", "RFC2408-5.2-18")
def _forgets_ids() -> Rules:
    """Forgets the Message ID of a Quick Mode as soon as it is done."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        step = quick.take_quick_3(context, sa, request)
        done = step.changed[0]
        assert isinstance(done, IsakmpSa)
        message_id = request.message.message_id
        blank = replace(done.without_quick(message_id), used=done.used - {message_id})
        return replace(step, changed=(blank,))

    return _cell(QUICK_3, cell)


@deviant("v1-repeats-at-a-fixed-pace", "RFC2408-5.1-07")
def _fixed_pace() -> Rules:
    """Sends its last message again every second."""
    honest = HONEST.timers[1, Timer.RETRANSMIT]

    def steady(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
        step = honest(context, sa, armed)
        soon = tuple((ours, replace(each, due=context.now + 1.0)) for ours, each in step.armed)
        return replace(step, armed=soon)

    return HONEST.but("timers", (1, Timer.RETRANSMIT), steady)


@deviant("v1-lets-half-open-sas-live", "RFC2408-5.1-11")
def _immortal() -> Rules:
    """Never forgets a phase 1 whose peer did not come back."""
    return HONEST.but("timers", (1, Timer.HALF_OPEN), lambda *_: NOTHING)


# Informational exchanges


@deviant("v1-obeys-deletes-in-clear", "RFC2408-5.15-01")
def _obeys_clear() -> Rules:
    """Obeys a Delete that nothing protects."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        deletes = incoming.all(v1.Delete)
        if incoming.message.encrypted or not deletes:
            return guards.phase2_protection(context, sa, incoming)
        return context.answer("heed_deletes", sa, deletes)

    return HONEST.but("guards", "phase2_protection", guard)


@deviant("v1-outlives-its-deletion", "RFC2408-5.15-03")
def _outlives() -> Rules:
    """Goes on with SAs that the peer has deleted."""
    return HONEST.but("decisions", "heed_deletes", lambda _, sa, __: Step(changed=(sa,)))


def _forgets_others(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step:
    """All the peer's other SAs gone, if the message says INITIAL-CONTACT, protected or not."""
    if not any(peers.is_initial_contact(notify) for notify in incoming.all(v1.Notify)):
        return NOTHING
    return Step(gone=tuple(s.ours for s in peers.standing(context) if s.ours != sa.ours))


@deviant("v1-heeds-initial-contact-in-clear", "RFC2407-4.6.3-01")
def _clear_contact() -> Rules:
    """Gives a peer's older SAs up for an INITIAL-CONTACT that nothing protects."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        if incoming.message.encrypted:
            return None
        return replace(_forgets_others(context, sa, incoming), drop="in clear")

    return HONEST.but("guards", "phase2_protection", guard)


@deviant("v1-heeds-initial-contact-in-aggressive-mode", "RFC2407-4.6.3.3-04")
def _early_contact() -> Rules:
    """Gives a peer's older SAs up for an INITIAL-CONTACT in the first message of Aggressive Mode."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        return main.answer_aggressive_1(context, sa, request).then(_forgets_others(context, sa, request))

    return _cell(AGGRESSIVE_1, cell)


# Liveness checks


def _acknowledging(make: Callable[[IsakmpSa, v1.Notify], v1.Notify]) -> Rules:
    """The honest table, in which R-U-THERE is answered with what `make` makes."""

    def cell(context: Context, sa: IsakmpSa, message: Incoming) -> Step:
        step = informational.take_informational(context, sa, message)
        query = message.find(v1.Notify, NotifyTypeV1.R_U_THERE)
        if query is None or not step.send:
            return step
        answered = step.changed[-1]
        assert isinstance(answered, IsakmpSa)
        after, octets = said_alone(context, answered, make(sa, query))
        after = replace(after, acknowledged=(message.octets, octets))
        return replace(step, changed=(*step.changed, after), send=(message.reply(octets),))

    return _cell(INFORMED, cell)


@deviant("v1-acknowledges-another-number", "RFC3706-6.1-02")
def _other_number() -> Rules:
    """Answers R-U-THERE with the next sequence number."""

    def make(sa: IsakmpSa, query: v1.Notify) -> v1.Notify:
        number = (int.from_bytes(query.data, "big") + 1) % informational.SEQUENCES
        return notify_about(sa, NotifyTypeV1.R_U_THERE_ACK, number.to_bytes(4, "big"))

    return _acknowledging(make)


@deviant("v1-acknowledges-for-another-protocol", "RFC3706-5.3-08")
def _other_protocol() -> Rules:
    """Answers R-U-THERE with an acknowledgement that says it is about ESP."""

    def make(sa: IsakmpSa, query: v1.Notify) -> v1.Notify:
        return replace_message(notify_about(sa, NotifyTypeV1.R_U_THERE_ACK, query.data), protocol=3)

    return _acknowledging(make)


@deviant("v1-acknowledges-old-numbers", "RFC3706-6.2-07")
def _old_numbers() -> Rules:
    """Answers R-U-THERE whatever its sequence number."""
    return HONEST.but("decisions", "answers_probe", lambda *_: True)


@deviant("v1-acknowledges-in-clear", "RFC3706-5.2-06")
def _acknowledges_clear() -> Rules:
    """Answers an R-U-THERE that nothing protects."""

    def guard(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
        query = incoming.find(v1.Notify, NotifyTypeV1.R_U_THERE)
        if incoming.message.encrypted or query is None:
            return guards.phase2_protection(context, sa, incoming)
        return informational.answer_probe(context, sa, incoming, query)

    return HONEST.but("guards", "phase2_protection", guard)


@deviant("v1-probes-whom-it-pleases", "RFC3706-5.1-02")
def _probes_anybody() -> Rules:
    """Asks R-U-THERE of a peer that never said it knows what that is."""

    def cell(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
        step = main.answer_main_5(context, sa, request)
        dpd = context.configuration.dpd
        if dpd is None or not step.events:
            return step
        return replace(
            step, armed=(*step.armed, (sa.ours, Armed(context.now + dpd.interval, Timer.LIVENESS)))
        )

    return _cell(MAIN_5, cell)


@deviant("v1-skips-liveness-numbers", "RFC3706-6.2-04")
def _skips_numbers() -> Rules:
    """Leaves numbers out from one R-U-THERE to the next."""
    honest = HONEST.timers[1, Timer.LIVENESS]

    def skip(context: Context, sa: IsakmpSa, armed: Armed) -> Step:
        step = honest(context, sa, armed)
        changed = tuple(
            replace(s, next_sequence=s.next_sequence + 5)
            if isinstance(s, IsakmpSa) and s.next_sequence is not None and step.send
            else s
            for s in step.changed
        )
        return replace(step, changed=changed)

    return HONEST.but("timers", (1, Timer.LIVENESS), skip)


@deviant("v1-starts-on-clear", "CISCO-RO-44")
def _starts_on_clear() -> Rules:
    """Starts phase 1 as soon as an operator has cleared its SAs."""
    honest = HONEST.triggers[Trigger.CLEAR]
    return HONEST.but("triggers", Trigger.CLEAR, lambda context: honest(context).then(start_phase1(context)))
