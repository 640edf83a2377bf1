"""What is printed for strongSwan, Libreswan and OpenIKED is taken by the real daemon, which then answers and never starts."""

from dataclasses import replace

import pytest

from harness.codes import ProfileName
from harness.profile.vendors import VENDORS
from harness.profile.ways import Way
from harness.target.contract import TargetUnavailable
from harness.target.daemon import IkeDaemon
from harness.target.libreswan import Libreswan
from harness.target.namespaces import Network, wait_until
from harness.target.openiked import OpenIked
from harness.target.strongswan import Strongswan
from testcases.selftest.interop.stage import CONFIGURATION, SOON_S, Stage

pytestmark = pytest.mark.daemon

KEY = b"sesame-open"
DAEMONS: dict[str, type[IkeDaemon]] = {
    "strongswan": Strongswan,
    "libreswan": Libreswan,
    "openiked": OpenIked,
}
SHEET = "/run/sheet"
CHECKS = {
    "strongswan": ["swanctl --load-all --noprompt --uri unix:///run/charon.vici --file /run/sheet"],
    "libreswan": [
        "ipsec addconn --checkconfig --config /run/sheet",
        "ipsec addconn --config /run/sheet {way}",
    ],
    "openiked": ["iked -n -f /run/sheet"],
}
"""How each takes a text."""
SPOILT = {"strongswan": "aes128-sha2", "libreswan": "aes128-sha2", "openiked": "enc aes-128"}
"""A piece of a text that is a word no more once its number is another."""
PROFILES = (ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.TWO_WAY)
SHEETS = [
    (vendor, way, profile) for vendor in DAEMONS for way in VENDORS[vendor].ways for profile in PROFILES
]


def told(vendor: str, way: Way, profile: ProfileName, key: bytes | None = KEY) -> str:
    """The text for a daemon at the far end."""
    return VENDORS[vendor].sheet(replace(CONFIGURATION.mirrored(), profile=profile), way, key=key).text


@pytest.fixture(scope="module")
def known(prefixes, tmp_path_factory):
    """A daemon of each kind that can be asked what it makes of a text."""
    stage = Stage(tmp_path_factory.mktemp("known"), prefixes)
    with stage.ended:
        asked = {}
        for vendor, kind in DAEMONS.items():
            network = stage.ended.enter_context(Network(CONFIGURATION.local_address, str(CONFIGURATION.peer)))
            asked[vendor] = stage.daemon(kind, network)
        yield asked


def take(daemon: IkeDaemon, way: Way, text: str) -> list[str]:
    """What a daemon complains of when it is given that text."""
    daemon.write(SHEET, text)
    said = [daemon.end.run(*check.format(way=way).split()) for check in CHECKS[daemon.kind]]
    return [line for line in "".join(said).splitlines() if "fail" in line or "error" in line]


@pytest.mark.parametrize(("vendor", "way", "profile"), SHEETS)
@pytest.mark.parametrize("key", [KEY, None], ids=["a key", "a placeholder"])
def test_the_daemon_takes_its_sheet(known, vendor, way, profile, key) -> None:
    """It reads the text to the end, takes what is there, and finds nothing to complain of."""
    assert take(known[vendor], way, told(vendor, way, profile, key)) == []


@pytest.mark.parametrize(("vendor", "piece"), SPOILT.items())
def test_the_daemon_would_complain(known, vendor, piece) -> None:
    """A text with an algorithm that nobody knows is refused."""
    text = told(vendor, "v2", ProfileName.STRICT)
    assert piece in text

    with pytest.raises(TargetUnavailable):
        take(known[vendor], "v2", text.replace(piece, piece.replace("128", "129")))


def obey(daemon: IkeDaemon, way: Way, text: str) -> None:
    """Make a running daemon what its sheet says, and nothing else."""
    assert take(daemon, way, text) == []
    if daemon.kind == "libreswan":
        secrets = [line.removeprefix("#     ") for line in text.splitlines() if line.startswith("#     ")]
        daemon.write("/etc/ipsec.secrets", "\n".join([*secrets, ""]))
        daemon.end.run("ipsec", "whack", "--rereadsecrets")
    if daemon.kind == "openiked":
        daemon.end.run("ikectl", "load", SHEET)


@pytest.mark.parametrize(
    ("vendor", "way"), [(vendor, way) for vendor in DAEMONS for way in VENDORS[vendor].ways]
)
def test_the_harness_meets_a_device_that_has_its_sheet(network, stage, vendor, way) -> None:
    """An initiator that is the other end of the same configuration brings up an IKE SA with a child."""
    device = stage.daemon(DAEMONS[vendor], network)
    obey(device, way, told(vendor, way, ProfileName.STRICT))
    caller = replace(
        CONFIGURATION, profile=ProfileName.TWO_WAY, psk=KEY, initiate_version=2 if way == "v2" else 1
    )
    mode = "aggressive" if way == "v1-aggressive" else "main"
    responder = stage.responder(network, replace(caller, initiate_mode=mode))

    responder.ask(do="provoke", trigger="operator_initiate")

    assert wait_until(lambda: any(sa.children for sa in device.sas()), SOON_S, "a child at the device")
