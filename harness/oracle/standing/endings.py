"""From which frame on nothing has to be answered on an SA: it was deleted or given up, or an extension ends it silently.

Silently end SAs that a ticket resumed (RFC 5723 section 4.3.4), whose peer showed the token by which it says that it has
lost them (RFC 6290 section 4.5), or who did not return COOKIE2 from where it moved to (RFC 4555 section 3.7).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.codes import Exchange, NotifyType, Protocol
from harness.observe import NO_SPI, Header, Seen, Trace
from harness.wire import v1, v2
from harness.wire.v2.notify_data import TicketWithLifetime, read

_ENDS = frozenset({NotifyType.INVALID_SYNTAX, NotifyType.AUTHENTICATION_FAILED})
Pair = tuple[bytes, bytes]


def endings(trace: Trace) -> dict[Pair, int]:
    """The frame in which each SA ended, by its SPIs, as far as keys show it."""
    told, ended = _Told(), dict[Pair, int]()
    for each in trace.ike:
        header = each.header
        if header is None:
            continue
        for pair in told.ended_by(each, header):
            ended.setdefault(pair, each.number)
    return ended


@dataclass(slots=True)
class _Told:
    """What both sides said so far that may end an SA later."""

    tokens: set[tuple[Pair, bytes]] = field(default_factory=set)
    """The tokens that a peer gave for its SAs."""
    tickets: dict[bytes, Pair] = field(default_factory=dict)
    """The SAs that the target gave tickets for."""
    shown: dict[bytes, Pair] = field(default_factory=dict)
    """By the initiator's SPI the SA whose ticket it shows."""
    cookies: dict[tuple[Pair, int], bytes] = field(default_factory=dict)
    """The COOKIE2 that the target asks for, by its Message ID."""

    def ended_by(self, seen: Seen, header: Header) -> Iterator[Pair]:
        """The SAs that this message ends; what it says is kept."""
        if header.spi_r == NO_SPI:
            self._take_ticket(seen, header)
        elif seen.inner is None:
            if self._shows_token(seen, header):
                yield header.pair
        else:
            if any(_ends(payload, seen) for payload in seen.inner) or self._spoils_cookie(seen, header):
                yield header.pair
            if (old := self._resumed(seen, header)) is not None:
                yield old
            self._keep(seen, header)

    def _keep(self, seen: Seen, header: Header) -> None:
        told = _notifies(seen)
        if not told:
            return
        token = told.get(NotifyType.QUICK_CRASH_DETECTION)
        if token and not seen.from_target:
            self.tokens.add((header.pair, token))
        given = read(TicketWithLifetime, told.get(NotifyType.TICKET_LT_OPAQUE, b""))
        if given is not None and seen.from_target and header.exchange != Exchange.CREATE_CHILD_SA:
            self.tickets[given.ticket] = header.pair
        cookie = told.get(NotifyType.COOKIE2)
        if cookie and seen.from_target and seen.is_request:
            self.cookies[header.pair, header.message_id] = cookie

    def _take_ticket(self, seen: Seen, header: Header) -> None:
        if header.exchange != Exchange.IKE_SESSION_RESUME:
            return
        old = self.tickets.get(_notifies(seen).get(NotifyType.TICKET_OPAQUE, b""))
        if old is not None:
            self.shown[header.spi_i] = old

    def _resumed(self, seen: Seen, header: Header) -> Pair | None:
        """The SA that is over when the target proves itself in the session that resumes it."""
        proves = seen.from_target and any(isinstance(each, v2.Authentication) for each in seen.inner or ())
        return self.shown.get(header.spi_i) if proves else None

    def _shows_token(self, seen: Seen, header: Header) -> bool:
        if seen.from_target or seen.sealed or header.is_v1:
            return False
        shown = (each.data for each in seen.payloads if _is(each, NotifyType.QUICK_CRASH_DETECTION))
        return any((header.pair, token) in self.tokens for token in shown)

    def _spoils_cookie(self, seen: Seen, header: Header) -> bool:
        wanted = self.cookies.get((header.pair, header.message_id))
        if wanted is None or seen.from_target or not seen.is_response:
            return False
        return _notifies(seen).get(NotifyType.COOKIE2) != wanted


def _is(payload: object, kind: NotifyType) -> bool:
    return isinstance(payload, v2.Notify) and payload.notify_type == kind


def _notifies(seen: Seen) -> dict[int, bytes]:
    """The data of the first notify of each type."""
    found: dict[int, bytes] = {}
    for each in seen.payloads:
        if isinstance(each, v2.Notify):
            found.setdefault(each.notify_type, bytes(each.data))
    return found


def _ends(payload: object, seen: Seen) -> bool:
    if isinstance(payload, v2.Delete | v1.Delete):
        return payload.protocol == Protocol.IKE
    return isinstance(payload, v2.Notify) and seen.is_response and payload.notify_type in _ENDS
