"""The live judge: what it tells is what an audit of the same messages finds, in memory that is bounded."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from harness.capture import read
from harness.capture.frame import Frame
from harness.codes import Exchange, ProfileName
from harness.oracle import audit
from harness.oracle import vigil as vigils
from harness.oracle.vigil import Vigil
from harness.profile import PROFILES
from harness.record import Verdict
from harness.wire import Message
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.fields import Ciphertext
from harness.wire.packet import ip_packet
from testcases.selftest.oracle import talkative
from testcases.selftest.oracle.talkative import pcap, stories

GOLDEN = sorted((Path(__file__).parents[3] / "pcaps" / "golden").glob("*.pcap"))
GOLDEN_DEVICE = "10.9.0.1"
STRICT = PROFILES[ProfileName.STRICT]
DEVICE, PEER = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
DEVICES = (talkative.DEVICE, talkative.DEVICE_V6)
RESPONSE, INITIATOR = 0x20, 0x08


def frame(time, message, *, by_device, peer=PEER):
    """A message of version 2 on its way, as a tap hands it over."""
    ends = (DEVICE, peer) if by_device else (peer, DEVICE)
    datagram = Datagram(*ends, message.encode())
    return Frame(0, time, datagram, (), None, ip_packet(datagram, 1), None)


def exchange(time, message_id, spi_i=b"initiatr", *, by_device=False, exchange=Exchange.INFORMATIONAL, **who):
    """A sealed request and its response."""
    asks, says = (0, RESPONSE | INITIATOR) if by_device else (INITIATOR, RESPONSE)
    sealed = (Ciphertext(46, bytes(40)),)
    for flags, from_device in ((asks, by_device), (says, not by_device)):
        message = Message(spi_i, b"respondr", exchange, flags, message_id, sealed)
        yield frame(time, message, by_device=from_device, **who)
        time += 0.01


def alarms(vigil, frames, every=1.0):
    """What is told of these frames when the vigil is asked that often, and once more at the end."""
    told, next_look = [], frames[0].time + every
    for each in frames:
        vigil.take(each)
        if each.time >= next_look:
            told += vigil.look(each.time)
            next_look = each.time + every
    return told + list(vigil.look(frames[-1].time, at_last=True))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_alarms_are_the_failures_of_an_audit(path):
    """Of a capture that is remembered whole, the rules that are told broken are those that an audit finds broken."""
    capture = read(path)
    found = audit(capture, [GOLDEN_DEVICE], STRICT)
    told = alarms(Vigil([GOLDEN_DEVICE], STRICT), capture.frames)

    broken = {finding.rule for finding in found.findings if finding.verdict is Verdict.FAIL}
    assert {alarm.finding.rule for alarm in told} == broken


def test_what_was_told_is_not_told_again():
    """An offence is told once, however often its peer is judged again."""
    vigil = Vigil([DEVICE.address], STRICT)
    offence = exchange(0.0, 0, by_device=True, exchange=Exchange.CREATE_CHILD_SA)
    honest = [each for number in range(100) for each in exchange(10.0 + 5 * number, number)]
    told = alarms(vigil, [*offence, *honest])

    assert len({(alarm.finding.rule, alarm.finding.frames) for alarm in told}) == len(told)
    assert [alarm.finding.rule for alarm in told].count("INV-02") == 1


def test_an_offence_is_told_at_the_next_look():
    """A device that begins an exchange is judged at once, with all that its peer and it said before."""
    vigil = Vigil([DEVICE.address], STRICT)
    for number in range(100):
        for each in exchange(float(number), number):
            vigil.take(each)
    list(vigil.look(100.0))
    for each in exchange(101.0, 0, by_device=True, exchange=Exchange.CREATE_CHILD_SA):
        vigil.take(each)

    assert "INV-02" in {alarm.finding.rule for alarm in vigil.look(101.5)}


def test_an_alarm_brings_the_frames_that_its_finding_names():
    """The frames of an alarm, audited by themselves, give the same finding with the same numbers."""
    vigil = Vigil([DEVICE.address], STRICT)
    told = alarms(vigil, list(exchange(0.0, 0, by_device=True, exchange=Exchange.CREATE_CHILD_SA)))
    alarm = next(each for each in told if each.finding.rule == "INV-02")

    assert alarm.frames[alarm.finding.frames[0] - 1].datagram.source == DEVICE
    assert [each.number for each in alarm.frames] == [*range(1, len(alarm.frames) + 1)]


def test_a_long_honest_conversation_is_forgotten_in_peace():
    """An SA whose beginning is let go of breaks no rule thereby."""
    vigil = Vigil([DEVICE.address], STRICT, of_a_peer=50)
    honest = [each for number in range(1_000) for each in exchange(float(number), number)]

    assert alarms(vigil, honest) == []
    told = vigil.told()
    assert told.forgotten > 1_000
    assert not told.unjudged


def test_an_offence_is_seen_long_after_the_beginning_is_forgotten():
    """What a device starts on an SA of which only the latest is remembered is an offence all the same."""
    vigil = Vigil([DEVICE.address], STRICT, of_a_peer=50)
    honest = [each for number in range(1_000) for each in exchange(float(number), number)]
    offence = exchange(1_001.0, 0, by_device=True, exchange=Exchange.CREATE_CHILD_SA)

    assert "INV-02" in {alarm.finding.rule for alarm in alarms(vigil, [*honest, *offence])}


def test_memory_is_bounded_however_many_peers_come():
    """Of ten thousand peers the latest are remembered, within what is allowed."""
    vigil = Vigil([DEVICE.address], STRICT, of_all=1_000)
    for number in range(10_000):
        peer = Endpoint(f"10.0.{number >> 8}.{number & 0xFF}", 500)
        for each in exchange(number / 10, 0, b"%08d" % number, peer=peer):
            vigil.take(each)
        if not number % 100:
            list(vigil.look(number / 10))
    list(vigil.look(1_000.0))
    told = vigil.told()

    assert told.conversations == 10_000
    assert told.datagrams - told.forgotten <= 1_000
    assert not told.unjudged


def test_memory_is_bounded_however_much_a_peer_says_at_once():
    """What comes faster than it is judged is let go of, and the claims rest on less than all: INCONCLUSIVE."""
    vigil = Vigil([DEVICE.address], STRICT, of_a_peer=50)
    for number in range(1_000):
        for each in exchange(number / 1e3, number):
            vigil.take(each)
    list(vigil.look(1.0, at_last=True))
    told = vigil.told()

    assert told.unjudged >= 1_800
    assert told.verdict is Verdict.INCONCLUSIVE


def test_a_peer_that_is_forgotten_is_no_stranger():
    """What a device starts towards an address that spoke long ago goes to no address that nobody used (INV-17)."""
    vigil = Vigil([DEVICE.address], STRICT, of_all=1_000)
    alarms(vigil, list(exchange(0.0, 0, peer=Endpoint("192.0.2.9", 500))))
    honest = [each for number in range(2_000) for each in exchange(1.0 + number, number)]
    begins = exchange(
        3_000.0,
        0,
        b"its own.",
        by_device=True,
        exchange=Exchange.IKE_SA_INIT,
        peer=Endpoint("192.0.2.9", 500),
    )
    told = {alarm.finding.rule for alarm in alarms(vigil, [*honest, *begins])}

    assert vigil.told().forgotten
    assert "INV-01" in told
    assert "INV-17" not in told


def test_nothing_is_claimed_of_what_the_tap_lost():
    """Lost packets may have been the offence."""
    vigil = Vigil([DEVICE.address], STRICT)
    alarms(vigil, list(exchange(0.0, 0)))
    vigil.lost = 1

    assert vigil.told().claims["safety"] == Verdict.INCONCLUSIVE.value


def test_an_offence_outlives_what_showed_it():
    """A broken claim stays broken when its peer is let go of, whatever comes after."""
    vigil = Vigil([DEVICE.address], STRICT, of_all=1_000)
    alarms(vigil, list(exchange(0.0, 0, by_device=True, exchange=Exchange.CREATE_CHILD_SA)))
    for number in range(1_000):
        peer = Endpoint(f"10.0.{number >> 8}.{number & 0xFF}", 500)
        alarms(vigil, list(exchange(float(number), 0, b"%08d" % number, peer=peer)))

    assert vigil.told().claims["safety"] == Verdict.FAIL.value


def broken(capture, frames, devices):
    """The rules that an audit of these frames alone finds broken."""
    found = audit(replace(capture, frames=tuple(frames)), devices, STRICT).findings
    return {finding.rule for finding in found if finding.weighed(strict=False) is Verdict.FAIL}


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(said=stories(), remembered=some.sampled_from([4, 8, 16, 2_048]), every=some.sampled_from([0.0, 1.0]))
def test_little_memory_raises_no_false_alarm(said, remembered, every, tmp_path):
    """What is told, whatever was forgotten, an audit finds in all that had passed until then."""
    path = tmp_path / "c"
    path.write_bytes(pcap(said, 101))
    capture = read(path)
    vigil = Vigil(DEVICES, STRICT, of_a_peer=remembered, of_all=2 * remembered)
    next_look = 0.0
    for number, each in enumerate(capture.frames, 1):
        vigil.take(each)
        if each.time >= next_look or number == len(capture.frames):
            told = {alarm.finding.rule for alarm in vigil.look(each.time, at_last=True)}
            next_look = each.time + every
            assert not told or told <= broken(capture, capture.frames[:number], DEVICES)


def test_what_was_asked_before_the_watch_may_be_answered():
    """The answer to an IKE_SA_INIT request that passed just before watching began breaks no rule (INV-07)."""
    answer = Message(b"initiatr", b"respondr", Exchange.IKE_SA_INIT, RESPONSE, 0, ())
    vigil = Vigil([DEVICE.address], STRICT)

    assert alarms(vigil, [frame(0.0, answer, by_device=True)]) == []


def test_what_is_let_go_of_is_counted_once():
    """Every frame that is not kept was either judged or not, however much came in between."""
    vigil = Vigil([DEVICE.address], STRICT, of_a_peer=50, of_all=1_000)
    for number in range(1_000):
        for each in exchange(number / 1e3, number):
            vigil.take(each)
        if number % 300 == 299:
            list(vigil.look(number / 1e3))
    told = vigil.told()

    assert told.forgotten > 0
    assert told.datagrams - 100 <= told.forgotten + told.unjudged <= told.datagrams


def test_an_sa_older_than_the_watch_proves_nothing():
    """That nothing was lost while watching says nothing of what came before: no claim rests on it."""
    vigil = Vigil([DEVICE.address], STRICT)

    assert alarms(vigil, [each for number in range(5) for each in exchange(float(number), number)]) == []
    assert vigil.told().claims["protocol"] == Verdict.INCONCLUSIVE.value


def test_a_flood_of_peers_is_judged_by_and_by(monkeypatch):
    """A look at a crowd judges a part of it, but at once every peer towards which the device begins something."""
    monkeypatch.setattr(vigils, "AT_A_LOOK", 100)
    vigil = Vigil([DEVICE.address], STRICT)
    vigil.take(next(exchange(0.0, 0)))
    for number in range(300):
        answer = Message(b"%08d" % number, b"respondr", Exchange.IKE_SA_INIT, RESPONSE, 0, ())
        stranger = Endpoint(f"10.0.{number >> 8}.{number & 0xFF}", 500)
        vigil.take(frame(100.0, answer, by_device=True, peer=stranger))
    for each in exchange(101.0, 0, by_device=True, exchange=Exchange.CREATE_CHILD_SA):
        vigil.take(each)
    first, second, third, fourth = (
        [alarm.finding.rule for alarm in vigil.look(102.0 + turn)] for turn in range(4)
    )

    assert first[0] == "INV-02"
    assert 0 < first.count("INV-07") < 100
    assert [each.count("INV-07") for each in (second, third)] == [100, 100]
    assert fourth.count("INV-07") == 300 - 200 - first.count("INV-07")


@pytest.mark.parametrize(
    ("remembered", "after", "told"), [(50, 0.0, set()), (50, 600.0, {"INV-09"}), (500, 0.0, {"INV-09"})]
)
def test_a_copy_of_a_request_that_is_forgotten_may_be_answered(remembered, after, told):
    """An answer to somewhere else is an offence only if no copy of its request can have come from there (INV-09)."""
    vigil = Vigil([DEVICE.address], STRICT, of_a_peer=remembered)
    honest = [each for number in range(75) for each in exchange(number / 100, number)]
    asked, _ = exchange(10.0 + after, 75, peer=Endpoint("192.0.2.7", 500))
    _, answered = exchange(10.0 + after, 75)
    moved = [asked, answered]

    assert {alarm.finding.rule for alarm in alarms(vigil, [*honest, *moved])} == told
