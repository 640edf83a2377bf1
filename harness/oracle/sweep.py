"""Audits capture files of any length: the plain conversations by the column, the suspects message by message.

What they show is looked at twice. First a screen proves what is plain; then all that may matter to the rules is found
again and given, one peer at a time, to the observer and the rules that judge every trace. What cannot be screened is
audited as a whole: the harness's own evidence, captures with keys, and pipes.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

import numpy as np

from harness.capture import Dissector, Frame, Stream, stream
from harness.capture.joined import Joined, read_in_order, whole
from harness.capture.notes import Tally
from harness.capture.short import Short, short_counted
from harness.capture.source import Lookup
from harness.capture.tables import Table, picked
from harness.observe import Trace, observe
from harness.observe.observer import IKE_PORTS, Reader, observed
from harness.observe.rows import IKE, KEEPALIVE, PREFIXED, SEGMENT, STRAY, Peers, Rows, message
from harness.observe.sheets import ENOUGH, Sheet, Sheets
from harness.observe.shelf import Shelf
from harness.oracle.audit import Audit, audit, by_peer, concluded, is_wanted
from harness.oracle.books import Books, Connection, connections
from harness.oracle.screen import MOST_ALIVE, Screener
from harness.profile import Profile
from harness.wire.datagram import NAT_PORTS

Paths = Sequence[str | os.PathLike[str]]


class Unnamed(Exception):
    """Nobody says whom to judge; `found` has the files."""

    def __init__(self, found: Joined) -> None:
        self.found = found
        super().__init__("the capture does not say who is judged")


def audit_files(
    paths: Paths,
    devices: Collection[str],
    profile: Profile,
    peers: Collection[str] = (),
    *,
    secrets: Iterable[Mapping[str, Any]] = (),
    ports: Collection[int] = (),
    nat_ports: Collection[int] = (),
    strict: bool = False,
) -> tuple[Audit, Joined]:
    """What `audit` finds in these files one after another, in memory that grows with the SAs alive; and the files.

    Without devices it is those that the evidence names; where it names none, Unnamed is raised. Of a capture that was
    screened the frames are left out.
    """
    keys = tuple(secrets)
    watched = Watched(
        frozenset(str(ip_address(device)) for device in devices), frozenset(ports), frozenset(nat_ports)
    )
    wanted = tuple(ip_network(peer, strict=False) for peer in peers)
    sweep = Sweep.begun(paths, watched) if devices and not keys else None
    if sweep is None:
        return _as_a_whole(paths, watched, profile, peers, keys, strict=strict)
    with sweep:
        path, parts, copies = sweep.found.capture.path, sweep.parts(wanted), sweep.copies
        told = concluded(path, sweep.whole, parts, profile, copies, strict=strict, limited=bool(wanted))
        return told, sweep.found


@dataclass(frozen=True, slots=True)
class Watched:
    """Who is judged, and where IKE is looked for besides 500 and 4500."""

    devices: frozenset[str]
    ports: frozenset[int] = frozenset()
    nat_ports: frozenset[int] = frozenset()


def _as_a_whole(
    paths: Paths,
    watched: Watched,
    profile: Profile,
    peers: Collection[str],
    keys: tuple[Mapping[str, Any], ...],
    *,
    strict: bool,
) -> tuple[Audit, Joined]:
    found = read_in_order(paths)
    ports = {"ports": watched.ports, "nat_ports": watched.nat_ports}
    capture = short_counted(found.capture, *ports.values())
    devices = watched.devices or capture.devices
    if not devices:
        raise Unnamed(found)
    return audit(capture, devices, profile, peers, secrets=keys, strict=strict, **ports), found


class Sweep:
    """Files that were screened; it is a context manager, and keeps them open until then."""

    found: Joined
    """The files, without their frames."""

    def __init__(
        self, paths: Paths, watched: Watched, lookup: Lookup, *, enough: int = ENOUGH, most: int = MOST_ALIVE
    ) -> None:
        self.copies = 0
        """How many frames were left out because they hold an IP datagram that was captured before."""
        self._paths = paths
        self._watched = watched
        self._lookup = lookup
        self._enough = enough
        self._ike_ports, self._nat_ports = IKE_PORTS | watched.ports, NAT_PORTS | watched.nat_ports
        self._peers = Peers(watched.devices)
        self._screener = Screener(lookup.octets, most)
        self._connections: set[Connection] = set()
        self._kept_alive: set[int] = set()
        self._span: tuple[float, float] | None = None

    @classmethod
    def begun(cls, paths: Paths, watched: Watched) -> Self | None:
        """The sweep of files that can be screened, and are; None: they must be read as a whole."""
        lookup = Lookup.of(paths)
        if lookup is None:
            return None
        with ExitStack() as closing:
            closing.callback(lookup.close)
            sweep = cls(paths, watched, lookup)
            with suppress(OSError):  # the disk may have no room for what the files show
                if sweep.screen():
                    closing.pop_all()
                    return sweep
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lookup.close()

    def screen(self) -> bool:
        """Look at the files twice; False: they are none that can be screened."""
        with TemporaryFile() as file:
            return self._screened(Shelf(file))

    def _screened(self, shelf: Shelf) -> bool:
        read, sheets = list[Stream](), self._sheets()
        if any(map(_is_evidence, self._paths)):
            return False
        if not all(self._screen(sheet) for sheet in shelf.filled(sheets.of(self._streams(read)))):
            return False
        self._screener.finish()
        self.found = whole([each.capture(()) for each in read], (), sheets.parts, sheets.order)
        self._capture = sheets.short.counted(self.found.capture)
        if self._capture.secrets:
            return False
        self._books = Books(
            len(self._peers.names),
            self._screener,
            frozenset(self._connections),
            np.array([*self._kept_alive], np.int64),
        )
        for sheet in shelf:
            self._books.enter(sheet)
        return not self._books.astray

    @property
    def suspects(self) -> Collection[int]:
        """The initiators' SPIs of the conversations that are looked at message by message."""
        return self._screener.suspects.keys()

    def _streams(self, read: list[Stream]) -> Iterator[Stream]:
        """The files, each opened when its turn comes and kept in `read`."""
        for number, path in enumerate(self._paths):
            with stream(path, self._lookup.copies.get(number)) as opened:
                read.append(opened)
                yield opened

    def _sheets(self) -> Sheets:
        rows = Rows(self._peers, self._ike_ports, self._nat_ports)
        short = Short(self._watched.ports, self._watched.nat_ports)
        return Sheets(self._reader(), rows, self._lookup, short, self._enough)

    def _reader(self) -> Reader:
        return Reader(self._watched.devices, self._ike_ports, self._nat_ports, any_port=False)

    def _screen(self, sheet: Sheet) -> bool:
        """Show a sheet to the screen; False: it has marks, or streams of others, whose segments no row keeps."""
        rows = sheet.rows
        if sheet.marked or (rows["over_tcp"] & (rows["kind"] == STRAY)).any():
            return False
        self._screener.take(rows)
        begun = (rows["kind"] == SEGMENT) & (rows["flags"] & PREFIXED > 0)
        self._connections.update(connections(picked(rows, rows["over_tcp"] | begun)))
        self._kept_alive.update(rows["way"][rows["from_target"] & (rows["kind"] == KEEPALIVE)].tolist())
        self.copies += sheet.copies
        if sheet.span is not None:
            began, ended = self._span or sheet.span
            self._span = min(began, sheet.span[0]), max(ended, sheet.span[1])
        return True

    @property
    def whole(self) -> Trace:
        """What the files themselves say, without a message."""
        began, ended = self._span or (0.0, 0.0)
        return replace(observe(self._capture, self._watched.devices), length_s=ended - began)

    def parts(self, wanted: tuple[IPv4Network | IPv6Network, ...]) -> Iterator[tuple[str, Trace]]:
        """The trace of each peer, in the order in which they are met, one made after another."""
        names, books = self._peers.names, self._books
        whole, looked_at = self.whole, books.looked_at()
        for peer in books.met():
            if is_wanted(names[peer], wanted):
                trace = self._trace(looked_at.pop(peer, None), books.frames)
                part = by_peer(trace).get(names[peer], whole)
                screened = books.screened(peer, names[peer])
                yield names[peer], replace(part, length_s=whole.length_s, screened=screened)

    def _trace(self, looked_at: Table | None, kept: Mapping[int, Frame]) -> Trace:
        """What is looked at, as the observer sees it; of IKE the row says already what it is."""
        reader, dissector, octets = self._reader(), Dissector(Tally("others")), self._lookup.octets
        last = 0
        for row in [] if looked_at is None else looked_at.tolist():
            _, number, time, kind, from_target, ip_id, peer, way, at, length, place, size, link = row
            if kind == IKE and place >= 0:
                ends = self._peers.ends(peer, way)
                reader.take(message(number, time, from_target, ip_id, ends, octets(at, length)))
            elif place >= 0:
                found = dissector.dissect(link, octets(place, size), time)
                reader.read(Frame(number, time, found.datagram, (), found.ip_id, found.octets, found.why))
            elif number != last:
                reader.read(kept[number])
            last = number
        return observed(self._capture, reader)


def _is_evidence(path: str | os.PathLike[str]) -> bool:
    """Whether a file is evidence of the harness's own."""
    with stream(path) as opened:
        return opened.notes.opening is not None
