"""The frames that the standing rules name in real captures are those that tshark finds by the same words."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.capture.reader import read
from harness.codes import ProfileName
from harness.oracle import audit
from harness.profile import PROFILES

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
FILTERS = {
    "INV-01": "isakmp.version==0x20 && isakmp.flag_r==0 && isakmp.exchangetype in {34,35,38,43,44}",
    "INV-02": "isakmp.version==0x20 && isakmp.flag_r==0 && isakmp.exchangetype==36",
    "INV-03": "isakmp.version==0x20 && isakmp.flag_r==0 && isakmp.flag_i==1",
    "INV-04": "isakmp.version==0x10 && isakmp.exchangetype in {1,2,3,4} && isakmp.rspi==00:00:00:00:00:00:00:00",
}

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is the second reader here")


def frames_of_tshark(name, words):
    """The frames of 10.9.0.1 that a display filter finds."""
    command = ["tshark", "-r", str(GOLDEN / f"{name}.pcap"), "-Y", f"ip.src==10.9.0.1 && {words}"]
    told = subprocess.run(
        [*command, "-T", "fields", "-e", "frame.number"], capture_output=True, text=True, check=True
    )
    return {int(line) for line in told.stdout.split()}


@pytest.mark.parametrize("name", ["ls-rk-v1", "ss-rk-v2", "oi-rk-v2", "strongswan-trap-acquire-v2"])
def test_the_offences_are_those_that_tshark_finds(name):
    """Each header rule names the frames that a display filter of the same meaning selects."""
    told = audit(read(GOLDEN / f"{name}.pcap"), ["10.9.0.1"], PROFILES[ProfileName.STRICT])

    for rule, words in FILTERS.items():
        named = {frame for each in told.findings if each.rule == rule for frame in each.frames}
        assert named == frames_of_tshark(name, words)
