"""Opens what version 1 encrypted, following each chain of IVs through the capture (RFC 2409 appendix B).

Keys of the harness come with the first IV; a table of another program has the cipher's key alone, and the rest
is read from the messages in clear: the algorithms from the chosen transform, the IV from both public values.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from harness.codes import AttributeP1, EncrV1
from harness.crypto import UnsupportedAlgorithm
from harness.observe.answers import PHASE_1
from harness.observe.header import NO_SPI, Header
from harness.observe.seen import Seen
from harness.sa.opened import Opened, Sealed
from harness.sa.v1 import Secrets, Suite, decrypt, exchange_iv, first_iv
from harness.wire import v1

_FRAGMENT = 132
_HISTORY = 4
"""How many earlier IVs are tried when the latest does not fit: a message may be lost or come from a bad copy."""
_EXCHANGES = 1024
_PADDING_MAX = 256


@dataclass(slots=True)
class _Chain:
    """The IVs of one exchange, the latest last."""

    ivs: list[bytes]

    def advance(self, iv: bytes) -> None:
        self.ivs = [*self.ivs[1 - _HISTORY :], iv]


@dataclass(slots=True)
class _Sa:
    """An ISAKMP SA as its clear messages and its keys let it be followed."""

    secrets: Secrets | None = None
    suite: Suite | None = None
    """The transform that the responder chose."""
    public: dict[bool, bytes] = field(default_factory=dict)
    """Public values, by whether the initiator sent them."""
    initiator_is_target: bool | None = None
    phase_1: _Chain | None = None
    exchanges: dict[tuple[int, int], _Chain] = field(default_factory=dict)
    done: dict[bytes, tuple[tuple[object, ...] | None, str | None]] = field(default_factory=dict)
    """What became of messages, by their octets: a retransmission moves no chain (RFC 2409 section 10)."""
    fragments: dict[int, dict[int, tuple[bytes, bool, int]]] = field(default_factory=dict)


class OpenerV1:
    """Opens messages in the capture's order; each SA is followed by its initiator's cookie and the responder's."""

    def __init__(self, secrets: Iterable[Secrets]) -> None:
        self._given: dict[tuple[bytes, bytes], Secrets] = {}
        for each in secrets:
            self._given[each.cky_i, each.cky_r] = each
        self._sas: dict[tuple[bytes, bytes], _Sa] = {}

    def open(self, seen: Seen, header: Header) -> None:
        """Put what the message held into `inner`, or why it does not open into `spoiled`; neither without keys."""
        sa = self._sas.setdefault((header.spi_i, header.spi_r), _Sa())
        if header.next_payload == _FRAGMENT and not header.encrypted:
            self._join(sa, seen)
            if seen.whole is None:
                return
            whole = Header.read(seen.whole)
            if whole is None:
                return
            header = whole
        if not header.encrypted:
            self._learn(sa, seen, header)
            return
        secrets = self._secrets(sa, header)
        if secrets is not None:
            self._decrypt(sa, secrets, seen, header)

    def _join(self, sa: _Sa, seen: Seen) -> None:
        for payload in seen.message.payloads if seen.message is not None else ():
            if not isinstance(payload, v1.Fragment):
                continue
            pieces = sa.fragments.setdefault(payload.fragment_id, {})
            pieces[payload.number] = (payload.data, bool(payload.last), seen.number)
            last = next((number for number, piece in pieces.items() if piece[1]), None)
            if last is None or set(range(1, last + 1)) - pieces.keys() or len(pieces) > last:
                return
            seen.whole = b"".join(pieces[number][0] for number in range(1, last + 1))
            seen.parts = tuple(sorted(piece[2] for piece in pieces.values()))
            seen._message = None
            del sa.fragments[payload.fragment_id]

    def _learn(self, sa: _Sa, seen: Seen, header: Header) -> None:
        """Take from a clear message of phase 1 what decryption needs."""
        if header.exchange not in PHASE_1:
            return
        opener = self._sas.setdefault((header.spi_i, NO_SPI), _Sa())
        if header.spi_r == NO_SPI:
            if opener.initiator_is_target is None:
                opener.initiator_is_target = seen.from_target
            sa = opener
        else:
            sa.initiator_is_target = opener.initiator_is_target
            for by_initiator, value in opener.public.items():
                sa.public.setdefault(by_initiator, value)
        by_initiator = sa.initiator_is_target in (None, seen.from_target)
        if sa.initiator_is_target is None:
            by_initiator = header.spi_r == NO_SPI
        for payload in seen.payloads:
            if isinstance(payload, v1.KeyExchange):
                sa.public.setdefault(by_initiator, payload.data)
            elif isinstance(payload, v1.SecurityAssociation) and not by_initiator:
                sa.suite = sa.suite or chosen_suite(payload)

    def _secrets(self, sa: _Sa, header: Header) -> Secrets | None:
        if sa.secrets is not None:
            return sa.secrets
        given = self._given.get(header.pair) or self._given.get((header.spi_i, b""))
        if given is None:
            return None
        sa.secrets = _completed(given, sa)
        return sa.secrets

    def _decrypt(self, sa: _Sa, secrets: Secrets, seen: Seen, header: Header) -> None:
        octets = seen.octets if seen.whole is None else seen.whole
        known = sa.done.get(octets)
        if known is None:
            known = _follow(sa, secrets, octets, header)
            if len(sa.done) >= _EXCHANGES:
                del sa.done[next(iter(sa.done))]
            sa.done[octets] = known
        seen.inner, seen.spoiled = known


def _follow(
    sa: _Sa, secrets: Secrets, octets: bytes, header: Header
) -> tuple[tuple[object, ...] | None, str | None]:
    """Open the message with the IV that its place in the exchange gives, and move that chain on."""
    chain = _chain(sa, secrets, header)
    why = "no IV fits"
    for iv in reversed(chain.ivs):
        opened, following = decrypt(octets, secrets, iv)
        if isinstance(opened, Sealed):
            why = opened.why
        elif _sane(opened):
            chain.advance(following)
            return opened.payloads, None
        else:
            why = opened.why or "what was decrypted is no chain of payloads"
    return None, why


def _chain(sa: _Sa, secrets: Secrets, header: Header) -> _Chain:
    if sa.phase_1 is None:
        sa.phase_1 = _Chain([secrets.iv0])
    if header.exchange in PHASE_1:
        return sa.phase_1
    key = (header.exchange, header.message_id)
    if key not in sa.exchanges:
        if len(sa.exchanges) >= _EXCHANGES:
            del sa.exchanges[next(iter(sa.exchanges))]
        sa.exchanges[key] = _Chain(
            [_exchange_iv(secrets, last, header.message_id) for last in sa.phase_1.ivs]
        )
    return sa.exchanges[key]


def _exchange_iv(secrets: Secrets, last_block: bytes, message_id: int) -> bytes:
    try:
        return exchange_iv(secrets, last_block, message_id)
    except UnsupportedAlgorithm:
        return b""


def _sane(opened: Opened) -> bool:
    """Whether the octets are a chain of payloads to its end; a wrong IV garbles the head of it.

    What stands behind is padding: zeros, also a whole block of them, or anything with a count (RFC 2409 appendix B).
    """
    malformed = any(isinstance(payload, v1.Malformed) for payload in opened.payloads)
    return opened.why is None and not malformed and len(opened.trailing) < _PADDING_MAX


def _completed(given: Secrets, sa: _Sa) -> Secrets:
    """The secrets with what the clear messages add: algorithms and first IV, where the keys came without them."""
    suite = given.suite if given.suite.encr else sa.suite
    if suite is None:
        return given
    if not suite.key_bits and suite.encr == EncrV1.AES_CBC:
        suite = replace(suite, key_bits=len(given.key) * 8)
    iv0 = given.iv0
    if not iv0 and len(sa.public) == 2:
        try:
            iv0 = first_iv(suite, sa.public[True], sa.public[False])
        except UnsupportedAlgorithm:
            iv0 = b""
    return replace(given, suite=suite, iv0=iv0)


def chosen_suite(payload: "v1.SecurityAssociation") -> Suite | None:
    """The algorithms of the one transform in a responder's SA payload (RFC 2409 section 5, appendix A)."""
    for proposal in payload.proposals:
        for transform in proposal.transforms:
            values = _numbers(transform.attributes)
            return Suite(
                values.get(AttributeP1.ENCRYPTION_ALGORITHM, 0),
                values.get(AttributeP1.KEY_LENGTH) or None,
                values.get(AttributeP1.HASH_ALGORITHM, 0),
                values.get(AttributeP1.AUTHENTICATION_METHOD, 0),
                values.get(AttributeP1.GROUP_DESCRIPTION, 0),
            )
    return None


def _numbers(attributes: Iterable["v1.Attribute"]) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for attribute in attributes:
        value = attribute.value
        found[int(attribute.type)] = value if isinstance(value, int) else int.from_bytes(value, "big")
    return found
