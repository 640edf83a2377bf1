"""Cookies, puzzles and limits before a peer has proved who it is: RFC 7296 section 2.6, RFC 8019."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import Exchange, Group, NotifyType, Prf
from harness.peer import Initiator
from harness.profile import DEFAULT, Configuration, Defence, Puzzles
from harness.responder.unproved import source_of
from harness.sa.puzzle import puzzle
from harness.wire import Message, decode, v1, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import Endpoint
from testcases.selftest.responder.pairing import PEER, TARGET, TARGET_NATT, Pair

ALWAYS = Puzzles(threshold=0, suspect=None, difficulty=8)


def _configured(puzzles: Puzzles | None = None, cookies: int | None = None, **limits: Any) -> Configuration:
    return replace(
        DEFAULT, cookie_threshold=cookies, defence=Defence(puzzles=puzzles, **limits), versions=(1, 2)
    )


def _at(pair: Pair, address: str, seed: int = 9) -> Initiator:
    """Another peer, at another address."""
    here, natt = Endpoint(address, 500), Endpoint(address, 4500)
    configuration = pair.peer.configuration
    return Initiator("bob", configuration, SeededEntropy(seed), here, natt, TARGET, TARGET_NATT)


def _begin(pair: Pair, count: int, address: str = PEER.address) -> None:
    """So many half-open SAs from an address."""
    for seed in range(count):
        pair.play(_at(pair, address, seed).ike_sa_init(follow=False))


def _kinds(answer: Message | None) -> list[int]:
    return [] if answer is None else [n.notify_type for n in answer.all(v2.Notify)]


def _without(kind: type) -> Callable[[Message], Message]:
    """A message with its payloads of this kind left out."""
    return lambda message: replace_message(
        message, payloads=tuple(each for each in message.payloads if not isinstance(each, kind))
    )


# Cookies.


def test_a_cookie_of_the_secret_before_is_taken() -> None:
    """RFC 7296 section 2.6: a cookie made just before the secret changed still serves."""
    pair = Pair(_configured(cookies=0, secret_s=10.0))
    pair.now = 9.0
    script = pair.peer.ike_sa_init()
    demand = pair.play(next(script))
    pair.now = 11.0
    answer = pair.play(script.send(demand))

    assert _kinds(demand) == [NotifyType.COOKIE]
    assert answer.find(v2.KeyExchange) is not None


def test_a_cookie_of_an_old_secret_is_no_cookie() -> None:
    """Two changes later the cookie is treated as none, and another one is demanded."""
    pair = Pair(_configured(cookies=0, secret_s=10.0))
    script = pair.peer.ike_sa_init()
    demand = pair.play(next(script))
    pair.now = 21.0
    answer = pair.play(script.send(demand))

    assert _kinds(answer) == [NotifyType.COOKIE]
    assert answer.payloads != demand.payloads


@pytest.mark.parametrize(("other", "served"), [("nothing", 1), ("address", 0), ("spi", 0), ("nonce", 0)])
def test_a_cookie_is_bound_to_address_spi_and_nonce(other: str, served: int) -> None:
    """A cookie that somebody else got, or for another attempt, is none (RFC 7296 section 2.6)."""
    pair = Pair(_configured(cookies=0))
    cookie = pair.play(pair.peer.ike_sa_init(follow=False)).payloads[0]
    first = decode(pair.peer.ike.request)
    assert isinstance(first, Message)
    nonce = v2.Nonce(b"another nonce by far") if other == "nonce" else first.find(v2.Nonce)
    rest = (nonce if isinstance(each, v2.Nonce) else each for each in first.payloads)
    spi = b"another!" if other == "spi" else first.spi_i
    again = replace_message(first, spi_i=spi, payloads=(cookie, *rest), next_payload=None, length=None)
    pair.play((_at(pair, "192.0.2.77") if other == "address" else pair.peer).raw(again.encode()))

    assert pair.responder.half_open_count() == served


def test_a_cookie_in_every_retry_makes_the_exchange_shorter() -> None:
    """RFC 7296 section 2.6.1: with a wrong group the cookie serves for the next retry as well."""
    pair = Pair(replace(_configured(cookies=0), proposals_v2=DEFAULT.proposals_v2[:2]))
    pair.play(pair.peer.ike_sa_init(group=Group.MODP_2048, suites=None))

    assert [m.payloads[0].type for m in pair.sent] == [
        v2.Notify.type,
        v2.Notify.type,
        v2.SecurityAssociation.type,
    ]
    assert [_kinds(m)[0] for m in pair.sent[:2]] == [NotifyType.COOKIE, NotifyType.INVALID_KE_PAYLOAD]


def test_a_cookie_alone_may_be_demanded_below_the_threshold_of_puzzles() -> None:
    """Cookies come first; puzzles are for higher load (RFC 8019 section 6)."""
    pair = Pair(_configured(replace(ALWAYS, threshold=3), cookies=1))
    _begin(pair, 1)

    assert _kinds(pair.play(pair.peer.ike_sa_init(follow=False))) == [NotifyType.COOKIE]


# Puzzles.


def test_a_puzzle_comes_with_a_cookie_and_names_a_prf_that_was_offered() -> None:
    """RFC 8019 section 7.1.1: COOKIE and PUZZLE, with a PRF of the SA payload and the difficulty; no state is kept."""
    pair = Pair(_configured(ALWAYS))
    answer = pair.play(pair.peer.ike_sa_init(follow=False))

    assert _kinds(answer) == [NotifyType.COOKIE, NotifyType.PUZZLE]
    assert answer.payloads[1].data == puzzle(Prf.PRF_HMAC_SHA2_256, 8)
    assert 1 <= len(answer.payloads[0].data) <= 64
    assert tuple(pair.responder.all()) == ()


def test_who_solves_the_puzzle_is_served() -> None:
    """A solution and the cookie open the door; the SA comes up."""
    pair = Pair(_configured(ALWAYS))
    pair.play(pair.peer.connect())

    assert pair.peer.ike.established


def test_who_ignores_the_puzzle_gets_another_one() -> None:
    """A cookie without solution has the lowest priority (RFC 8019 section 7.1.4)."""
    pair = Pair(_configured(ALWAYS))
    answer = pair.play(pair.peer.ike_sa_init(change=_without(v2.PuzzleSolution)))

    assert _kinds(answer) == [NotifyType.COOKIE, NotifyType.PUZZLE]


def test_who_ignores_the_puzzle_may_be_spared() -> None:
    """RFC 8019 section 7.1: legacy initiators may be let in, with a cookie."""
    pair = Pair(_configured(replace(ALWAYS, leniency=1.0)))
    pair.play(pair.peer.ike_sa_init(change=_without(v2.PuzzleSolution)))

    assert pair.peer.ike.keys is not None


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda keys: keys[:4] * 4, id="one key four times"),
        pytest.param(lambda keys: bytes(range(16)), id="keys that leave no zero bits"),
        pytest.param(lambda keys: keys[:12], id="three keys"),
        pytest.param(lambda keys: keys[:12] + b"abcd", id="one wrong key"),
        pytest.param(lambda keys: keys + b"x", id="keys of no common size"),
        pytest.param(lambda keys: b"", id="no octets"),
        pytest.param(
            lambda keys: b"".join(keys[at : at + 4] + bytes(40) for at in (0, 4, 8, 12)), id="too long"
        ),
    ],
)
def test_a_wrong_solution_is_none(bend: Callable[[bytes], bytes]) -> None:
    """RFC 8019 sections 7.1.4 and 8.2: four different keys of one size, each checked."""

    def change(message: Message) -> Message:
        solution = message.find(v2.PuzzleSolution)
        if solution is None:
            return message
        bent = tuple(
            v2.PuzzleSolution(bend(each.data)) if each is solution else each for each in message.payloads
        )
        return replace_message(message, payloads=bent)

    pair = Pair(_configured(ALWAYS))
    pair.play(pair.peer.ike_sa_init(change=change))

    assert pair.responder.half_open_count() == 0


def test_no_solution_serves_twice() -> None:
    """RFC 8019 section 10: a cookie that has made a half-open SA makes no second one."""
    pair = Pair(_configured(ALWAYS))
    script = pair.peer.ike_sa_init()
    request = script.send(pair.play(next(script)))
    pair.play(request)
    assert pair.responder.half_open_count() == 1
    first = decode(pair.peer.ike.request)
    assert isinstance(first, Message)
    longer = replace_message(first, payloads=(*first.payloads, v2.VendorId(b"")), length=None)
    pair.play(pair.peer.raw(longer.encode()))

    assert pair.responder.half_open_count() == 1
    assert pair.steps[-1].drop == "a cookie that has made a half-open SA already"


def test_where_the_peer_may_choose_little_effort_gets_another_puzzle_and_many_add_up() -> None:
    """RFC 8019 section 7.1.5: who solved little solves again; solving often counts like solving a harder one."""
    pair = Pair(_configured(replace(ALWAYS, difficulty=0, enough=12)))
    pair.play(pair.peer.ike_sa_init())
    given = [m.payloads[1].data for m in pair.sent if NotifyType.PUZZLE in _kinds(m)]

    assert len(given) > 2
    assert set(given) == {puzzle(Prf.PRF_HMAC_SHA2_256, 0)}
    assert pair.peer.ike.keys is not None


def test_a_source_with_many_half_open_sas_is_suspect_and_others_are_not() -> None:
    """RFC 8019 section 4.2: the soft limit counts by source."""
    pair = Pair(_configured(replace(ALWAYS, threshold=None, suspect=2)))
    _begin(pair, 2, "192.0.2.66")

    pair.play(_at(pair, "192.0.2.66").ike_sa_init(follow=False))
    suspect = pair.sent[-1]
    pair.play(pair.peer.ike_sa_init(follow=False))
    other = pair.sent[-1]

    assert NotifyType.PUZZLE in _kinds(suspect)
    assert NotifyType.PUZZLE not in _kinds(other)


def test_without_a_common_prf_there_is_no_puzzle() -> None:
    """RFC 8019 section 7.1.1.2: then NO_PROPOSAL_CHOSEN."""
    suite = replace(DEFAULT.proposals_v2[0], prf=Prf.PRF_HMAC_SHA2_512)
    pair = Pair(_configured(ALWAYS))
    pair.peer.configuration = replace(pair.peer.configuration, proposals_v2=(suite,))

    assert _kinds(pair.play(pair.peer.ike_sa_init(follow=False))) == [NotifyType.NO_PROPOSAL_CHOSEN]


# Puzzles of IKE_AUTH.

BOTH = replace(ALWAYS, auth_difficulty=8)


def test_who_solved_a_puzzle_solves_another_before_ike_auth() -> None:
    """RFC 8019 section 7.2: the second puzzle comes with the full response, its solution outside what is sealed."""
    pair = Pair(_configured(BOTH))
    pair.play(pair.peer.ike_sa_init())
    assert NotifyType.PUZZLE in _kinds(pair.sent[-1])
    request = pair.peer.ike_auth()
    pair.play(request)

    assert request.data[16] == v2.PuzzleSolution.type
    assert pair.peer.ike.established


def test_who_was_spared_gets_no_puzzle_for_ike_auth() -> None:
    """RFC 8019 section 7.2.1: not unless one was solved in IKE_SA_INIT."""
    pair = Pair(_configured(replace(BOTH, leniency=1.0)))
    pair.play(pair.peer.ike_sa_init(change=_without(v2.PuzzleSolution)))

    assert NotifyType.PUZZLE not in _kinds(pair.sent[-1])


@pytest.mark.parametrize("puzzled", [None, (Prf.PRF_HMAC_SHA2_256, 1)], ids=["no solution", "too easy"])
def test_ike_auth_without_solution_is_silently_discarded(puzzled: tuple[int, int] | None) -> None:
    """RFC 8019 section 7.2.4, and the SA stays for a better one."""
    pair = Pair(_configured(BOTH))
    pair.play(pair.peer.ike_sa_init())
    pair.peer.ike.puzzle = puzzled
    answer = pair.play(pair.peer.ike_auth(due=False))
    states = [sa.state for sa in pair.responder.all()]
    pair.peer.ike.puzzle = (Prf.PRF_HMAC_SHA2_256, 8)

    assert (answer, states) == (None, ["half-open"])
    assert pair.play(pair.peer.ike_auth()).exchange == Exchange.IKE_AUTH
    assert pair.peer.ike.established


# Limits.


def test_no_more_sas_are_half_open_than_allowed() -> None:
    """The hard limit holds whatever comes (RFC 8019 section 4.2)."""
    pair = Pair(_configured(half_open=5))
    _begin(pair, 9)

    assert pair.responder.half_open_count() == 5
    assert pair.steps[-1].drop == "too many SAs are half-open"


def test_one_source_cannot_take_the_room_of_the_others() -> None:
    """With a limit by source others are still served."""
    pair = Pair(_configured(half_open=50, per_source=3))
    _begin(pair, 9, "192.0.2.66")
    pair.play(pair.peer.connect())

    assert pair.responder.half_open_count("192.0.2.66") == 3
    assert pair.peer.ike.established


def test_version_1_is_counted_with_version_2() -> None:
    """The limit by source counts first messages of both versions."""
    pair = Pair(_configured(per_source=2))
    _begin(pair, 2)
    pair.play(next(pair.peer.main_mode()))

    assert pair.steps[-1].drop == "too many SAs of this source are half-open"


def test_an_sa_that_ends_unproved_is_counted_until_it_is_gone() -> None:
    """Closing half-open SAs by errors makes no room for more at once."""
    pair = Pair(_configured(half_open=2))
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(psk=b"wrong"))
    assert [sa.state for sa in pair.responder.all()] == ["closed"]
    assert pair.responder.half_open_count() == 1
    pair.wait(60.0)

    assert pair.responder.half_open_count() == 0


def test_an_sa_that_is_established_makes_room() -> None:
    """Who proved itself is not counted."""
    pair = Pair(_configured(half_open=1))
    pair.play(pair.peer.connect())

    assert pair.responder.half_open_count() == 0


def test_a_huge_first_message_leaves_no_state() -> None:
    """What an unproved peer makes us keep is bounded."""
    pair = Pair(_configured(first_message=4000))
    answer = pair.play(pair.peer.ike_sa_init(v2.VendorId(bytes(4000))))

    assert answer is None
    assert pair.steps[-1].drop == "a first message that is too long to be kept"


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
def test_a_huge_first_message_of_version_1_leaves_no_state(mode: str) -> None:
    """It is bounded in IKEv1 too, before anything is computed for it."""
    pair = Pair(_configured(first_message=4000))
    script = getattr(pair.peer, mode)()
    datagram = next(script).datagram
    message = decode(datagram.data)
    assert isinstance(message, Message)
    payloads = (*message.payloads, v1.VendorId(data=bytes(4000)))
    huge = replace_message(message, payloads=payloads, next_payload=None, length=None).encode()
    step = pair.responder.receive(datagram._replace(data=huge), 0.0)

    assert step.drop == "a first message that is too long to be kept"
    assert list(pair.responder.all()) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_a_source_is_an_address_or_a_prefix(one: str, other: str, same: bool) -> None:
    """RFC 8019 section 4.2: IPv4 by address, IPv6 by /64."""
    assert (source_of(one) == source_of(other)) is same


@pytest.mark.parametrize(
    "wrong", [{"difficulty": 4}, {"auth_difficulty": 0}, {"leniency": 1.5}, {"enough": 300}]
)
def test_puzzles_that_are_none_cannot_be_configured(wrong: dict[str, Any]) -> None:
    """Difficulties of 1 to 7 are too easy to be puzzles; one of IKE_AUTH names a number."""
    with pytest.raises(ValueError, match=r"puzzle|share"):
        Puzzles(**wrong)
