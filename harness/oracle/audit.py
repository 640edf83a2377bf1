"""Judges a capture that somebody else took, by the standing rules alone, for each pair of device and peer."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from harness.capture.copies import Copies
from harness.capture.frame import Capture
from harness.observe import NO_SPI, Seen, Trace, observe
from harness.oracle.conclude import claims, conclude
from harness.oracle.standing import standing_findings
from harness.profile import Profile
from harness.record import ClaimName, Finding, Verdict, Weight

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """The device and one of its peers, judged by itself."""

    device: str
    peer: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    gap_free: bool | None
    datagrams: int
    strict: bool = False

    def to_json(self) -> dict[str, Any]:
        """The pair as plain data."""
        return {
            "device": self.device,
            "peer": self.peer,
            "verdict": self.verdict.value,
            "claims": claims(self.findings, self.strict),
            "gap_free": self.gap_free,
            "datagrams": self.datagrams,
            "findings": [finding.to_json() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What the standing rules find in a capture."""

    capture: str
    device: str
    profile: str
    verdict: Verdict
    pairs: tuple[Pair, ...]
    findings: tuple[Finding, ...]
    datagrams: int
    ike_messages: int
    window_s: float
    gap_free: bool | None
    copies: int = 0
    """Frames left out because they hold an IP datagram that was captured before."""
    problems: tuple[str, ...] = ()
    duration_s: float = 0.0
    """Seconds that judging took, filled in by whoever has a clock."""
    strict: bool = False

    @property
    def claims(self) -> dict[str, str]:
        """The verdict of each claim: safety, liveness, protocol."""
        return claims(self.findings, self.strict)

    def to_json(self) -> dict[str, Any]:
        """The audit as plain data, the interface of `audit --json`."""
        return {
            "format": FORMAT,
            "capture": self.capture,
            "device": self.device,
            "profile": self.profile,
            "verdict": self.verdict.value,
            "claims": self.claims,
            "findings": [finding.to_json() for finding in self.findings],
            "pairs": [pair.to_json() for pair in self.pairs],
            "datagrams": self.datagrams,
            "ike_messages": self.ike_messages,
            "window_s": self.window_s,
            "gap_free": self.gap_free,
            "copies": self.copies,
            "problems": list(self.problems),
            "duration_s": self.duration_s,
        }


def audit(
    capture: Capture,
    devices: Collection[str],
    profile: Profile,
    peers: Collection[str] = (),
    *,
    secrets: Iterable[Mapping[str, Any]] = (),
    ports: Collection[int] = (),
    nat_ports: Collection[int] = (),
    strict: bool = False,
) -> Audit:
    """Judge what the device with these addresses sent to each of its peers.

    `peers` are addresses or networks that the judgement is limited to; none: every peer. `secrets` are keys from
    elsewhere, `ports` further ports of IKE, `nat_ports` of what 4500 carries. Raises ValueError for what is no address or network.
    """
    wanted = tuple(ip_network(peer, strict=False) for peer in peers)
    capture, copies = _without_copies(capture)
    trace = observe(capture, devices, secrets, ike_ports=ports, nat_ports=nat_ports)
    parts = ((peer, part) for peer, part in by_peer(trace).items() if is_wanted(peer, wanted))
    return concluded(capture.path, trace, parts, profile, copies, strict=strict, limited=bool(wanted))


def concluded(
    path: str,
    whole: Trace,
    parts: Iterable[tuple[str, Trace]],
    profile: Profile,
    copies: int,
    *,
    strict: bool,
    limited: bool,
) -> Audit:
    """The audit of the parts of a trace, each judged and let go before the next one is asked for."""
    device = ", ".join(sorted(whole.devices))
    pairs: list[Pair] = []
    ike_messages = 0
    for peer, part in parts:
        pairs.append(_pair(device, peer, part, profile, strict))
        ike_messages += part.ike_messages
    findings = tuple(finding for pair in pairs for finding in pair.findings)
    if not pairs:
        findings = (_nothing(device, limited),)
    return Audit(
        path,
        device,
        str(profile.name),
        conclude(findings, strict),
        tuple(pairs),
        findings,
        sum(pair.datagrams for pair in pairs),
        ike_messages,
        round(whole.window_s, 6),
        _together([pair.gap_free for pair in pairs]),
        copies,
        whole.problems,
        strict=strict,
    )


def by_peer(trace: Trace) -> dict[str, Trace]:
    """The trace in parts, one for each peer; an SA stays with the peer that it was first seen with."""
    owners: dict[bytes, str] = {}
    seen: dict[str, list[Seen]] = {}
    for each in trace.seen:
        peer = each.destination.address if each.from_target else each.source.address
        seen.setdefault(_owner(owners, each, peer), []).append(each)
    elsewhere: dict[str, list[Seen]] = {}
    for each in trace.elsewhere:
        elsewhere.setdefault(owners.get(each.spi_i or b"", ""), []).append(each)
    return {
        peer: replace(trace, seen=tuple(part), elsewhere=tuple(elsewhere.get(peer, ())))
        for peer, part in seen.items()
    }


def _owner(owners: dict[bytes, str], seen: Seen, peer: str) -> str:
    spi_i = seen.spi_i
    if spi_i is None or spi_i == NO_SPI:
        return peer
    return owners.setdefault(spi_i, peer)


def _pair(device: str, peer: str, part: Trace, profile: Profile, strict: bool) -> Pair:
    findings = standing_findings(part, profile)
    return Pair(device, peer, conclude(findings, strict), findings, part.gap_free, part.datagrams, strict)


def _nothing(device: str, limited: bool) -> Finding:
    among = " and the peers named" if limited else ""
    says = (
        f"the capture has no datagram between {device}{among}: there is nothing to judge; check the address"
    )
    return Finding("audit", Verdict.INCONCLUSIVE, says, (), Weight.MUST, "", ClaimName.SAFETY)


def is_wanted(peer: str, wanted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether a peer is among these; none: every one is."""
    return not wanted or any(ip_address(peer) in network for network in wanted)


def _together(gap_free: list[bool | None]) -> bool | None:
    if False in gap_free:
        return False
    return True if gap_free and all(gap_free) else None


def _without_copies(capture: Capture) -> tuple[Capture, int]:
    """The capture without frames that hold the very IP datagram of a frame just before: two taps, or one that doubles."""
    if capture.opening is not None:
        return capture, 0
    copies = Copies()
    kept = [
        frame
        for frame in capture.frames
        if not copies.is_copy(frame.number, frame.time, frame.ip_id, frame.octets)
    ]
    return replace(capture, frames=tuple(kept)), len(capture.frames) - len(kept)
