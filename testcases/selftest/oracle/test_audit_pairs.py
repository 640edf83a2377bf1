"""`audit`: a verdict for each pair of device and peer, and the JSON that others read."""

import json

from harness.capture.copies import REACH
from harness.codes import Exchange, ProfileName
from harness.oracle import STANDING, audit
from harness.profile import PROFILES
from harness.record import Verdict
from harness.requirements import load
from harness.wire.datagram import Endpoint

STRICT = PROFILES[ProfileName.STRICT]
NONE = bytes(8)
INIT, INFO = Exchange.IKE_SA_INIT, Exchange.INFORMATIONAL
OTHER = (Endpoint("192.0.2.3", 500), Endpoint("192.0.2.1", 500))


def two_peers(foreign):
    """A peer that is answered, and another towards which the device starts."""
    foreign.connects()
    foreign.starts(INIT, 0, {"ways": OTHER}, spi_i=b"targets1", spi_r=NONE, flags=0x08)
    return foreign.capture()


def test_each_pair_has_its_verdict(foreign):
    """A device that starts towards one peer is clean towards the other; the worst pair is the total."""
    told = audit(two_peers(foreign), ["192.0.2.1"], STRICT)

    assert {pair.peer: pair.verdict for pair in told.pairs} == {
        "192.0.2.2": Verdict.PASS,
        "192.0.2.3": Verdict.FAIL,
    }
    assert told.verdict is Verdict.FAIL


def test_peers_can_be_chosen(foreign):
    """With `peers`, addresses or networks, only those pairs are judged."""
    capture = two_peers(foreign)

    assert audit(capture, ["192.0.2.1"], STRICT, ["192.0.2.2"]).verdict is Verdict.PASS
    assert audit(capture, ["192.0.2.1"], STRICT, ["192.0.2.2/31"]).verdict is Verdict.FAIL


def test_no_such_peer_is_inconclusive(foreign):
    """A peer that the capture does not have gives no verdict on the device."""
    assert audit(two_peers(foreign), ["192.0.2.1"], STRICT, ["198.51.100.1"]).verdict is Verdict.INCONCLUSIVE


def test_an_sa_stays_with_its_peer_when_that_moves(foreign):
    """A peer that moves to another address takes its SA along: its messages are no SA from before the capture."""
    foreign.connects()
    foreign.asks(INFO, 2, {"ways": OTHER})
    foreign.answers(INFO, 2, {"ways": OTHER})

    told = audit(foreign.capture(), ["192.0.2.1"], STRICT)

    assert [pair.peer for pair in told.pairs] == ["192.0.2.2"]
    assert told.verdict is Verdict.PASS


def test_the_json_has_its_shape(foreign):
    """The JSON has every field that others read, and survives json."""
    told = json.loads(json.dumps(audit(two_peers(foreign), ["192.0.2.1"], STRICT).to_json()))

    assert told["format"] == 1
    assert {
        "capture", "device", "profile", "verdict", "claims", "findings", "pairs",
        "datagrams", "ike_messages", "window_s", "gap_free", "duration_s",
    } <= told.keys()  # fmt: skip
    assert told["claims"].keys() == {"safety", "liveness", "protocol"}
    assert {"rule", "verdict", "says", "frames"} <= told["findings"][0].keys()
    assert told["pairs"][0].keys() >= {"device", "peer", "verdict", "findings"}
    assert told["gap_free"] is None
    assert told["datagrams"] == 5


def test_a_datagram_captured_twice_counts_once(foreign):
    """The same IP datagram within 50 ms was captured twice, and the audit says how often that was."""
    foreign.connects()
    foreign.asks(INFO, 2, {"ip_id": 9})
    foreign.asks(INFO, 2, {"ip_id": 9, "after": 0.001})

    told = audit(foreign.capture(), ["192.0.2.1"], STRICT)

    assert told.copies == 1
    assert told.datagrams == 5


def test_retransmissions_are_no_copies(foreign):
    """A datagram with an IP Identification of its own, or later than 50 ms, counts."""
    foreign.connects()
    foreign.asks(INFO, 2, {"ip_id": 9})
    foreign.asks(INFO, 2, {"ip_id": 10, "after": 0.001})
    foreign.asks(INFO, 2, {"ip_id": 10, "after": 0.5})

    assert audit(foreign.capture(), ["192.0.2.1"], STRICT).copies == 0


def test_a_known_gap_of_one_pair_is_told(foreign):
    """gap_free is false where a pair has a hole, and that pair does not pass."""
    foreign.connects()
    foreign.starts(INFO, 3)

    told = audit(foreign.capture(), ["192.0.2.1"], STRICT)

    assert told.gap_free is False
    assert told.verdict is Verdict.INCONCLUSIVE


def test_every_rule_has_its_authority():
    """Each standing rule names requirements that the registry has, and the sections of the documents."""
    for rule in STANDING:
        assert rule.requirements
        assert set(rule.requirements) <= load().keys()
        assert rule.rfc
        assert rule.title


def test_findings_name_requirements_of_the_registry(foreign):
    """What a finding accuses of is in the registry."""
    told = audit(two_peers(foreign), ["192.0.2.1"], STRICT)

    assert {finding.requirement for finding in told.findings} <= load().keys()


def test_every_rule_says_something(foreign):
    """Each standing rule leaves a finding, also where it had nothing to judge."""
    foreign.connects()

    told = audit(foreign.capture(), ["192.0.2.1"], STRICT)

    assert {finding.rule for finding in told.findings} == {rule.id for rule in STANDING}


def test_a_copy_comes_soon(foreign):
    """What comes again long after thousands of other frames is no copy, even if the clock stood still."""
    foreign.connects()
    foreign.asks(INFO, 2, {"ip_id": 9, "after": 0.0})
    for number in range(REACH):
        foreign.asks(INFO, 2, {"ip_id": 10 + number, "after": 0.0})
    foreign.asks(INFO, 2, {"ip_id": 9, "after": 0.0})

    assert audit(foreign.capture(), ["192.0.2.1"], STRICT).copies == 0
