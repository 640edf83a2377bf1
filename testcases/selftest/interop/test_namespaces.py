"""Nothing that a test starts outlives it, and nothing that others started is harmed."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from harness.target.contract import TargetUnavailable
from harness.target.namespaces import End, Network, wait_until
from harness.target.strongswan import Strongswan

pytestmark = pytest.mark.daemon

SOON_MS = 10_000
KILLED_RUN = """
import sys
from dataclasses import replace
from harness.profile import DEFAULT, Identity
from harness.target.namespaces import Network
from harness.target.packages import fetch
from harness.target.strongswan import Strongswan

network = Network("10.9.0.1", "10.9.0.2")
here = replace(DEFAULT, local_address="10.9.0.2", peer="10.9.0.1", local_id=Identity("ipv4", "10.9.0.2"))
daemon = Strongswan(network.far, fetch("strongswan"), fake_esp=network.lacks_esp())
daemon.start(here)
dump = network.near.spawn("tcpdump", "-i", "v0", "-w", "/dev/null")
dump.stderr.readline()
print(network.near.pid, network.far.pid, daemon.pid, dump.pid, flush=True)
sys.stdin.read()
"""


def network_of(pid):
    """The network namespace of a process, as the kernel names it; None if either is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None


def namespaces_in_use():
    """The network namespaces that processes of this machine stand in."""
    return {network_of(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()} - {None}


def interfaces():
    """The network interfaces of the namespace that this test stands in."""
    return sorted(path.name for path in Path("/sys/class/net").iterdir())


def runs(pid):
    """Whether a process is there."""
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def network_alone(able):
    """Makes networks that the test closes itself."""
    made = []

    def make():
        made.append(Network("10.9.0.1", "10.9.0.2"))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_nothing_is_left_of_a_network(network_alone, stage):
    """After the end of both daemons and the network, their namespaces and processes are gone; ours is untouched."""
    before = interfaces()
    network = network_alone()
    device, peer = stage.responder(network), stage.daemon(Strongswan, network)
    pids = [network.near.pid, network.far.pid, device.process.pid, peer.pid]
    namespaces = {network_of(pid) for pid in pids}

    stage.ended.close()
    network.close()

    assert [pid for pid in pids if runs(pid)] == []
    assert namespaces.isdisjoint(namespaces_in_use())
    assert interfaces() == before


@pytest.mark.usefixtures("prefixes")
def test_a_run_that_is_killed_leaves_nothing():
    """The kernel ends daemons and namespaces of a run that had no time to clean up."""
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with run:
        pids = [int(word) for word in run.stdout.readline().split()]
        namespaces = {network_of(pid) for pid in pids}
        watched = [os.pidfd_open(pid) for pid in pids]
        run.kill()
    try:
        assert len(namespaces) == 2
        assert all(select.select([each], [], [], SOON_MS / 1000)[0] for each in watched)
        assert namespaces.isdisjoint(namespaces_in_use())
    finally:
        for each in watched:
            os.close(each)


def test_a_second_daemon_is_not_harmed(network, network_alone, stage, tmp_path_factory):
    """A strongSwan with its SAs, on the same ports and paths, serves on while another comes and goes."""
    stage.responder(network)
    bystander = stage.daemon(Strongswan, network)
    bystander.initiate("v2")
    (before,) = bystander.sas()

    other = network_alone()
    passing = type(stage)(tmp_path_factory.mktemp("passing"), stage.prefixes)
    with passing.ended:
        passing.responder(other)
        passing.daemon(Strongswan, other).initiate("v2")
    other.close()

    (after,) = bystander.sas()
    assert before == after
    bystander.rekey_child("v2")
    assert wait_until(lambda: bystander.sas()[0].children != before.children, 10.0, "another child")


def test_files_under_run_are_seen_at_one_end_alone(network):
    """Each end has a /run of its own, where daemons keep sockets and ids of processes."""
    network.near.path("/run/mark").touch()

    assert not network.far.path("/run/mark").exists()
    assert not Path("/run/mark").exists()


def test_a_command_that_fails_says_why(network):
    """What a command said last is what the exception tells."""
    with pytest.raises(TargetUnavailable, match=r"ip: .*Cannot find device"):
        network.near.run("ip", "link", "set", "none-such", "up")


@pytest.mark.usefixtures("able")
def test_an_end_that_lets_go_twice_does_no_harm():
    """Closing is idempotent."""
    end = End("10.9.0.1")

    end.close()
    end.close()

    assert not runs(end.pid)
