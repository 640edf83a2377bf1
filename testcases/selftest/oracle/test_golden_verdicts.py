"""Real daemons' captures against the verdicts that people gave them; frame numbers as tshark counts."""

import re
from pathlib import Path

import pytest

from harness.capture.reader import read
from harness.codes import ProfileName
from harness.oracle import audit
from harness.profile import PROFILES
from harness.record import Verdict

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
DEVICE = "10.9.0.1"
CLEAN = (
    "strongswan-ikev1main-quick",
    "strongswan-ikev1aggr-quick",
    "strongswan-ikev2-libipsec",
    "ssinit-libreswanresp-shim-v1main",
    "ssinit-openikedresp-v2",
    "oiinit-libreswanresp-shim-v2",
    "keys-ls-ss-v1main",
    "keys-ls-ss-v2",
    "ls-ro-v2",
    "oi-ro-v2",
    "ls-dpd-v1",
    "ls-dpd-v2",
    "vpnc-strongswan-aggr-xauth-modecfg",
)
VIOLATES = {
    "ls-rk-v1": {"INV-04": {17}, "INV-05": {10, 14, 24, 28}},
    "ss-rk-v2": {"INV-02": {5, 9, 13, 14, 18, 22}, "INV-03": {18, 20, 22, 24}},
    "oi-rk-v2": {"INV-02": {5, 9, 13, 17, 21, 25}, "INV-03": {13, 15, 17, 19, 21, 23, 25, 27}},
    "strongswan-trap-acquire-v2": {"INV-01": {1, 3}, "INV-03": {1, 3, 5}},
}
UNPROMPTED = {
    "libreswan-impair-jacob-two-two": {4, 7, 9},
    "libreswan-impair-bad-ikev2-auth-xchg": {4},
}


def judged(name, profile=ProfileName.STRICT):
    """The audit of a golden capture."""
    return audit(read(GOLDEN / f"{name}.pcap"), [DEVICE], PROFILES[profile])


def offences(told):
    """The frames of broken rules, by rule."""
    found = {}
    for finding in told.findings:
        if finding.verdict is Verdict.FAIL:
            found.setdefault(finding.rule, set()).update(finding.frames)
    return found


@pytest.mark.parametrize("name", CLEAN)
def test_clean_captures_pass(name):
    """A daemon that only answers, probes liveness and deletes passes, as far as captured."""
    told = judged(name)

    assert told.verdict is Verdict.PASS
    assert told.claims["safety"] == "PASS"
    assert told.gap_free is None


@pytest.mark.parametrize("name", VIOLATES)
def test_rekeying_and_starting_daemons_fail(name):
    """A daemon that starts or renews an SA fails in safety, with exactly the frames of its offences."""
    told = judged(name)

    assert told.verdict is Verdict.FAIL
    assert told.claims["safety"] == "FAIL"
    assert offences(told) == VIOLATES[name]


@pytest.mark.parametrize("name", UNPROMPTED)
def test_unprompted_answers_fail_in_protocol_alone(name):
    """An answer that nobody asked for breaks INV-07 and leaves safety clean."""
    told = judged(name)

    assert told.claims["safety"] == "PASS"
    assert told.claims["protocol"] == "FAIL"
    assert offences(told) == {"INV-07": UNPROMPTED[name]}


def test_every_golden_capture_is_judged():
    """No capture of the collection is left out of this table."""
    here = {path.stem for path in GOLDEN.glob("*.pcap")}

    assert here == {*CLEAN, *VIOLATES, *UNPROMPTED}


def test_two_way_daemons_pass_as_such():
    """The captures that violate strict are no fault of a two-way device."""
    for name in VIOLATES:
        assert judged(name, ProfileName.TWO_WAY).verdict is Verdict.PASS


def test_rekeys_without_keys_are_undecided_under_rekey_ok():
    """Sealed CREATE_CHILD_SA requests may be rekeys, which rekey-ok allows; nobody sees without keys."""
    for name in ("ss-rk-v2", "oi-rk-v2"):
        assert judged(name, ProfileName.REKEY_OK).claims["safety"] == "INCONCLUSIVE"


def test_renewing_phase_1_is_not_allowed_under_rekey_ok():
    """Libreswan's Quick Modes become rekeys under rekey-ok; its Main Mode in frame 17 stays an offence."""
    assert offences(judged("ls-rk-v1", ProfileName.REKEY_OK)) == {"INV-04": {17}}


def test_the_other_end_is_judged_by_its_own_address():
    """The initiator of a normal set-up, judged as a responder, fails by its IKE_SA_INIT and IKE_AUTH."""
    told = audit(read(GOLDEN / "oi-ro-v2.pcap"), ["10.9.0.2"], PROFILES[ProfileName.STRICT])

    assert offences(told)["INV-01"] == {1, 3}


def test_a_wrong_address_proves_nothing():
    """A device that is not in the capture is not passed."""
    told = audit(read(GOLDEN / "oi-ro-v2.pcap"), ["10.9.0.9"], PROFILES[ProfileName.STRICT])

    assert told.verdict is Verdict.INCONCLUSIVE
    assert "check the address" in told.findings[0].says


def test_the_readme_states_the_verdicts_that_are_reached():
    """Each row of the collection's README has the value of claims.safety, and every capture has a row."""
    rows = re.findall(r"^\| (`.*?`) \|.*\| (PASS|FAIL)", (GOLDEN / "README.md").read_text(), re.MULTILINE)
    stated = {name: verdict for names, verdict in rows for name in re.findall(r"`(.*?)\.pcap`", names)}

    assert stated == {path.stem: judged(path.stem).claims["safety"] for path in GOLDEN.glob("*.pcap")}
