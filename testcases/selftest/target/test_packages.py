"""Packages are fetched once into a directory of their own, and what hinders that is told; apt itself is played here."""

import pytest

from harness.cli import main
from harness.target import packages
from harness.target.contract import TargetUnavailable
from harness.target.packages import PACKAGES, default_cache, fetch

APT = """#!/bin/sh
echo "$@" >>"$PLAYED/calls"
[ -e "$PLAYED/refuses" ] && { echo 'W: something' >&2; echo 'E: Unable to locate package openiked' >&2; exit 100; }
for word in "$@"; do
  case $word in Dir::Cache::archives=*) archives=${word#*=};; install) touch "$archives/openiked.deb";; esac
done
"""
DPKG = """#!/bin/sh
[ "$1" = --extract ] || exit 2
mkdir -p "$3/usr/sbin" "$3/lib/openiked" "$3/etc"
echo iked >"$3/usr/sbin/iked"
echo data >"$3/lib/openiked/data"
"""
DPKG_DEB = """#!/bin/sh
echo 'openiked 7.2-1'
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose apt and dpkg are played; its directory."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in {"apt-get": APT, "dpkg": DPKG, "dpkg-deb": DPKG_DEB}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "status").write_text("Package: libc6\n")
    monkeypatch.setattr(packages, "_STATUS", tmp_path / "status")
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("PLAYED", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def calls(machine):
    """How often apt-get was run."""
    path = machine / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.usefixtures("machine")
def test_packages_lie_under_one_root():
    """What a package has in /lib lies in /usr/lib, where the machine's link leads; the version is its own."""
    prefix = fetch("openiked")

    assert prefix.version == "7.2"
    assert (prefix.root / "usr/sbin/iked").read_text() == "iked\n"
    assert (prefix.root / "usr/lib/openiked/data").read_text() == "data\n"
    assert {each.name for each in prefix.root.iterdir() if each.is_dir()} == {"usr", "etc", "var"}


def test_cache_is_where_the_user_has_caches(machine):
    """The XDG variable moves it."""
    assert default_cache() == machine / "cache/ike-harness/targets"
    assert fetch("openiked").root.parent == default_cache()


def test_prefix_is_fetched_once(machine):
    """A second call needs no apt any more."""
    first = fetch("openiked")
    before = calls(machine)

    assert fetch("openiked") == first
    assert calls(machine) == before


def test_another_machine_has_another_prefix(machine):
    """What comes along depends on what is installed, so a change of that fetches anew."""
    first = fetch("openiked")
    (machine / "status").write_text("Package: libevent-2.1-7\n")

    assert fetch("openiked").root != first.root


def test_refusal_of_apt_is_told(machine):
    """The first error that apt tells of is in the sentence, and nothing stands under the prefix's name."""
    (machine / "refuses").touch()

    with pytest.raises(TargetUnavailable, match="apt-get: Unable to locate package openiked"):
        fetch("openiked")

    (machine / "refuses").unlink()
    assert (fetch("openiked").root / "usr/sbin/iked").exists()


def test_machine_without_apt_is_told(machine):
    """No other package manager is tried."""
    (machine / "bin/apt-get").unlink()
    (machine / "bin/sh").symlink_to("/bin/sh")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(machine / "bin"))
        with pytest.raises(TargetUnavailable, match="apt-get is not installed"):
            fetch("openiked")


def test_unknown_name_is_told():
    """The sentence names those that are known."""
    with pytest.raises(TargetUnavailable, match="no packages are known for 'racoon', only for strongswan, "):
        fetch("racoon")


def test_cache_under_what_is_laid_over_is_refused(tmp_path):
    """The kernel lays no directory over one that holds it."""
    (tmp_path / "link").symlink_to("/var/tmp")

    with pytest.raises(TargetUnavailable, match="/var/tmp/x lies in a directory that a prefix is laid over"):
        fetch("openiked", tmp_path / "link/x")


def test_cache_that_is_a_file_is_told(tmp_path):
    """What the system says is in the sentence."""
    (tmp_path / "file").touch()

    with pytest.raises(TargetUnavailable, match="file can't be used as a cache: "):
        fetch("openiked", tmp_path / "file")


def test_command_tells_where_it_put_them(machine, capsys):
    """`targets install` fetches what it names."""
    assert main(["targets", "install", "openiked"]) == 0

    assert capsys.readouterr().out == f"openiked 7.2: {fetch('openiked').root}\n"
    assert calls(machine) == 2


def test_command_tells_what_hinders(machine, capsys):
    """A refusal is wrong input: one sentence on stderr."""
    (machine / "refuses").touch()

    assert main(["targets", "install", "openiked"]) == 64
    assert capsys.readouterr().err == "ike-harness: apt-get: Unable to locate package openiked\n"


def test_command_knows_every_daemon(capsys):
    """Its help names them."""
    assert main(["targets", "install", "--help"]) == 0

    told = capsys.readouterr().out
    assert [name for name in PACKAGES if name not in told] == []
