"""What the standing rules make of everything that a responder can emit, in each of the four profiles.

A row is something the target does after its peer made an SA; beside it stands which rules it breaks under strict,
rekey-ok and p1-only, and under two-way where that is anything. Rows that are answers, or allowed of a responder's own
accord, break none; those that are only odd are remarks, which count for nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from harness.codes import CfgType, Exchange, NotifyType, NotifyTypeV1, ProfileName, Protocol
from harness.oracle import standing_findings
from harness.profile import PROFILES
from harness.record import Verdict, Weight
from harness.wire import v1, v2
from testcases.selftest.oracle.speech import NATT, OURS, PEERS, bare, child, packet, rekey, segment, selectors

NONE = bytes(8)
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)
INTERMEDIATE, RESUME, FOLLOWUP = (
    Exchange.IKE_INTERMEDIATE,
    Exchange.IKE_SESSION_RESUME,
    Exchange.IKE_FOLLOWUP_KE,
)
MAIN, INFO_1, TRANSACTION, QUICK, GROUP = 2, 5, 6, 32, 33
OWN = {"spi_i": b"targets1", "spi_r": NONE, "flags": 0x08}
IKE_PROPOSAL = v2.SecurityAssociation((v2.Proposal(1, Protocol.IKE, spi=b"targets2"),))
Act = Callable[[Any], object]


@dataclass(frozen=True)
class Row:
    """Something that the target emits, and the rules that it breaks in each profile."""

    id: str
    act: Act
    strict: tuple[str, ...] = ()
    rekey_ok: tuple[str, ...] | None = None
    """None: as under strict."""
    p1_only: tuple[str, ...] | None = None
    """None: as under rekey-ok."""
    two_way: tuple[str, ...] = ()
    version: int = 2
    noted: str = ""
    """The rule that has a remark."""

    def broken(self, profile: ProfileName) -> set[str]:
        """The rules that it breaks under this profile."""
        rekey_ok = self.strict if self.rekey_ok is None else self.rekey_ok
        p1_only = rekey_ok if self.p1_only is None else self.p1_only
        per = dict(zip(ProfileName, (self.strict, rekey_ok, p1_only, self.two_way), strict=True))
        return set(per[profile])


def notify(kind: int, data: bytes = b"", **more: Any) -> v2.Notify:
    """A Notify of version 2."""
    return v2.Notify(notify_type=kind, data=data, **more)


def answers(exchange: int, *payloads: Any, first: bool = False) -> Act:
    """The target answers a request of its peer."""

    def act(line: Any) -> None:
        if first:
            line.asks(exchange, 0, spi_i=b"initiat9", spi_r=NONE)
            line.answers(exchange, 0, spi_i=b"initiat9", payloads=payloads or (v2.Nonce(bytes(32)),))
        else:
            line.says(exchange, 2, by_target=False, flags=0x08)
            line.says(exchange, 2, *payloads, by_target=True, flags=0x20)

    return act


def refuses(kind: int) -> Act:
    """The target refuses a first message without having made an SA."""

    def act(line: Any) -> None:
        line.asks(INIT, 0, spi_i=b"initiat9", spi_r=NONE)
        line.answers(INIT, 0, spi_i=b"initiat9", spi_r=NONE, payloads=(notify(kind, b"data"),))

    return act


def asks(exchange: int, *payloads: Any) -> Act:
    """The target starts an exchange on its peer's SA."""
    return lambda line: line.says(exchange, 0, *payloads, by_target=True, flags=0x00)


def says_1(exchange: int, text: bytes = b"words", message_id: int = 7) -> Act:
    """The target speaks first in an exchange of version 1."""
    return lambda line: line.v1(exchange, text, by_target=True, message_id=message_id)


def answers_1(exchange: int) -> Act:
    """The target answers in an exchange of version 1."""

    def act(line: Any) -> None:
        line.v1(exchange, b"asked", message_id=7)
        line.v1(exchange, b"told", by_target=True, message_id=7)

    return act


def begins_1(exchange: int) -> Act:
    """The target sends a first message of phase 1."""
    sa = (v1.SecurityAssociation(),)
    return lambda line: line.v1(exchange, b"", by_target=True, cookies=(b"targets1", NONE), clear=sa)


def clear_1(kind: int) -> Act:
    """The target refuses a phase 1 in clear."""

    def act(line: Any) -> None:
        line.v1(MAIN, b"", cookies=(b"initiat9", NONE), clear=(v1.SecurityAssociation(),))
        refusal = (v1.Notify(notify_type=kind),)
        line.v1(INFO_1, b"", by_target=True, cookies=(b"initiat9", NONE), clear=refusal)

    return act


def rekeys_ike(line: Any) -> None:
    """The target rekeys the IKE SA, and speaks as the initiator of the new one."""
    line.says(CHILD, 0, IKE_PROPOSAL, by_target=True, flags=0x00)
    taken = v2.SecurityAssociation((v2.Proposal(1, Protocol.IKE, spi=b"peerspi2"),))
    line.says(CHILD, 0, taken, by_target=False, flags=0x28)
    line.says(INFO, 0, by_target=True, flags=0x08, spis=(b"targets2", b"peerspi2"))


def follows_up(line: Any) -> None:
    """The target starts a rekey and goes on with IKE_FOLLOWUP_KE."""
    line.says(CHILD, 0, rekey(OURS), child(b"new1"), by_target=True, flags=0x00)
    line.says(CHILD, 0, child(b"new2"), by_target=False, flags=0x28)
    line.says(FOLLOWUP, 1, by_target=True, flags=0x00)


def renews_quickly(line: Any) -> None:
    """The target starts a Quick Mode after one of its peer's."""
    answers_1(QUICK)(line)
    line.v1(QUICK, b"renewed", by_target=True, message_id=9)


def synchronises(line: Any) -> None:
    """The target synchronises counters with Message ID 0, after a request 0 that was answered."""
    line.says(INFO, 0, by_target=True, flags=0x00)
    line.says(INFO, 0, by_target=False, flags=0x28)
    sync = notify(NotifyType.IKEV2_MESSAGE_ID_SYNC, bytes(12))
    line.says(INFO, 0, sync, by_target=True, flags=0x00)


def reports_spi(line: Any) -> None:
    """The target reports an unknown SPI outside any SA."""
    report = (notify(NotifyType.INVALID_SPI, b"spi1"),)
    line.starts(INFO, 0, spi_i=NONE, spi_r=NONE, flags=0x08, payloads=report)


def refuses_outside(kind: int) -> Act:
    """The target refuses outside any SA, its role copied from the peer."""

    def act(line: Any) -> None:
        line.asks(INFO, 3, spi_i=b"unknown1", spi_r=b"unknown2")
        told = (notify(kind),)
        line.answers(INFO, 3, spi_i=b"unknown1", spi_r=b"unknown2", flags=0x28, payloads=told)

    return act


def claims_to_be_initiator(line: Any) -> None:
    """The target sets the Initiator flag on its peer's SA."""
    line.asks(INFO, 2)
    line.answers(INFO, 2, flags=0x28)


def leaks_late(line):
    """A packet leaves in clear when the Child SA for it is over."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    bare(line, after=300.0)


def expires(line: Any) -> None:
    """The target sends ESP beyond the declared lifetime."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    packet(line, PEERS, after=100.0)


def asks_as_client(line: Any) -> None:
    """The target asks its peer for an address, its message in clear so that it can be read."""
    wanted = v1.Attributes(CfgType.CFG_REQUEST, attributes=(v1.Attribute(1, b""),))
    line.v1(TRANSACTION, b"", by_target=True, message_id=7, clear=(wanted,))


def keeps_alive(line: Any) -> None:
    """The target sends a NAT keepalive where its peer had spoken."""
    line.asks(INFO, 2, {"ways": NATT})
    line.answers(INFO, 2, {"ways": NATT})
    keeps_alive_early(line)


def keeps_alive_early(line: Any) -> None:
    """The target sends a NAT keepalive."""
    line.octets(b"", by_target=True, ways=NATT)
    datagram = line.frames[-1].datagram._replace(data=b"\xff")
    line.frames[-1] = line.frames[-1]._replace(datagram=datagram, octets=b"\xff")


def tcp(flags: int, **how: Any) -> Act:
    """The target sends a TCP segment."""
    return lambda line: segment(line, flags, by_target=True, **how)


ROWS = (
    Row("2.1-own-init", lambda line: line.starts(INIT, 0, **OWN), ("INV-01", "INV-03")),
    Row("2.2-init-answer", answers(INIT, first=True)),
    Row("2.2-cookie", refuses(NotifyType.COOKIE)),
    Row("2.2-invalid-ke", refuses(NotifyType.INVALID_KE_PAYLOAD)),
    Row("2.2-no-proposal", refuses(NotifyType.NO_PROPOSAL_CHOSEN)),
    Row("2.2-redirect", refuses(NotifyType.REDIRECT)),
    Row("2.2-puzzle", refuses(NotifyType.PUZZLE)),
    Row("2.3-own-intermediate", asks(INTERMEDIATE), ("INV-01",)),
    Row("2.4-intermediate-answer", answers(INTERMEDIATE)),
    Row("2.5-own-auth", asks(AUTH), ("INV-01",)),
    Row("2.6-auth-answer", answers(AUTH, notify(NotifyType.AUTH_LIFETIME, bytes(4)))),
    Row("2.7-own-resume", lambda line: line.starts(RESUME, 0, **OWN), ("INV-01", "INV-03")),
    Row("2.8-resume-answer", answers(RESUME, notify(NotifyType.TICKET_NACK), first=True)),
    Row("2.9-new-child", asks(CHILD, child(b"new1")), ("INV-02",), p1_only=()),
    Row("2.10-child-rekey", asks(CHILD, rekey(OURS), child(b"new1")), ("INV-02",), ()),
    Row("2.11-ike-rekey", rekeys_ike, ("INV-02", "INV-03"), ()),
    Row("2.12-child-answer", answers(CHILD, child(b"new1"))),
    Row("2.12-child-refusal", answers(CHILD, notify(NotifyType.NO_ADDITIONAL_SAS))),
    Row("2.13-followup-of-a-rekey", follows_up, ("INV-01", "INV-02"), ()),
    Row("2.13-lone-followup", asks(FOLLOWUP), ("INV-01",)),
    Row("2.14-followup-answer", answers(FOLLOWUP, notify(NotifyType.STATE_NOT_FOUND))),
    Row("2.15-liveness", asks(INFO)),
    Row("2.16-delete-child", asks(INFO, v2.Delete(Protocol.ESP, spis=(OURS,)))),
    Row("2.16-delete-ike", asks(INFO, v2.Delete(Protocol.IKE))),
    Row("2.17-notify", asks(INFO, notify(NotifyType.INVALID_MESSAGE_ID, bytes(4)))),
    Row("2.17a-qcd-token", asks(INFO, notify(NotifyType.QUICK_CRASH_DETECTION, bytes(16)))),
    Row("2.17a-vendor-id", asks(INFO, v2.VendorId(b"vendor"))),
    Row("2.17a-unknown-status", asks(INFO, notify(40960)), noted="INV-06"),
    Row("2.18-redirect", asks(INFO, notify(NotifyType.REDIRECT, b"\1\4" + bytes(4)))),
    Row("2.19-addresses", asks(INFO, notify(NotifyType.ADDITIONAL_IP4_ADDRESS, bytes(4)))),
    Row("2.19-path-test", asks(INFO, notify(NotifyType.COOKIE2, bytes(8)))),
    Row("2.20-update-addresses", asks(INFO, notify(NotifyType.UPDATE_SA_ADDRESSES)), ("INV-06",)),
    Row("2.21-synchronisation", synchronises, noted="INV-06"),
    Row("2.22-configuration", asks(INFO, v2.Configuration(3)), noted="INV-06"),
    Row("2.23-informational-answer", answers(INFO)),
    Row("2.24-one-way-report", reports_spi),
    Row("2.25-invalid-ike-spi", refuses_outside(NotifyType.INVALID_IKE_SPI)),
    Row("2.25-invalid-major-version", refuses_outside(NotifyType.INVALID_MAJOR_VERSION)),
    Row("2.26-initiator-flag", claims_to_be_initiator, ("INV-03",)),
    Row("2.27-unasked-answer", lambda line: line.answers(INFO, 5), ("INV-07",), two_way=("INV-07",)),
    Row("2.28-temporary-failure", answers(CHILD, notify(NotifyType.TEMPORARY_FAILURE)), noted="INV-02"),
    Row("2.29-g-ikev2", asks(39), noted="INV-06"),
    Row("2.29-private", asks(240), noted="INV-06"),
    Row("unassigned-exchange", asks(99), ("INV-06",)),
    *(Row(f"1.1-phase-1-type-{kind}", begins_1(kind), ("INV-04",), version=1) for kind in range(1, 5)),
    Row("1.2-phase-1-answer", lambda line: line.main_mode(), version=1),
    Row("1.3-first-quick-mode", says_1(QUICK), ("INV-05",), p1_only=(), version=1),
    Row("1.3-quick-mode-rekey", renews_quickly, ("INV-05",), (), version=1),
    Row("1.4-quick-mode-answer", answers_1(QUICK), version=1),
    Row("1.5-new-group-mode", says_1(GROUP), ("INV-05",), version=1),
    Row("1.6-new-group-answer", answers_1(GROUP), version=1),
    Row("1.7-to-1.11-informational", says_1(INFO_1), version=1),
    Row("1.8-informational-answer", answers_1(INFO_1), version=1),
    Row("1.10-clear-notify", clear_1(NotifyTypeV1.NO_PROPOSAL_CHOSEN), version=1),
    Row("1.12-to-1.13-transaction", says_1(TRANSACTION), version=1),
    Row("1.14-transaction-answer", answers_1(TRANSACTION), version=1),
    Row("1.16-own-timer", says_1(MAIN, b"MM6", 0), version=1),
    Row(
        "1.17-fragment",
        lambda line: line.v1(MAIN, b"", by_target=True, clear=(v1.Fragment(1, 1, 0, b"x"),)),
        version=1,
    ),
    Row("1.18-private-exchange", says_1(243), version=1, noted="INV-06"),
    Row("1.15-asks-as-a-client", asks_as_client, version=1, noted="INV-06"),
    Row("3.1-keepalive", keeps_alive),
    Row("3.2-early-keepalive", keeps_alive_early, noted="INV-17"),
    Row("3.3-tcp-syn", tcp(0x02), ("INV-12",)),
    Row("3.4-tcp-fin", tcp(0x11, peer_port=40000, target_port=4500)),
    Row("3.4-tcp-rst", tcp(0x04, peer_port=40000, target_port=4500)),
    Row("3.5-esp", lambda line: packet(line, PEERS)),
    Row("3.6-esp-of-an-unknown-spi", lambda line: packet(line, b"what"), ("INV-13",), two_way=("INV-13",)),
    Row("3.6-esp-past-its-limit", expires, ("INV-14",)),
    Row("3.7-in-clear", bare, ("INV-18",), two_way=("INV-18",)),
    Row("3.7-in-clear-past-the-limit", leaks_late, ("INV-18",), two_way=("INV-18",)),
)


@pytest.mark.parametrize("profile", ProfileName, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_the_rules_make_of_it(line, row, profile):
    """What is forbidden in the judged profile breaks the rules of that row, and nothing else breaks any."""
    if row.version == 2:
        line.connects_openly(asked=(child(PEERS), *selectors()), told=(child(OURS), *selectors()))
    else:
        line.main_mode()
    row.act(line)

    findings = standing_findings(line.trace(), PROFILES[profile])

    broken = {each.rule for each in findings if each.verdict is Verdict.FAIL}
    assert broken == row.broken(profile)
    remarks = {each.rule for each in findings if each.weight is Weight.NOTE and each.rule != "INV-10"}
    if profile is ProfileName.STRICT:
        assert remarks == ({row.noted} if row.noted else set())
