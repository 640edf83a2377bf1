"""INV-06, INV-11, INV-12 and INV-17: what a device says of its own accord, how it counts, and to whom it speaks."""

from ipaddress import ip_address

import pytest

from harness.codes import Exchange, NotifyType, ProfileName
from harness.record import ClaimName, Verdict, Weight
from harness.wire import v2
from harness.wire.datagram import Endpoint
from testcases.selftest.oracle.speech import segment

NONE = bytes(8)
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)
RESPONDERS = (ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.P1_ONLY)
ELSEWHERE = Endpoint("198.51.100.9", 500)
TARGET = Endpoint("192.0.2.1", 500)
NEW = {"spi_i": b"initiat2", "spi_r": b"respond2"}
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


def verdicts(findings):
    """The verdicts of findings that count, in order."""
    return [finding.verdict for finding in findings if finding.weight is Weight.MUST]


def notes(findings):
    """The words of remarks that count for nothing."""
    return [finding.says for finding in findings if finding.weight is Weight.NOTE]


def notify(kind, data=b""):
    """A Notify of that type."""
    return v2.Notify(notify_type=kind, data=data)


def asks_openly(line, message_id, *payloads, **how):
    """An INFORMATIONAL request of the target whose content the keys in the capture show."""
    return line.says(INFO, message_id, *payloads, by_target=True, flags=0x00, **how)


def obeyed(line, message_id, *payloads, **how):
    """The peer's answer to it."""
    return line.says(INFO, message_id, *payloads, by_target=False, flags=0x28, **how)


# --- INV-06 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", RESPONDERS)
def test_an_unknown_exchange_fails_in_every_responder(line, check, profile):
    """An exchange of a type that nobody gave out, begun by the target, fails INV-06 from its header."""
    line.connects()
    number = line.starts(99)

    findings = check("INV-06", line, profile)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].claim is ClaimName.SAFETY


@pytest.mark.parametrize("exchange", [39, 42, 240, 255])
def test_exchanges_of_others_are_noted(line, check, exchange):
    """The types of G-IKEv2 and those for private use are remarks, and the rule holds."""
    line.connects()
    line.starts(exchange)

    findings = check("INV-06", line)

    assert verdicts(findings) == [Verdict.PASS]
    assert len(notes(findings)) == 1


@pytest.mark.parametrize("exchange", [INIT, AUTH, CHILD, Exchange.IKE_INTERMEDIATE, Exchange.IKE_FOLLOWUP_KE])
def test_what_other_rules_judge_is_told_once(line, check, exchange):
    """Exchanges that INV-01 and INV-02 judge are no second offence."""
    line.connects()
    line.starts(exchange)

    assert verdicts(check("INV-06", line)) == [Verdict.PASS]


def test_without_keys_content_is_not_judged(line, check):
    """A sealed INFORMATIONAL request may ask for anything; its type alone is right."""
    line.connects()
    line.starts(INFO)

    assert verdicts(check("INV-06", line)) == [Verdict.PASS, Verdict.NOT_APPLICABLE]


@pytest.mark.parametrize(
    "content",
    [
        (),
        (v2.Delete(3, spis=(b"spi1",)),),
        (v2.Delete(1),),
        (notify(NotifyType.INVALID_SPI, b"spi1"),),
        (notify(NotifyType.INVALID_MESSAGE_ID, bytes(4)),),
        (notify(NotifyType.AUTH_LIFETIME, bytes(4)),),
        (notify(NotifyType.SET_WINDOW_SIZE, b"\0\0\0\5"),),
        (notify(NotifyType.REDIRECT, b"\1\4" + bytes(4)),),
        (notify(NotifyType.ADDITIONAL_IP4_ADDRESS, bytes(4)),),
        (notify(NotifyType.NO_ADDITIONAL_ADDRESSES),),
        (notify(NotifyType.COOKIE2, b"c" * 8),),
        (notify(NotifyType.QUICK_CRASH_DETECTION, b"t" * 16),),
        (v2.VendorId(b"vendor"),),
    ],
    ids=[
        "liveness",
        "delete-child",
        "delete-ike",
        "invalid-spi",
        "invalid-message-id",
        "auth-lifetime",
        "window",
        "redirect",
        "address",
        "no-addresses",
        "cookie2",
        "qcd-token",
        "vendor",
    ],
)
def test_what_a_responder_may_say_passes_in_silence(line, check, content):
    """Liveness, Deletes, notifies and a new crash token are a responder's own to send, and no remark."""
    line.connects_openly()
    asks_openly(line, 0, *content)

    findings = check("INV-06", line)

    assert verdicts(findings) == [Verdict.PASS, Verdict.PASS]
    assert notes(findings) == []


@pytest.mark.parametrize("profile", RESPONDERS)
def test_moving_a_peers_sa_fails(line, check, profile):
    """UPDATE_SA_ADDRESSES by the responder of the first IKE SA fails in every profile of a responder."""
    line.connects_openly()
    number = asks_openly(line, 0, notify(NotifyType.UPDATE_SA_ADDRESSES))

    findings = check("INV-06", line, profile)

    assert verdicts(findings) == [Verdict.PASS, Verdict.FAIL]
    assert findings[-1].frames == (number,)
    assert findings[-1].requirement == "RFC4555-3.5-01"


def test_a_rekey_makes_nobody_the_mover(line, check):
    """After the target rekeyed, as rekey-ok allows, the peer still is who made the first IKE SA."""
    line.connects()
    line.starts(CHILD)
    line.obeys(CHILD)
    spis = (b"targets2", b"respond2")
    line.says(INFO, 0, notify(NotifyType.UPDATE_SA_ADDRESSES), by_target=True, flags=0x08, spis=spis)

    assert verdicts(check("INV-06", line, ProfileName.REKEY_OK)) == [Verdict.PASS, Verdict.FAIL]


def test_who_may_move_an_older_sa_is_undecided(foreign, check):
    """On an IKE SA that is older than the capture nobody saw who made the first one."""
    asks_openly(foreign, 7, notify(NotifyType.UPDATE_SA_ADDRESSES))

    assert Verdict.FAIL not in verdicts(check("INV-06", foreign))


def test_unknown_notifies_are_noted(line, check):
    """A status notify that no list names, and a payload that belongs elsewhere, are remarks without a verdict."""
    line.connects_openly()
    asks_openly(line, 0, notify(40960), v2.Nonce(bytes(16)))

    findings = check("INV-06", line)

    assert verdicts(findings) == [Verdict.PASS, Verdict.PASS]
    assert len(notes(findings)) == 2


def test_synchronisation_needs_a_claim(line, check):
    """IKEV2_MESSAGE_ID_SYNC of a target that claimed it in IKE_AUTH is right, and else a remark."""
    sync = notify(NotifyType.IKEV2_MESSAGE_ID_SYNC, bytes(12))
    line.connects_openly()
    asks_openly(line, 0, sync)

    assert len(notes(check("INV-06", line))) == 1

    line.frames.clear()
    line.connects_openly(told=(notify(NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED),))
    asks_openly(line, 0, sync)

    assert notes(check("INV-06", line)) == []


def test_a_one_way_report_is_allowed(line, check):
    """INVALID_SPI in clear, outside any SA and with the Initiator flag, may be sent (RFC 7296 section 1.5)."""
    line.connects()
    report = (notify(NotifyType.INVALID_SPI, b"spi1"),)
    line.starts(INFO, spi_i=NONE, spi_r=NONE, flags=0x08, payloads=report)

    findings = check("INV-06", line)

    assert verdicts(findings) == [Verdict.PASS, Verdict.PASS]
    assert notes(findings) == []


def test_an_offence_tells_what_it_rests_on(line, check):
    """A FAIL in safety names the window, the triggers, the completeness and the earlier frames of its SPIs."""
    line.connects()
    line.starts(99)

    says = check("INV-06", line)[0].says

    assert "in 60.0 s" in says
    assert "triggers: boot" in says
    assert "nothing lost" in says
    assert "frames 1-4 came before" in says


# --- INV-11 ---------------------------------------------------------------------------------------------------------


def test_own_requests_count_up_from_0(line, check):
    """The target's requests 0, 1, 2, one at a time and the second sent twice, pass INV-11."""
    line.connects()
    for message_id in range(3):
        line.starts(INFO, message_id)
        if message_id == 1:
            line.starts(INFO, message_id)
        line.obeys(INFO, message_id)

    assert verdicts(check("INV-11", line)) == [Verdict.PASS]


def test_a_first_request_beyond_0_fails(line, check):
    """An original responder whose first own request has Message ID 2 took its peer's counter for its own."""
    line.connects()
    number = line.starts(INFO, 2)

    findings = check("INV-11", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].claim is ClaimName.PROTOCOL


def test_a_hole_in_a_foreign_capture_is_the_captures(foreign, check):
    """Where no counter says that nothing was lost, a missing Message ID is a gap, and no fault."""
    foreign.connects()
    foreign.starts(INFO, 0)
    foreign.obeys(INFO, 0)
    foreign.starts(INFO, 2)

    assert verdicts(check("INV-11", foreign)) == [Verdict.INCONCLUSIVE]


def test_a_rekeyed_sa_counts_anew(line, check):
    """On the SPIs that a rekey made the target's requests begin with 0 again, and going on counting fails."""
    line.connects()
    line.starts(INFO, 0)
    line.obeys(INFO, 0)
    line.asks(CHILD, 2)
    line.answers(CHILD, 2)
    line.asks(INFO, 0, **NEW)
    line.answers(INFO, 0, **NEW)
    line.starts(INFO, 0, **NEW)
    assert verdicts(check("INV-11", line)) == [Verdict.PASS]

    line.frames.pop()
    line.starts(INFO, 1, **NEW)
    assert verdicts(check("INV-11", line)) == [Verdict.FAIL]


def test_who_made_the_sa_begins_with_1(line, check):
    """A two-way device that made the IKE SA has spent Message ID 0 on IKE_SA_INIT."""
    line.starts(INIT, spi_r=NONE, flags=0x08)
    line.obeys(INIT, flags=0x20)
    line.starts(AUTH, 1, flags=0x08)
    line.obeys(AUTH, 1, flags=0x20)

    assert verdicts(check("INV-11", line, ProfileName.TWO_WAY)) == [Verdict.PASS]


def test_an_older_sa_cannot_be_counted(line, check):
    """Without the beginning of the SA nothing is said of its Message IDs."""
    line.starts(INFO, 7)

    assert verdicts(check("INV-11", line)) == [Verdict.NOT_APPLICABLE]


def test_a_message_id_for_two_requests_fails(line, check):
    """A request that comes again with other octets is another request under a spent Message ID."""
    line.connects()
    first = line.starts(INFO, 0)
    again = line.starts(INFO, 0, payloads=(v2.Encrypted(b"something else in its place"),))

    findings = check("INV-11", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (first, again)
    assert findings[0].requirement == "RFC7296-2.1-08"


@pytest.mark.parametrize("answered", [True, False])
def test_a_member_that_takes_over_uses_0_again(line, check, answered):
    """Message ID 0 once more, to synchronise counters, is what RFC 6311 asks for; what follows is a remark."""
    line.connects_openly()
    asks_openly(line, 0)
    if answered:
        obeyed(line, 0)
    sync = notify(NotifyType.IKEV2_MESSAGE_ID_SYNC, bytes(12))
    asks_openly(line, 0, sync)
    obeyed(line, 0, sync)
    asks_openly(line, 70)

    findings = check("INV-11", line)

    assert Verdict.FAIL not in verdicts(findings)
    assert len(notes(findings)) == 1


def test_a_second_request_before_the_answer_fails(line, check):
    """Two requests at a time, where the peer's messages opened and named no window, fail INV-11."""
    line.connects_openly()
    first = asks_openly(line, 0)
    second = asks_openly(line, 1)

    findings = check("INV-11", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (first, second)
    assert findings[0].requirement == "RFC7296-2.3-06"


def test_a_window_allows_more_requests(line, check):
    """After SET_WINDOW_SIZE of the peer that many requests may be unanswered, and one more fails."""
    line.connects_openly(asked=(notify(NotifyType.SET_WINDOW_SIZE, b"\0\0\0\2"),))
    asks_openly(line, 0)
    asks_openly(line, 1)
    assert verdicts(check("INV-11", line)) == [Verdict.PASS]

    asks_openly(line, 2)
    assert verdicts(check("INV-11", line)) == [Verdict.FAIL]


def test_a_sealed_window_is_noted(line, check):
    """Without keys the peer's window is unknown, and requests side by side are a remark."""
    line.connects()
    line.starts(INFO, 0)
    line.starts(INFO, 1)

    findings = check("INV-11", line)

    assert Verdict.FAIL not in verdicts(findings)
    assert len(notes(findings)) == 1


def test_a_request_given_up_is_noted_far_from_the_target(foreign, check):
    """Where a tap elsewhere shows no answer at all, the target may have given its request up before the next."""
    foreign.connects_openly()
    asks_openly(foreign, 0)
    asks_openly(foreign, 1)
    assert Verdict.FAIL not in verdicts(check("INV-11", foreign))

    obeyed(foreign, 0)
    assert verdicts(check("INV-11", foreign)) == [Verdict.FAIL]


def test_reports_outside_any_sa_are_not_counted(line, check):
    """The one-way report of an unknown SPI has no counter."""
    line.connects()
    report = (notify(NotifyType.INVALID_SPI, b"spi1"),)
    line.starts(INFO, 77, spi_i=b"randomA1", spi_r=b"randomB2", flags=0x08, payloads=report)

    assert verdicts(check("INV-11", line)) == [Verdict.NOT_APPLICABLE]


# --- INV-12 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", RESPONDERS)
def test_dialling_fails(foreign, check, profile):
    """A SYN of the target to port 4500 of its peer fails INV-12, without any message over the connection."""
    foreign.connects()
    number = segment(foreign, SYN, by_target=True)

    findings = check("INV-12", foreign, profile)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_being_dialled_is_none_of_it(foreign, check):
    """The peer's SYN, the target's SYN with ACK, and the target's FIN and RST open nothing."""
    segment(foreign, SYN, by_target=False, peer_port=40000, target_port=4500)
    for flags in (SYN | ACK, FIN | ACK, RST):
        segment(foreign, flags, by_target=True, peer_port=40000, target_port=4500)

    assert verdicts(check("INV-12", foreign)) == [Verdict.PASS]


def test_other_connections_are_its_own_affair(foreign, check):
    """A SYN to another port, with nothing of IKE behind it, is no connection of IKE."""
    segment(foreign, SYN, by_target=True, peer_port=443)

    assert verdicts(check("INV-12", foreign)) == [Verdict.PASS]


def test_the_prefix_shows_who_opened(foreign, check):
    """Where the SYN was not captured or went to another port, the prefix of the stream says who opened it."""
    number = segment(foreign, ACK, by_target=True, payload=b"IKETCP", peer_port=8443)

    findings = check("INV-12", foreign)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_answering_in_a_peers_stream_passes(foreign, check):
    """On a connection whose prefix the peer sent the target may speak first as well."""
    segment(foreign, ACK, by_target=False, payload=b"IKETCP", peer_port=40000, target_port=4500)
    segment(foreign, ACK, by_target=True, payload=b"\0\3\1", peer_port=40000, target_port=4500)

    assert verdicts(check("INV-12", foreign)) == [Verdict.PASS]


def test_the_connection_of_an_older_sa_is_undecided(foreign, check):
    """Who is the initiator of an IKE SA from before the capture may be the one to open its connection anew."""
    foreign.starts(INFO, 7, flags=0x08)
    segment(foreign, SYN, by_target=True)

    assert verdicts(check("INV-12", foreign)) == [Verdict.INCONCLUSIVE]


def test_a_two_way_device_may_dial(foreign, check):
    """INV-12 does not bind a two-way device."""
    segment(foreign, SYN, by_target=True)

    assert verdicts(check("INV-12", foreign, ProfileName.TWO_WAY)) == [Verdict.NOT_APPLICABLE]


# --- INV-17 ---------------------------------------------------------------------------------------------------------


def test_a_request_to_a_stranger_fails(line, check):
    """A liveness check to an address that no peer used or named fails INV-17."""
    line.connects_openly()
    number = asks_openly(line, 0, ways=(ELSEWHERE, TARGET))

    findings = check("INV-17", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_an_added_address_is_a_peers(line, check):
    """A path test to an address that the peer named as its own passes."""
    added = notify(NotifyType.ADDITIONAL_IP4_ADDRESS, ip_address(ELSEWHERE.address).packed)
    line.connects_openly(asked=(added,))
    asks_openly(line, 0, ways=(ELSEWHERE, TARGET))

    assert verdicts(check("INV-17", line)) == [Verdict.PASS]


def test_an_address_may_have_been_added_under_seal(line, check):
    """Without keys a sealed request to an unknown address proves nothing; a first message in clear does."""
    line.connects()
    line.starts(INFO, 0, {"ways": (ELSEWHERE, TARGET)})
    assert verdicts(check("INV-17", line)) == [Verdict.INCONCLUSIVE]

    line.frames.pop()
    line.starts(INIT, 0, {"ways": (ELSEWHERE, TARGET)}, spi_i=b"targets1", spi_r=NONE, flags=0x08)
    assert verdicts(check("INV-17", line)) == [Verdict.FAIL]


def test_an_older_sa_has_a_peer_that_was_not_seen(line, check):
    """A good-bye on an SA from before the capture goes to where its peer was then."""
    line.connects_openly()
    how = {"ways": (ELSEWHERE, TARGET)}
    line.starts(INFO, 7, how, spi_i=b"earlier1", spi_r=b"earlier2")

    assert verdicts(check("INV-17", line)) == [Verdict.PASS]


def test_another_port_is_no_other_address(line, check):
    """A NAT may move the peer's port, and the target speaks to where it is now."""
    line.connects()
    line.starts(INFO, 0, {"ways": (Endpoint("192.0.2.2", 61234), TARGET)})

    assert verdicts(check("INV-17", line)) == [Verdict.PASS]


def test_answers_are_no_starts(line, check):
    """A response that goes astray starts nothing; INV-09 judges its way."""
    line.connects()
    line.asks(INFO, 2)
    line.answers(INFO, 2, {"ways": (ELSEWHERE, TARGET)})

    assert verdicts(check("INV-17", line)) == [Verdict.PASS]


def test_version_1_to_a_stranger_fails(line, check):
    """A Main Mode of the target towards an address that never spoke fails INV-17 as well."""
    number = line.v1(2, b"", by_target=True, cookies=(b"targets1", NONE), clear=(), ways=(ELSEWHERE, TARGET))

    findings = check("INV-17", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_a_two_way_device_knows_its_peers(line, check):
    """A two-way device may start with a peer of its configuration that is silent, and not with anybody else."""
    line.opening["cast"] = {"alice": ["198.51.100.9:500", "198.51.100.9:4500"]}
    line.starts(INIT, 0, {"ways": (ELSEWHERE, TARGET)}, spi_r=NONE, flags=0x08)
    assert verdicts(check("INV-17", line, ProfileName.TWO_WAY)) == [Verdict.PASS]

    line.opening["cast"] = {"alice": ["192.0.2.2:500"]}
    assert verdicts(check("INV-17", line, ProfileName.TWO_WAY)) == [Verdict.FAIL]


def test_nobody_knows_the_peers_of_a_foreign_two_way_device(foreign, check):
    """A foreign capture does not tell a two-way device's configuration."""
    foreign.starts(INIT, 0, {"ways": (ELSEWHERE, TARGET)}, spi_r=NONE, flags=0x08)

    assert verdicts(check("INV-17", foreign, ProfileName.TWO_WAY)) == [Verdict.NOT_APPLICABLE]
