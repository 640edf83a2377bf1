"""IKE_INTERMEDIATE and additional key exchanges before IKE_AUTH: the responder, driven by the peer, its stranger."""

from dataclasses import replace

import pytest

from harness.clock import SeededEntropy
from harness.codes import Exchange, Group, NotifyType, TransformType
from harness.peer.v2.pieces import cut
from harness.profile import DEFAULT, Configuration, Fragments
from harness.responder import HONEST, Responder
from harness.responder.context import Context
from harness.responder.policy import choose_additional
from harness.sa.intermediate import NO_INT_AUTH
from harness.sa.v2 import Suite
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import Pair

PLAIN = DEFAULT.proposals_v2[0]
TWICE = replace(PLAIN, additional=(Group.ECP_256, Group.ECP_384))


def _further(*suites: object) -> Configuration:
    return replace(DEFAULT, proposals_v2=suites or (TWICE,))


@pytest.fixture
def pair() -> Pair:
    """Ends that make two additional key exchanges."""
    return Pair(_further())


def _notify(answer: Message) -> int:
    assert answer is not None
    (notify,) = answer.payloads
    assert isinstance(notify, v2.Notify)
    return notify.notify_type


def test_each_additional_key_exchange_has_its_exchange_before_ike_auth(pair: Pair) -> None:
    """Two additional methods make two IKE_INTERMEDIATE exchanges, then IKE_AUTH, Message IDs 1 to 3."""
    pair.play(pair.peer.connect())

    assert [(m.exchange, m.message_id) for m in pair.sent] == [
        (Exchange.IKE_SA_INIT, 0),
        (Exchange.IKE_INTERMEDIATE, 1),
        (Exchange.IKE_INTERMEDIATE, 2),
        (Exchange.IKE_AUTH, 3),
    ]
    assert pair.peer.ike.established


@pytest.mark.parametrize(
    "method", [Group.ML_KEM_768, Group.CURVE448, Group.MODP_2048], ids=lambda each: each.name
)
def test_methods_of_every_kind_are_exchanged(method: Group) -> None:
    """RFC 9370 section 2.1: KEMs and (EC)DH are treated alike."""
    pair = Pair(_further(replace(PLAIN, additional=(method,))))
    pair.play(pair.peer.connect())

    assert pair.peer.ike.established


def test_the_keys_after_both_exchanges_are_the_same_at_both_ends(pair: Pair) -> None:
    """Both ends derive the same keys, and three generations of them are told to the evidence."""
    pair.play(pair.peer.connect())
    (sa,) = pair.responder.all()

    assert sa.keys.sk_ei == pair.peer.ike.keys.sk_ei
    assert len({told["sk_ei"] for told in pair.peer.secrets() if "ike" in told}) == 3


def test_every_generation_of_keys_comes_out_of_the_responder(pair: Pair) -> None:
    """The steps that made keys tell them, so that every message of the SA can be opened."""
    pair.play(pair.peer.connect())
    told = [secret for step in pair.steps for secret in pair.responder.secrets_of(step)]

    assert len({secret["sk_ei"] for secret in told if "ike" in secret}) == 3


def test_ike_auth_is_not_due_before_the_additional_key_exchanges(pair: Pair) -> None:
    """RFC 9370 section 2.2.1: they take place before IKE_AUTH, so an earlier one is dropped."""
    pair.play(pair.peer.ike_sa_init())
    answer = pair.play(pair.peer.ike_auth())

    assert answer is None
    assert pair.steps[-1].drop == "exchange 35 is not due on an SA that is intermediate"


def test_another_method_than_agreed_ends_the_sa(pair: Pair) -> None:
    """RFC 9370 section 2.2.2: the method must be the n-th that was negotiated."""
    pair.play(pair.peer.ike_sa_init())
    pair.peer.ike.additional = (Group.ECP_384,)

    assert _notify(pair.play(pair.peer.intermediate())) == NotifyType.INVALID_SYNTAX
    assert [sa.state for sa in pair.responder.all()] == ["closed"]


def test_a_refused_public_value_ends_the_sa(pair: Pair) -> None:
    """A point off the curve makes no secret."""
    pair.play(pair.peer.ike_sa_init())
    bad = v2.KeyExchange(Group.ECP_256, bytes(64))

    assert _notify(pair.play(pair.peer.intermediate(bad, key_exchange=False))) == NotifyType.INVALID_SYNTAX


def test_a_repeated_intermediate_gets_its_first_response_though_the_keys_are_new(pair: Pair) -> None:
    """RFC 7296 section 2.1 holds here too: octet for octet the same."""
    pair.play(pair.peer.ike_sa_init())
    request = pair.peer.intermediate()
    first = pair.responder.receive(request.datagram, 0.0)
    again = pair.responder.receive(request.datagram, 1.0)

    assert again.send == first.send != ()


def test_without_support_told_proposals_with_additional_exchanges_are_skipped() -> None:
    """RFC 9370 section 2.2.1: without IKE_INTERMEDIATE ADDKE is an unknown transform type; the plain proposal is taken."""
    pair = Pair(_further(TWICE, PLAIN))
    answer = pair.play(pair.peer.ike_sa_init(intermediate=False))

    assert answer.find(v2.SecurityAssociation).proposals[0].number == 2
    assert answer.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is None


def test_without_support_told_and_nothing_else_offered_nothing_is_chosen(pair: Pair) -> None:
    """RFC 9370 section 2.2.1: then the responder sends NO_PROPOSAL_CHOSEN."""
    answer = pair.play(pair.peer.ike_sa_init(intermediate=False))

    assert _notify(answer) == NotifyType.NO_PROPOSAL_CHOSEN


def test_a_device_told_not_to_answers_as_if_it_had_never_heard_of_the_exchange() -> None:
    """With a limit of 0 the notify is not returned."""
    pair = Pair(replace(DEFAULT, intermediate_limit=0))
    answer = pair.play(pair.peer.ike_sa_init(intermediate=True))

    assert answer.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is None


def test_data_in_the_notify_of_support_is_ignored() -> None:
    """RFC 9242 section 3.1: data that is not understood does not matter."""
    pair = Pair()
    strange = v2.Notify(notify_type=NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED, data=b"what is this")
    answer = pair.play(pair.peer.ike_sa_init(strange))

    assert answer.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED).data == b""


def test_exchanges_without_key_exchange_are_answered_and_covered_by_auth() -> None:
    """RFC 9242 section 3.2: any number of exchanges, each covered by AUTH at both ends."""
    pair = Pair()
    pair.play(pair.peer.ike_sa_init(intermediate=True))
    for content in (b"one", b"two", b"three"):
        assert pair.play(pair.peer.intermediate(v2.VendorId(content))).payloads == ()
    pair.play(pair.peer.ike_auth())

    assert pair.peer.ike.established


def test_auth_that_does_not_cover_the_exchanges_is_refused() -> None:
    """RFC 9242 section 3.3.2: IntAuth belongs to the signed octets."""
    pair = Pair()
    pair.play(pair.peer.ike_sa_init(intermediate=True))
    pair.play(pair.peer.intermediate(v2.VendorId(b"one")))
    pair.peer.ike.int_auth = NO_INT_AUTH

    assert _notify(pair.play(pair.peer.ike_auth())) == NotifyType.AUTHENTICATION_FAILED


def test_more_exchanges_than_the_limit_end_the_sa() -> None:
    """RFC 9242 section 5: their number is not up to the initiator."""
    pair = Pair(replace(DEFAULT, intermediate_limit=2))
    pair.play(pair.peer.ike_sa_init(intermediate=True))
    answers = [pair.play(pair.peer.intermediate()) for _ in range(3)]

    assert [len(answer.payloads) for answer in answers] == [0, 0, 1]
    assert _notify(answers[2]) == NotifyType.INVALID_SYNTAX


def test_an_exchange_that_was_not_agreed_on_is_not_answered() -> None:
    """Without the notifies IKE_INTERMEDIATE is an exchange like any other before IKE_AUTH."""
    pair = Pair()
    pair.play(pair.peer.ike_sa_init())

    assert pair.play(pair.peer.intermediate()) is None
    assert pair.steps[-1].drop == "an IKE_INTERMEDIATE that was not agreed on"


def test_an_sa_that_waits_for_key_exchanges_is_half_open_and_forgotten_in_time(pair: Pair) -> None:
    """State is kept for the peer no longer than before IKE_AUTH."""
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.intermediate())
    assert pair.responder.half_open_count() == 1
    pair.wait(DEFAULT.lifetimes.half_open + 1.0)

    assert tuple(pair.responder.all()) == ()


# What is chosen among offers of additional key exchanges: RFC 9370 section 2.2.1.

A, B, C, NONE = Group.ECP_256, Group.ECP_384, Group.ECP_521, Group.NONE
T1, T2, T3, T5 = (TransformType(n) for n in (6, 7, 8, 10))


def _offer(*offered: tuple[TransformType, int]) -> v2.Proposal:
    return v2.Proposal(transforms=tuple(v2.Transform(kind, method) for kind, method in offered))


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        pytest.param((), (), (), id="nothing offered, nothing wanted"),
        pytest.param((), (A,), None, id="wanted and not offered"),
        pytest.param(((T1, A),), (), None, id="demanded and not wanted"),
        pytest.param(((T1, A), (T1, NONE)), (), ((T1, NONE),), id="optional and not wanted"),
        pytest.param(((T1, A), (T1, NONE)), (A,), ((T1, A),), id="optional and wanted"),
        pytest.param(
            ((T2, A), (T5, B)), (A, B), ((T2, A), (T5, B)), id="types that do not follow one another"
        ),
        pytest.param(((T5, B), (T2, A)), (A, B), ((T2, A), (T5, B)), id="types out of order"),
        pytest.param(
            ((T2, A), (T2, B), (T3, A), (T3, B), (T5, C), (T5, NONE)),
            (B, A),
            ((T2, B), (T3, A), (T5, NONE)),
            id="the example of the RFC",
        ),
        pytest.param(((T1, A), (T2, A)), (A,), None, id="nothing but duplicates"),
        pytest.param(((T1, A), (T2, A), (T2, B)), (A, B), ((T1, A), (T2, B)), id="a duplicate avoided"),
        pytest.param(
            ((T1, A), (T1, B), (T2, A)), (A, B), ((T1, B), (T2, A)), id="a duplicate avoided by the first"
        ),
        pytest.param(((T1, B), (T2, A)), (A, B), ((T1, B), (T2, A)), id="in the order of the peer"),
        pytest.param(((T1, NONE), (T2, NONE)), (), ((T1, NONE), (T2, NONE)), id="NONE for all"),
    ],
)
def test_one_method_of_each_type_is_chosen_and_none_twice(
    offered: tuple[tuple[TransformType, int], ...],
    wanted: tuple[int, ...],
    chosen: tuple[tuple[int, int], ...] | None,
) -> None:
    """Every type offered gets an answer; methods that are wanted all take place, each once."""
    context = Context(DEFAULT, SeededEntropy(1), 0.0, HONEST, Responder(DEFAULT, SeededEntropy(1)))

    assert choose_additional(context, _offer(*offered), wanted) == chosen


def test_the_answer_names_every_type_that_was_offered() -> None:
    """A type that could be NONE is answered by NONE, so that the initiator knows."""
    pair = Pair(_further(PLAIN))
    optional = Suite(PLAIN.encr, PLAIN.key_bits, PLAIN.integ, PLAIN.prf, PLAIN.group)

    def offer(message: Message) -> Message:
        sa = message.find(v2.SecurityAssociation)
        (proposal,) = sa.proposals
        further = (v2.Transform(T2, A), v2.Transform(T2, NONE))
        asked = v2.SecurityAssociation((v2.Proposal(1, 1, b"", (*proposal.transforms, *further)),))
        return Message(
            message.spi_i,
            message.spi_r,
            message.exchange,
            message.flags,
            message.message_id,
            tuple(asked if each is sa else each for each in message.payloads),
        )

    answer = pair.play(pair.peer.ike_sa_init(suites=(optional,), intermediate=True, change=offer))

    (proposal,) = answer.find(v2.SecurityAssociation).proposals
    assert [(t.type, t.id) for t in proposal.transforms if t.type in range(6, 13)] == [(T2, NONE)]


# Fragments: what AUTH covers does not depend on the form that messages are delivered in (RFC 9242 section 3.3.2).

LARGE = replace(_further(replace(PLAIN, additional=(Group.ML_KEM_768,))), fragments=Fragments(size=576))


def test_exchanges_in_fragments_both_ways_are_covered_by_auth() -> None:
    """A KEM's values in fragments of the peer and of the responder: AUTH is right at both ends."""
    pair = Pair(LARGE)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.intermediate(pieces=4))
    pair.play(pair.peer.ike_auth())

    assert [m.exchange for m in pair.sent].count(Exchange.IKE_INTERMEDIATE) > 1
    assert pair.peer.ike.established


def test_a_request_that_is_only_repeated_in_fragments_gets_its_response_though_the_keys_are_new() -> None:
    """An initiator may turn to fragments after it got no response; the exchange had the keys before."""
    pair = Pair(LARGE)
    pair.play(pair.peer.ike_sa_init())
    whole = pair.peer.intermediate()
    pair.responder.receive(whole.datagram, pair.now)
    pieces = cut(pair.peer.ike, whole.data, 3, pair.peer.entropy)
    sent = [
        each
        for piece in pieces
        for each in pair.responder.receive(whole.datagram._replace(data=piece), 1.0).send
    ]
    for each in sent:
        pair.peer.receive(each, 1.0)
    pair.play(pair.peer.ike_auth())

    assert len(sent) > 1
    assert pair.peer.ike.established
