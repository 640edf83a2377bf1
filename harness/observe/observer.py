"""Capture in, trace out; it knows the target's addresses and the keys in the evidence, and neither end of the line."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from harness.capture.frame import Capture, Frame
from harness.capture.streams import Streams
from harness.observe.header import Header
from harness.observe.open_v1 import OpenerV1
from harness.observe.open_v2 import OpenerV2
from harness.observe.packets import OpenerEsp, in_clear, protected
from harness.observe.seen import Seen
from harness.observe.trace import Trace
from harness.sa import v1, v2
from harness.sa.esp import EspSa
from harness.sa.secrets import from_evidence
from harness.wire.datagram import (
    NAT_PORTS,
    NON_ESP_MARKER,
    TCP_STREAM,
    UDP,
    Datagram,
    Kind,
    demultiplex,
)
from harness.wire.packet import TCP

_MARK = "mark: "
IKE_PORTS = frozenset({500})
_NO_PORTS: frozenset[int] = frozenset()


def observe(
    capture: Capture,
    devices: Collection[str],
    extra_secrets: Iterable[Mapping[str, Any]] = (),
    *,
    ike_ports: Collection[int] = (),
    nat_ports: Collection[int] = (),
) -> Trace:
    """What the capture shows of the target with these addresses, opened as far as its keys and `extra_secrets` go.

    In a foreign capture IKE is looked for on 500 and 4500 and on the ports given; the harness's own evidence
    names its ports itself, or is IKE throughout. Raises ValueError for what is no address.
    """
    opening = capture.opening
    addresses = frozenset(str(ip_address(device)) for device in devices)
    reader = Reader(
        addresses,
        frozenset({*IKE_PORTS, *ike_ports, *_ports(opening, "ike_ports")}),
        frozenset({*NAT_PORTS, *nat_ports, *_ports(opening, "nat_ports")}),
        any_port=opening is not None,
    )
    for frame in _once(capture):
        reader.read(frame)
    return observed(capture, reader, extra_secrets)


def observed(capture: Capture, reader: "Reader", extra_secrets: Iterable[Mapping[str, Any]] = ()) -> Trace:
    """What a reader saw of the capture, opened as far as its keys and `extra_secrets` go."""
    opening, seen = capture.opening, reader.seen
    problems = [*capture.problems, *_open(seen, (*capture.secrets, *extra_secrets))]
    bare = in_clear(capture.frames, protected(seen), reader.devices)
    times = [frame.time for frame in capture.frames]
    return Trace(
        tuple(seen),
        reader.devices,
        opening,
        capture.closing,
        capture.drops,
        opening is not None and (capture.cut_off or not _finished(capture.closing)),
        tuple(problems),
        tuple(reader.elsewhere),
        max(times) - min(times) if times else 0.0,
        bare,
    )


def _once(capture: Capture) -> Iterable[Frame]:
    """The frames without what a second tap of the harness's own saw as well: no datagram counts twice."""
    if capture.opening is None or not any(frame.interface for frame in capture.frames):
        return capture.frames
    first = Counter(frame.datagram for frame in capture.frames if frame.interface == 0)
    kept: list[Frame] = []
    for frame in capture.frames:
        if frame.interface and first[frame.datagram] > 0:
            first[frame.datagram] -= 1
        else:
            kept.append(frame)
    return kept


def _finished(closing: Mapping[str, Any] | None) -> bool:
    """Whether the script that made the capture came to its end."""
    return closing is not None and closing.get("finished") is not False


class Reader:
    """Sorts frames into the target's conversation, and answers that claim to belong to it from other addresses."""

    def __init__(
        self,
        devices: frozenset[str],
        ike_ports: frozenset[int],
        nat_ports: frozenset[int],
        *,
        any_port: bool,
    ) -> None:
        self.devices = devices
        self._ike_ports = ike_ports
        self._nat_ports = nat_ports
        self._any_port = any_port
        self._ports = ike_ports | nat_ports
        self._spis: set[bytes] = set()
        self.streams = Streams()
        self.seen: list[Seen] = []
        """What is said to and by the target."""
        self.elsewhere: list[Seen] = []
        """What strays from its SAs."""

    def read(self, frame: Frame) -> None:
        """One more frame of the capture."""
        for datagram in self.datagrams(frame):
            from_target = datagram.source.address in self.devices
            if from_target or datagram.destination.address in self.devices:
                self.take(self.sorted(frame, datagram, from_target))
            elif self._spis and (stray := self._stray(frame, datagram)):
                self.elsewhere.append(stray)

    def take(self, seen: Seen) -> None:
        """One more datagram that is said to or by the target."""
        if seen.header is not None:
            self._spis.add(seen.header.spi_i)
        self.seen.append(seen)

    def datagrams(self, frame: Frame) -> tuple[Datagram, ...]:
        """The datagram of a frame; for a segment of a stream the messages that it completes (RFC 9329)."""
        datagram = frame.datagram
        if datagram is None:
            return ()
        messages = self.streams.messages(datagram) if datagram.protocol == TCP else ()
        return messages or (datagram,)

    def _stray(self, frame: Frame, datagram: Datagram) -> Seen | None:
        each = self.sorted(frame, datagram, False)
        return each if each.header is not None and each.header.spi_i in self._spis else None

    def sorted(self, frame: Frame, datagram: Datagram, from_target: bool) -> Seen:
        """The datagram of a frame, sorted by its ports and read as far as its header."""
        kind, octets = self._kind(datagram)
        comments = frame.comments
        marks = (
            tuple(each.removeprefix(_MARK) for each in comments if each.startswith(_MARK)) if comments else ()
        )
        return Seen(
            frame.number,
            frame.time,
            datagram.source,
            datagram.destination,
            from_target,
            kind,
            octets,
            Header.read(octets) if kind is Kind.IKE else None,
            marks,
            "due" in comments,
            "hostile" in comments,
            frame.ip_id,
            over_tcp=datagram.protocol == TCP_STREAM,
            protocol=datagram.protocol,
        )

    def _kind(self, datagram: Datagram) -> tuple[Kind, bytes]:
        if datagram.protocol == TCP_STREAM:
            return demultiplex(datagram)
        if datagram.protocol == UDP and not self._any_port and not datagram.is_on(self._ports):
            return Kind.OTHER, datagram.data
        # ESP is not spoken on 500, whatever the other port is (RFC 7296 section 2.23).
        plain = datagram.is_on(self._ike_ports) and not datagram.data.startswith(NON_ESP_MARKER)
        return demultiplex(datagram, _NO_PORTS if plain else self._nat_ports)


def _ports(opening: Mapping[str, Any] | None, name: str) -> tuple[int, ...]:
    stated = (opening or {}).get(name)
    return tuple(each for each in stated if isinstance(each, int)) if isinstance(stated, list | tuple) else ()


def _open(seen: Iterable[Seen], evidence: Iterable[Mapping[str, Any]]) -> list[str]:
    """Open what the keys open; the result says which keys could not be read."""
    isakmp: list[v1.Secrets] = []
    ike: list[v2.Keys] = []
    children: list[EspSa] = []
    problems: list[str] = []
    for entry in evidence:
        try:
            keys = from_evidence(entry)
        except (ValueError, TypeError) as error:
            problems.append(f"keys in the evidence cannot be read: {error}")
            continue
        if isinstance(keys, v2.Keys):
            ike.append(keys)
        elif isinstance(keys, EspSa):
            children.append(keys)
        else:
            isakmp.append(keys)
    if ike or isakmp:
        opener_v1, opener_v2 = OpenerV1(isakmp), OpenerV2(ike)
        for each in seen:
            if each.header is not None:
                (opener_v1 if each.header.is_v1 else opener_v2).open(each, each.header)
    opener_esp = OpenerEsp(children)
    for each in seen:
        if each.kind is Kind.ESP:
            opener_esp.open(each)
    return problems
