"""RFC 7296 section 2.6 and RFC 8019 section 7: cookies and puzzles, as far as state may be kept for a first message."""

import hmac
from collections.abc import Iterator
from struct import Struct
from typing import Any, Self

from harness.codes import NotifyType, Prf, TransformType
from harness.crypto import PRFS, prf
from harness.profile.defence import Puzzles
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v2.messages import unprotected
from harness.sa.puzzle import KEYS, auth_string, puzzle, zero_bits
from harness.sa.v2 import cookie
from harness.values import replace, value
from harness.wire import replace as replace_message
from harness.wire import v2

HASH_OCTETS = 32
_INFO = Struct(">HBBI")


@value
class Given:
    """The puzzle that a cookie came with, how many its bearer had solved before, and when it was made."""

    prf: int
    difficulty: int
    solved: int
    made: int

    def encode(self) -> bytes:
        """As it stands in the cookie, under its hash (RFC 8019 section 7.1.1.3)."""
        return _INFO.pack(self.prf, self.difficulty, min(self.solved, 255), self.made & 0xFFFF_FFFF)

    @classmethod
    def of(cls, info: bytes) -> Self | None:
        """What a cookie of ours says; None: it came without a puzzle."""
        return cls(*_INFO.unpack(info)) if info else None


def _secrets(context: Context) -> Iterator[tuple[int, bytes]]:
    """The secret in force and the one before it, each with its version: they follow from one that is never used itself."""
    now = int(context.now // context.configuration.defence.secret_s)
    for version in (now, now - 1):
        octets = version.to_bytes(8, "big", signed=True)
        yield version & 0xFF, prf(Prf.PRF_HMAC_SHA2_256)(context.world.cookie_secret, octets)


def _cookie(incoming: Incoming, version: int, secret: bytes, info: bytes) -> bytes:
    nonce, address = incoming.find(v2.Nonce).data, incoming.datagram.source.address
    return cookie(secret, version, nonce, address, incoming.message.spi_i, info)


def returned(context: Context, incoming: Incoming) -> bytes | None:
    """What we noted in the cookie that is the first payload; None without a cookie of ours (RFC 7296 section 2.6)."""
    first = incoming.payloads[0]
    if not isinstance(first, v2.Notify) or first.notify_type != NotifyType.COOKIE or not first.data:
        return None
    info = first.data[1:-HASH_OCTETS]
    for version, secret in _secrets(context):
        if hmac.compare_digest(_cookie(incoming, version, secret, info), first.data):
            return info
    return None


def demand(context: Context, incoming: Incoming, given: Given | None = None) -> Step:
    """The answer that keeps no state: a cookie, and with it the puzzle that is noted in it."""
    version, secret = next(_secrets(context))
    info = b"" if given is None else given.encode()
    notifies = [v2.Notify(notify_type=NotifyType.COOKIE, data=_cookie(incoming, version, secret, info))]
    if given is not None:
        data = puzzle(given.prf, given.difficulty)
        notifies.append(v2.Notify(notify_type=NotifyType.PUZZLE, data=data))
    return Step(send=(unprotected(incoming, *notifies),))


@TABLE.decision(rfc="8019/6")
def demands_puzzle(context: Context, incoming: Incoming) -> bool:
    """Whether so many SAs are half-open, in all or of this source, that a puzzle must be solved first."""
    puzzles = context.configuration.defence.puzzles
    if puzzles is None:
        return False
    everybody = puzzles.threshold is not None and context.world.half_open_count() >= puzzles.threshold
    address = incoming.datagram.source.address
    return everybody or (
        puzzles.suspect is not None and context.world.half_open_count(address) >= puzzles.suspect
    )


def weigh(context: Context, incoming: Incoming, puzzles: Puzzles) -> Step | None:
    """Serve who solved the puzzle it was given, and whoever is spared; give others another one (sections 7.1.4, 7.1.5)."""
    function = _agreed_prf(context, incoming)
    if function is None:
        return Step(send=(unprotected(incoming, v2.Notify(notify_type=NotifyType.NO_PROPOSAL_CHOSEN)),))
    fresh = Given(function, puzzles.difficulty, 0, int(context.now))
    info = returned(context, incoming)
    given = None if info is None else Given.of(info)
    if info is None or given is None:
        return demand(context, incoming, fresh)
    if context.world.half_open_began(incoming.datagram.source.address, incoming.message.spi_i):
        return drop("a cookie that has made a half-open SA already")  # 8019/10: no solution serves twice

    effort = context.decide("effort", incoming, given)
    if effort is None:
        return None if _spared(context, puzzles) else demand(context, incoming, fresh)
    solved = replace(given, solved=given.solved + 1)
    if given.difficulty or effort + solved.solved.bit_length() - 1 >= puzzles.enough:
        return None
    return demand(context, incoming, replace(fresh, solved=solved.solved))


def _agreed_prf(context: Context, incoming: Incoming) -> int | None:
    """The first of our PRFs that the peer offers as well, whatever is chosen later (section 7.1.1.2)."""
    offer = incoming.find(v2.SecurityAssociation)
    offered = {t.id for p in offer.proposals for t in p.transforms if t.type == TransformType.PRF}
    ours = (suite.prf for suite in context.configuration.proposals_v2)
    return next((each for each in ours if each in offered and each in PRFS), None)


def _spared(context: Context, puzzles: Puzzles) -> bool:
    """The lottery for peers that may not know puzzles; who has returned a cookie takes part (section 7.1)."""
    return puzzles.leniency > 0 and context.entropy.octets(1)[0] < 256 * puzzles.leniency


@TABLE.decision(rfc="8019/7.1.4")
def effort(context: Context, incoming: Incoming, given: Given) -> int | None:
    """The zero bits of the worst of the four keys in the solution of the puzzle that was given; None: it is not solved."""
    solution = incoming.find(v2.PuzzleSolution)
    bits = None if solution is None else worst(given.prf, solution.data, incoming.payloads[0].data)
    return bits if bits is not None and bits >= given.difficulty else None


def worst(prf_id: int, solution: bytes, octets: bytes) -> int | None:
    """The fewest zero bits that one of the four keys leaves; None unless they are four different ones (section 8.2)."""
    size = len(solution) // KEYS
    if not 1 <= size <= prf(prf_id).size or len(solution) != KEYS * size:
        return None
    keys = {solution[at : at + size] for at in range(0, len(solution), size)}
    return min(zero_bits(prf_id, key, octets) for key in keys) if len(keys) == KEYS else None


@TABLE.extension("init", rfc="8019/7.2.1")
def puzzle_of_auth(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """Who solved a puzzle gets another one for IKE_AUTH, where that is configured; nobody else does."""
    puzzles = context.configuration.defence.puzzles
    if puzzles is None or puzzles.auth_difficulty is None:
        return sa, ()
    info = returned(context, request)
    given = Given.of(info) if info else None
    if given is None or context.decide("effort", request, given) is None:
        return sa, ()
    data = puzzle(given.prf, puzzles.auth_difficulty)
    notify = v2.Notify(notify_type=NotifyType.PUZZLE, data=data)
    return replace(sa, puzzle=(given.prf, puzzles.auth_difficulty)), (notify,)


def without_solution(sa: IkeSa, incoming: Incoming) -> Incoming | Step:
    """An IKE_AUTH past its puzzle, its solution taken off; what brings none is silently discarded (section 7.2.4).

    Of a message in fragments the first brings it.
    """
    assert sa.puzzle is not None
    function, difficulty = sa.puzzle
    *clear, protected = incoming.message.payloads or (None,)
    if isinstance(protected, v2.EncryptedFragment) and protected.number > 1:
        return incoming
    solution = next((each for each in clear if isinstance(each, v2.PuzzleSolution)), None)
    if solution is None:
        return drop("an IKE_AUTH without the solution of its puzzle")
    bits = worst(function, solution.data, auth_string(sa.nr, sa.spi_r))
    if bits is None or bits < difficulty:
        return drop("an IKE_AUTH whose puzzle is not solved")
    rest = tuple(each for each in incoming.message.payloads if each is not solution)
    return replace(incoming, message=replace_message(incoming.message, payloads=rest))
