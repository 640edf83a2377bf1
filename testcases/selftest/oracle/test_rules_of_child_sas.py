"""INV-13 to INV-15 and INV-18: SPIs that a device sends under, a Child SA's end, strangers, and packets in clear."""

import pytest

from harness.codes import Encr, Exchange, Integ, NotifyType, NotifyTypeV1, ProfileName, Protocol
from harness.record import Verdict, Weight
from harness.sa.esp import EspSa, protect
from harness.sa.secrets import to_evidence
from harness.wire import v1, v2
from harness.wire.packet import ip_packet
from testcases.selftest.oracle.speech import NATT, OURS, PEERS, bare, child, packet, plain, rekey, selectors

NONE = bytes(8)
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)


def verdicts(findings):
    """The verdicts of findings that count, in order."""
    return [finding.verdict for finding in findings if finding.weight is Weight.MUST]


def connected(line):
    """An IKE SA and a Child SA whose SPIs the keys show: frames 1 to 4."""
    line.connects_openly(asked=(child(PEERS),), told=(child(OURS),))


def deleted_by_peer(line):
    """The peer deletes the Child SA, and the target agrees: two frames."""
    line.says(INFO, 2, v2.Delete(Protocol.ESP, spis=(PEERS,)), by_target=False, flags=0x08)
    line.says(INFO, 2, v2.Delete(Protocol.ESP, spis=(OURS,)), by_target=True, flags=0x20)


# --- INV-13 ---------------------------------------------------------------------------------------------------------


def test_esp_under_the_peers_spi_passes(line, check):
    """Packets under the SPI that the peer proposed in IKE_AUTH pass INV-13."""
    connected(line)
    packet(line, PEERS)

    assert verdicts(check("INV-13", line)) == [Verdict.PASS]


def test_esp_under_an_unknown_spi_fails(line, check):
    """An SPI that no exchange named, the target's own among them, fails INV-13."""
    connected(line)
    number = packet(line, OURS)

    findings = check("INV-13", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_esp_of_its_own_child_follows_the_profile(line, check):
    """The Child SA of the target's own CREATE_CHILD_SA carries packets only where the profile lets it make one."""
    connected(line)
    line.says(CHILD, 0, rekey(OURS), child(b"new1"), by_target=True, flags=0x00)
    line.says(CHILD, 0, child(b"new2"), by_target=False, flags=0x28)
    packet(line, b"new2")

    assert verdicts(check("INV-13", line)) == [Verdict.FAIL]
    for profile in (ProfileName.REKEY_OK, ProfileName.P1_ONLY, ProfileName.TWO_WAY):
        assert verdicts(check("INV-13", line, profile)) == [Verdict.PASS]


def test_without_keys_no_spi_is_judged(line, check):
    """Where the exchanges stay sealed nobody knows which SPIs were proposed."""
    line.connects()
    packet(line, PEERS)

    assert verdicts(check("INV-13", line)) == [Verdict.NOT_APPLICABLE]


def test_an_unknown_spi_of_a_foreign_capture_is_not_judged(foreign, check):
    """In somebody else's capture the Child SA may be older than the first frame."""
    connected(foreign)
    packet(foreign, b"old!")

    assert verdicts(check("INV-13", foreign)) == [Verdict.NOT_APPLICABLE]


# --- INV-14 ---------------------------------------------------------------------------------------------------------


def test_esp_past_the_hard_limit_fails(line, check):
    """A packet past the lifetime that the evidence declares fails INV-14, and one before it does not."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    connected(line)
    packet(line, PEERS, after=59.0)
    assert verdicts(check("INV-14", line)) == [Verdict.PASS]

    number = packet(line, PEERS, after=30.0)
    findings = check("INV-14", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "RFC7296-2.8-01"


def test_a_coarse_timer_is_no_fault(line, check):
    """A second past the limit proves nothing: timers are coarse."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    connected(line)
    packet(line, PEERS, after=61.0)

    assert verdicts(check("INV-14", line)) == [Verdict.PASS]


def test_without_a_declared_lifetime_nothing_expires(line, check):
    """Where no lifetime is declared and nothing was deleted no end is known."""
    connected(line)
    packet(line, PEERS, after=1e6)

    assert verdicts(check("INV-14", line)) == [Verdict.NOT_APPLICABLE]


def test_esp_after_the_peers_delete_fails(line, check):
    """Packets well after the target answered the peer's Delete fail; those that were on their way do not."""
    connected(line)
    deleted_by_peer(line)
    packet(line, PEERS)
    assert verdicts(check("INV-14", line)) == [Verdict.PASS]

    number = packet(line, PEERS, after=5.0)
    findings = check("INV-14", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "RFC7296-1.4.1-03"


def test_a_delete_that_was_not_taken_ends_nothing(line, check):
    """A Delete that the target refused or never answered leaves the Child SA as it is."""
    connected(line)
    line.says(INFO, 9, v2.Delete(Protocol.ESP, spis=(PEERS,)), by_target=False, flags=0x08)
    packet(line, PEERS, after=5.0)

    assert verdicts(check("INV-14", line)) == [Verdict.NOT_APPLICABLE]


def test_the_peers_answer_to_a_delete_ends_it_too(line, check):
    """After the target's own Delete the peer's answer names the other direction, which is over then."""
    connected(line)
    line.says(INFO, 0, v2.Delete(Protocol.ESP, spis=(OURS,)), by_target=True, flags=0x00)
    line.says(INFO, 0, v2.Delete(Protocol.ESP, spis=(PEERS,)), by_target=False, flags=0x28)
    packet(line, PEERS, after=5.0)

    assert verdicts(check("INV-14", line)) == [Verdict.FAIL]


@pytest.mark.parametrize("profile", [ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.P1_ONLY])
def test_renewing_what_is_over_fails_in_every_responder(line, check, profile):
    """A rekey of a Child SA that its peer had deleted makes it again, which no profile of a responder allows."""
    connected(line)
    deleted_by_peer(line)
    number = line.says(CHILD, 0, rekey(OURS), child(b"new1"), by_target=True, flags=0x00, after=5.0)

    findings = check("INV-14", line, profile)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "CISCO-RO-44"


def test_renewing_in_time_is_no_matter_of_its_end(line, check):
    """A rekey of a Child SA that stands is INV-02's to judge."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    connected(line)
    line.says(CHILD, 0, rekey(OURS), child(b"new1"), by_target=True, flags=0x00)

    assert verdicts(check("INV-14", line)) == [Verdict.PASS]


def test_a_rekey_that_is_repeated_began_when_it_began(line, check):
    """A request that goes out again after the peer's Delete renews nothing that was over when it was made."""
    connected(line)
    number = line.says(CHILD, 0, rekey(OURS), child(b"new1"), by_target=True, flags=0x00)
    deleted_by_peer(line)
    line.octets(line.trace().seen[number - 1].octets, by_target=True, after=5.0)

    assert verdicts(check("INV-14", line)) == [Verdict.PASS]


def test_a_two_way_device_may_make_it_again(line, check):
    """INV-14 does not bind a two-way device."""
    connected(line)

    assert verdicts(check("INV-14", line, ProfileName.TWO_WAY)) == [Verdict.NOT_APPLICABLE]


# --- INV-15 ---------------------------------------------------------------------------------------------------------


def in_clear(line, message_id=2):
    """An unprotected request on the SA that is up, which nobody has to answer."""
    payloads = (v2.Notify(notify_type=NotifyType.INVALID_SYNTAX),)
    return line.asks(INFO, message_id, {"comments": ("hostile",)}, payloads=payloads)


def due(line, message_id, *, answered):
    """A valid request, sent three times over enough time, and its answer if there is one."""
    numbers = [line.asks(INFO, message_id, {"comments": ("due",), "after": after}) for after in (0.1, 2, 3)]
    if answered:
        line.answers(INFO, message_id)
    line.asks(INIT, 0, {"comments": ("mark: control",), "after": 6}, spi_i=b"stranger", spi_r=NONE)
    return numbers


def test_an_sa_that_goes_on_answering_passes(line, check):
    """After an unprotected notify the SA answers as before: INV-15 holds."""
    line.connects()
    in_clear(line)
    due(line, 2, answered=True)

    assert verdicts(check("INV-15", line)) == [Verdict.PASS]


def test_an_sa_that_falls_silent_fails(line, check):
    """An SA that leaves valid requests unanswered once something unprotected had come fails INV-15."""
    line.connects()
    number = in_clear(line)
    asked = due(line, 2, answered=False)

    findings = check("INV-15", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number, *asked)


def test_silence_without_a_stranger_is_another_rules(line, check):
    """An unanswered request with nothing unauthenticated before it is INV-10's alone."""
    line.connects()
    due(line, 2, answered=False)

    assert verdicts(check("INV-15", line)) == [Verdict.NOT_APPLICABLE]


def refusal(line):
    """A notify of version 1 in clear, by the target."""
    notify = v1.Notify(notify_type=NotifyTypeV1.INVALID_COOKIE)
    return line.v1(5, b"", by_target=True, cookies=(b"initiat1", NONE), clear=(notify,))


def test_one_notify_for_a_datagram_is_right(line, check):
    """Each datagram may draw a notify in clear."""
    for _ in range(3):
        line.v1(5, b"who knows", message_id=9)
        refusal(line)

    assert Verdict.FAIL not in verdicts(check("INV-15", line))


def test_a_second_notify_for_a_datagram_fails(line, check):
    """A notify in clear for which no datagram had come fails INV-15."""
    line.v1(5, b"who knows", message_id=9)
    refusal(line)
    number = refusal(line)

    findings = check("INV-15", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "RFC7296-2.1-13"


def test_a_notify_that_the_path_doubled_is_none(foreign, check):
    """The same notify twice, far from the target, may be a copy of the path's making."""
    foreign.v1(5, b"who knows", message_id=9)
    refusal(foreign)
    refusal(foreign)

    assert Verdict.FAIL not in verdicts(check("INV-15", foreign))


def main_mode_2(line, times):
    """Main Mode begun by the peer, and the target's first answer so many times."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))
    for _ in range(times):
        line.v1(2, b"", by_target=True, clear=(v1.SecurityAssociation(),))


@pytest.mark.parametrize(("times", "too_many"), [(1, False), (4, False), (5, True)])
def test_an_answerer_of_version_1_repeats_itself_three_times(line, check, times, too_many):
    """Three repetitions by its own timer are an answerer's right; a fourth breaks a SHOULD."""
    main_mode_2(line, times)

    broken = [each for each in check("INV-15", line) if each.verdict is Verdict.FAIL]

    assert bool(broken) is too_many
    assert all(each.weight is Weight.SHOULD for each in broken)


def test_rates_and_amplification_are_remarks(line, check):
    """Hundreds of notifies in seconds, and far more octets than came, are noted and count for nothing."""
    for _ in range(600):
        line.v1(5, b"x", message_id=9, after=0.001)
        line.now -= 0.09
        refusal(line)
    line.asks(INIT, spi_r=NONE, payloads=())
    line.answers(INIT, payloads=(v2.KeyExchange(14, bytes(20000)), v2.Nonce(bytes(32))), how={"ways": NATT})

    findings = check("INV-15", line)

    assert Verdict.FAIL not in verdicts(findings)
    assert any(each.weight is Weight.NOTE and "limit" in each.says for each in findings)


# --- INV-18 ---------------------------------------------------------------------------------------------------------

every_profile = pytest.mark.parametrize("profile", [*ProfileName])


def tunnel(line):
    """A Child SA for the networks behind both ends, of a target that was configured from here: frames 1 to 4."""
    line.opening.setdefault("lifetimes", {"child_hard": 60.0})
    line.connects_openly(asked=(child(PEERS), *selectors()), told=(child(OURS), *selectors()))


@every_profile
@pytest.mark.parametrize("after", [1.0, 100.0])
def test_a_packet_in_clear_fails(line, check, profile, after):
    """What the Child SA is for leaves in clear, while it lives or past its hard limit: INV-18 fails under any profile."""
    tunnel(line)
    number = bare(line, after)

    findings = check("INV-18", line, profile)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "RFC4301-5.1-01"


@every_profile
def test_other_traffic_may_be_in_clear(line, check, profile):
    """What comes in, what goes elsewhere, and what the target says itself is not what the Child SA is for."""
    tunnel(line)
    for ends in (
        ("203.0.113.1", "198.51.100.1"),
        ("198.51.100.1", "192.0.2.9"),
        ("192.0.2.1", "203.0.113.1"),
    ):
        bare(line, ends=ends)
    packet(line, PEERS)

    assert verdicts(check("INV-18", line, profile)) == [Verdict.PASS]


@every_profile
def test_nothing_is_protected_before_there_is_a_child(line, check, profile):
    """A packet in clear before any Child SA breaks no policy that the capture shows."""
    bare(line)
    tunnel(line)

    assert verdicts(check("INV-18", line, profile)) == [Verdict.PASS]


def test_a_deleted_child_still_says_what_is_protected(line, check):
    """RFC 4301 section 5.1: without an SA the packet is discarded, also when the peer deleted it."""
    tunnel(line)
    deleted_by_peer(line)
    number = bare(line, after=5.0)

    assert [each.frames for each in check("INV-18", line)] == [(number,)]


def test_the_policy_of_a_device_may_end_with_its_child(line, check):
    """Of a target that was not configured from here nobody knows whether its policy outlives the Child SA."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    tunnel(line)
    del line.opening["lifetimes"]
    deleted_by_peer(line)
    bare(line, after=5.0)

    assert verdicts(check("INV-18", line)) == [Verdict.INCONCLUSIVE]


def test_a_capture_of_others_may_have_been_taken_inside(foreign, check):
    """In somebody else's capture a packet in clear convicts nobody, and is not passed over either."""
    tunnel(foreign)
    bare(foreign)

    assert verdicts(check("INV-18", foreign)) == [Verdict.INCONCLUSIVE]


def test_what_esp_carries_as_well_was_seen_inside(foreign, check):
    """A packet in clear that the target's ESP holds too is the one before it was sealed: no leak."""
    tunnel(foreign)
    keys = EspSa(PEERS, Encr.ENCR_AES_GCM_16, 128, Integ.NONE, False, bytes(range(20)), b"")
    foreign.secrets = (*foreign.secrets, to_evidence(keys))
    bare(foreign)
    packet(foreign, PEERS, sealed=protect(keys, 1, ip_packet(plain()), 4, bytes(8))[8:])

    assert verdicts(check("INV-18", foreign)) == [Verdict.NOT_APPLICABLE]


def test_a_capture_of_others_without_such_packets_is_not_judged(foreign, check):
    """It may hold the ports of IKE alone."""
    tunnel(foreign)
    packet(foreign, PEERS)

    assert verdicts(check("INV-18", foreign)) == [Verdict.NOT_APPLICABLE]


def test_sockets_do_not_see_what_is_in_clear(line, check):
    """Where only the sockets of IKE were watched, the lack of packets in clear proves nothing."""
    line.opening["link"] = "udp"
    tunnel(line)

    assert verdicts(check("INV-18", line)) == [Verdict.NOT_APPLICABLE]


def test_without_keys_no_selector_is_known(line, check):
    """Where the exchanges stay sealed nobody knows what is to be protected."""
    line.connects()
    bare(line)

    assert verdicts(check("INV-18", line)) == [Verdict.NOT_APPLICABLE]
