"""Seeded mutants by the thousand: live messages of every exchange edited, and edited payloads under a good seal."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from harness.clock import SeededEntropy
from harness.codes import Exchange
from harness.fuzz import edits
from harness.fuzz.moves import Hands, Move
from harness.wire import Ciphertext, encode_chain, v1, v2
from harness.wire.samples import samples

V2_SEALED = (Exchange.IKE_AUTH, Exchange.CREATE_CHILD_SA, Exchange.INFORMATIONAL)
V1_SEALED = (Exchange.QUICK_MODE, Exchange.INFORMATIONAL_V1)
_ENVELOPES = (v1.Hash, Ciphertext, v2.Encrypted, v2.EncryptedFragment)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A hostile move, the state that it meets, and the honest moves that must come first."""

    state: str
    before: tuple[Move, ...]
    move: Move


Maker = Callable[[SeededEntropy, Hands], Mutant]


def mutants(entropy: SeededEntropy, hands: Hands) -> Iterator[Mutant]:
    """Mutants without end for a play that `hands` make; each is to be made before the next is asked for."""
    while True:
        yield _MAKERS[entropy.below(len(_MAKERS))](entropy, hands)


def _edited(entropy: SeededEntropy, move: Move, *, inside: bool = False) -> Move:
    said = [list(each) for each in edits.drawn(entropy, 400)]
    return {**move, "edits": said, "inside": inside}


def _fresh(entropy: SeededEntropy, _hands: Hands) -> Mutant:
    """The first message of an exchange, edited: IKE_SA_INIT, Main Mode, Aggressive Mode."""
    move: Move = (
        {"do": "ike_sa_init"},
        {"do": "main_mode", "at": 1},
        {"do": "aggressive_mode", "at": 1},
    )[entropy.below(3)]
    return Mutant("unauthenticated", (), _edited(entropy, move))


def _stray(entropy: SeededEntropy, _hands: Hands) -> Mutant:
    """A message of any exchange under SPIs that nobody knows, edited."""
    names = sorted(_octets())
    octets = _octets()[names[entropy.below(len(names))]]
    bent = edits.apply(octets, edits.drawn(entropy, len(octets)))
    port = ("ike", "natt")[entropy.below(2)]
    return Mutant("unauthenticated", (), {"do": "send", "octets": bent.hex(), "from": port, "to": port})


def _half_open(entropy: SeededEntropy, _hands: Hands) -> Mutant:
    """The message that would prove the peer, edited as it goes out or before it is sealed."""
    if entropy.below(3) == 0:
        move: Move = {"do": "main_mode", "at": (3, 5)[entropy.below(2)]}
        return Mutant("half-open", (), _edited(entropy, move, inside=entropy.below(2) == 0))
    before = ({"do": "ike_sa_init"},)
    return Mutant("half-open", before, _edited(entropy, {"do": "ike_auth"}, inside=entropy.below(3) > 0))


def _authenticated(entropy: SeededEntropy, hands: Hands) -> Mutant:
    """Edited payloads in a request on an SA that serves."""
    before: tuple[Move, ...] = () if hands.up else ({"do": "connect"},)
    exchange = V2_SEALED[entropy.below(len(V2_SEALED))]
    return Mutant(
        "authenticated", before, {"do": "sealed", "exchange": int(exchange), **_content(entropy, 2)}
    )


def _authenticated_v1(entropy: SeededEntropy, hands: Hands) -> Mutant:
    """Edited payloads behind a right HASH."""
    before: tuple[Move, ...] = () if hands.up_v1 else ({"do": "main_mode"},)
    exchange = V1_SEALED[entropy.below(len(V1_SEALED))]
    return Mutant(
        "authenticated", before, {"do": "sealed_v1", "exchange": int(exchange), **_content(entropy, 1)}
    )


def _content(entropy: SeededEntropy, major: int) -> Move:
    names = sorted(_contents(major))
    first, octets = _contents(major)[names[entropy.below(len(names))]]
    return {"first": first, "octets": edits.apply(octets, edits.drawn(entropy, len(octets))).hex()}


_MAKERS: tuple[Maker, ...] = (
    _fresh,
    _stray,
    _half_open,
    _authenticated,
    _authenticated,
    _authenticated,
    _authenticated_v1,
)


@cache
def _octets() -> Mapping[str, bytes]:
    return {name: message.encode() for name, message in samples().items()}


@cache
def _contents(major: int) -> Mapping[str, tuple[int, bytes]]:
    """What every sample message of that version holds under its seal: a first type and octets, a HASH left out."""
    found = {}
    for name, message in samples().items():
        inside = tuple(p for p in message.payloads if not isinstance(p, _ENVELOPES))
        if message.major == major and inside:
            found[name] = inside[0].type, encode_chain(inside)
    return found
