"""What looks like a start or a fault on the wire and is none: each trap by name, judged by all standing rules at once."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.codes import Exchange, NotifyType, ProfileName, Protocol
from harness.oracle import standing_findings
from harness.profile import PROFILES
from harness.record import Verdict
from harness.wire import v1, v2
from harness.wire.datagram import Endpoint
from testcases.selftest.oracle.speech import OURS, PEERS, child, packet, segment

NONE = bytes(8)
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)
NEW = {"spi_i": b"initiat2", "spi_r": b"respond2"}
MOVED = Endpoint("203.0.113.77", 61000)
TARGET = Endpoint("192.0.2.1", 500)
Trap = Callable[[Any], None]


def message_id_0_is_no_ike_sa_init(line: Any) -> None:
    """The target's own first request has Message ID 0, beside its peer's 2."""
    line.connects()
    line.starts(INFO, 0)
    line.asks(INFO, 2)
    line.answers(INFO, 2)
    line.obeys(INFO, 0)


def one_message_id_names_four_messages(line: Any) -> None:
    """Request and response 2 of both sides are four messages."""
    line.connects()
    for message_id in (0, 1):
        line.starts(INFO, message_id)
        line.obeys(INFO, message_id)
    line.starts(INFO, 2)
    line.asks(INFO, 2)
    line.answers(INFO, 2)
    line.obeys(INFO, 2)


def a_report_of_an_unknown_spi_is_nobodys_initiator(line: Any) -> None:
    """INVALID_SPI outside any SA has I=1 and R=0."""
    line.connects()
    report = (v2.Notify(notify_type=NotifyType.INVALID_SPI, data=b"spi1"),)
    line.starts(INFO, 0, spi_i=NONE, spi_r=NONE, flags=0x08, payloads=report)


def a_zero_spi_r_with_r_set_is_a_refusal(line: Any) -> None:
    """COOKIE keeps no state, and then a full answer comes."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, spi_r=NONE, payloads=(v2.Notify(notify_type=NotifyType.COOKIE, data=b"c" * 8),))
    line.connects()


def version_1_repeats_itself(line: Any) -> None:
    """In version 1 an answerer may send its last message again on its own timer."""
    line.main_mode()
    line.v1(2, b"MM6", by_target=True)


def a_zero_cookie_in_an_informational_starts_nothing(line: Any) -> None:
    """A refusal of phase 1 in clear may have no responder cookie."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))
    line.v1(5, b"", by_target=True, cookies=(b"initiat1", NONE), clear=(v1.Notify(notify_type=14),))


def quick_modes_side_by_side_have_a_speaker_each(line: Any) -> None:
    """Several Quick Modes of the peer run at a time, answered out of order."""
    line.main_mode()
    for message_id in (7, 8, 9):
        line.v1(32, b"QM1 %d" % message_id, message_id=message_id)
    for message_id in (9, 7, 8):
        line.v1(32, b"QM2 %d" % message_id, by_target=True, message_id=message_id)


def flags_of_version_1_are_no_roles(line: Any) -> None:
    """The bits that are I and R in version 2 mean nothing in version 1."""
    line.main_mode()
    tail = bytes((8, 0x10, 5, 0x29)) + bytes(4) + (60).to_bytes(4, "big") + bytes(32)
    line.octets(b"initiat1respond1" + tail, by_target=True)


def an_early_delete_is_no_rekey(line: Any) -> None:
    """The target may drop a Child SA before its end; that renews nothing."""
    line.connects_openly(asked=(child(PEERS),), told=(child(OURS),))
    line.says(INFO, 0, v2.Delete(Protocol.ESP, spis=(OURS,)), by_target=True, flags=0x00)
    line.says(INFO, 0, v2.Delete(Protocol.ESP, spis=(PEERS,)), by_target=False, flags=0x28)


def a_peer_that_changes_its_octets_gets_another_answer(line: Any) -> None:
    """A request that comes again with other octets may be answered with others."""
    line.connects()
    line.asks(INFO, 2)
    line.answers(INFO, 2)
    line.asks(INFO, 2, payloads=(v2.Encrypted(b"not the same request at all"),))
    line.answers(INFO, 2, payloads=(v2.Encrypted(b"nor the same answer, rightly"),))


def a_twin_that_answers_is_another_device(line: Any) -> None:
    """What another node of a cluster answers is a remark, and no answer that nobody asked the target for."""
    line.connects()
    line.asks(INFO, 2)
    line.answers(INFO, 2, {"ways": (Endpoint("192.0.2.2", 500), Endpoint("192.0.2.9", 500))})


def parallel_children_are_no_error(line: Any) -> None:
    """A peer may make Child SAs with equal Traffic Selectors, and the target sends under each."""
    line.connects_openly(asked=(child(PEERS),), told=(child(OURS),))
    line.says(CHILD, 2, child(b"twin"), by_target=False, flags=0x08)
    line.says(CHILD, 2, child(b"mine"), by_target=True, flags=0x20)
    packet(line, PEERS)
    packet(line, b"twin")


def what_is_inside_esp_starts_nothing(line: Any) -> None:
    """Keepalives of GRE or BGP inside ESP are data."""
    line.connects_openly(asked=(child(PEERS),), told=(child(OURS),))
    packet(line, PEERS)


def a_peers_rekey_flips_no_role(line: Any) -> None:
    """After its rekey the peer is the initiator of the new SA as well, and the old one is deleted."""
    line.connects()
    line.asks(CHILD, 2)
    line.answers(CHILD, 2)
    line.asks(INFO, 0, **NEW)
    line.answers(INFO, 0, **NEW)
    line.asks(INFO, 3)
    line.answers(INFO, 3)


def a_liveness_check_on_the_old_sa_may_be_under_way(line: Any) -> None:
    """A check begun before the peer's rekey is repeated on the old SA."""
    line.connects()
    line.starts(INFO, 0)
    line.asks(CHILD, 2)
    line.answers(CHILD, 2)
    line.starts(INFO, 0)
    line.obeys(INFO, 0)


def a_peer_behind_a_nat_moves(line: Any) -> None:
    """SAs are told by their SPIs, whatever the addresses are."""
    line.connects()
    line.asks(INFO, 2, {"ways": (MOVED, TARGET)})
    line.answers(INFO, 2, {"ways": (MOVED, TARGET)})
    line.starts(INFO, 0, {"ways": (MOVED, TARGET)})
    line.obeys(INFO, 0, {"ways": (MOVED, TARGET)})


def fragments_are_one_message(line: Any) -> None:
    """Three fragments answer one request once, and three ask once."""
    line.connects()
    line.asks(INFO, 2)
    for number in (1, 2, 3):
        line.answers(INFO, 2, payloads=(v2.EncryptedFragment(number, 3, b"piece"),))
    for number in (1, 2, 3):
        line.starts(INFO, 0, payloads=(v2.EncryptedFragment(number, 3, b"piece"),))


def a_stream_is_its_openers(line: Any) -> None:
    """The target answers a peer's SYN, and closes the peer's connection."""
    segment(line, 0x02, by_target=False, peer_port=40000, target_port=4500)
    for flags in (0x12, 0x11, 0x04):
        segment(line, flags, by_target=True, peer_port=40000, target_port=4500)


TRAPS: tuple[Trap, ...] = (
    message_id_0_is_no_ike_sa_init,
    one_message_id_names_four_messages,
    a_report_of_an_unknown_spi_is_nobodys_initiator,
    a_zero_spi_r_with_r_set_is_a_refusal,
    version_1_repeats_itself,
    a_zero_cookie_in_an_informational_starts_nothing,
    quick_modes_side_by_side_have_a_speaker_each,
    flags_of_version_1_are_no_roles,
    an_early_delete_is_no_rekey,
    a_peer_that_changes_its_octets_gets_another_answer,
    a_twin_that_answers_is_another_device,
    parallel_children_are_no_error,
    what_is_inside_esp_starts_nothing,
    a_peers_rekey_flips_no_role,
    a_liveness_check_on_the_old_sa_may_be_under_way,
    a_peer_behind_a_nat_moves,
    fragments_are_one_message,
    a_stream_is_its_openers,
)


@pytest.mark.parametrize("profile", ProfileName, ids=str)
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__.replace("_", "-"))
def test_no_rule_falls_into_the_trap(line, trap, profile):
    """An honest device that looks like an offender breaks no rule in any profile."""
    trap(line)

    findings = standing_findings(line.trace(), PROFILES[profile])

    assert [each.says for each in findings if each.verdict is Verdict.FAIL] == []
