"""Wrong input is one sentence on stderr and exit status 64, whichever command it reaches."""

import socket
from pathlib import Path
from typing import Any

import pytest

from harness.cli import COMMANDS


@pytest.mark.parametrize(
    "words",
    [
        ("rnu",),
        ("run", "--no-such-flag"),
        ("run", "nosuch"),
        ("run", "--target", "nosuch"),
        ("run", "--target", "deviant:nosuch"),
        ("run", "--target", "/nonexistent/t.toml"),
        ("run", "--link", "carrier-pigeon"),
        ("run", "--profile", "lazy"),
        ("run", "--seed", "-1"),
        ("run", "--jobs", "0"),
        ("run", "--cases", "/nonexistent"),
        ("list", "nosuch"),
        ("show",),
        ("show", "/nonexistent.pcapng"),
        ("show", __file__),
        ("judge", "/nonexistent.pcapng"),
        ("judge", __file__),
        ("audit", "/nonexistent.pcap", "--device", "192.0.2.1"),
        ("watch", "--interface", "lo"),
        ("watch", "--interface", "lo", "--device", "nowhere"),
        ("watch", "--interface", "no-such-interface", "--device", "127.0.0.1"),
        ("watch", "--interface", "lo", "--device", "127.0.0.1", "--command", "/nonexistent/command"),
        ("report", "/nonexistent"),
        ("trial", "nosuch"),
        ("responder", "--config", "/nonexistent"),
        ("responder", "--listen", "nowhere"),
        ("responder", "--deviant", "nosuch"),
        ("responder", "--port", "70000"),
        ("responder", "--port", "0", "--nat-port", "0", "--peer", "nobody"),
        ("responder", "--stop-wait", "nan"),
        ("responder", "--stop-wait", "inf"),
        ("fuzz", "--seconds", "nan"),
        ("fuzz", "--seconds", "1", "--output", "/proc/nowhere"),
        ("run", "responder_only/e/boot", "--output", "/proc/nowhere"),
    ],
    ids=" ".join,
)
def test_wrong_input_is_a_sentence(ike: Any, words: tuple[str, ...]) -> None:
    """Nothing is played, nothing is printed but one sentence that begins with the program's name."""
    said = ike(*words)

    assert said.status == 64
    assert said.out == ""
    assert said.err.startswith("ike-harness: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[" * 100_000),
        ("a.json", "[]"),
        ("a.json", '{"peer": 5}'),
        ("a.json", '{"users": [{"name": "alice", "password": "\\ud800"}]}'),
        ("a.json", '{"lifetimes": {"ike_hard": NaN}}'),
        ("a.toml", "a = " + "[" * 100_000),
        ("a.toml", 'psk = "'),
        ("a.toml", "\x00"),
    ],
)
def test_a_configuration_that_is_none_is_a_sentence(ike: Any, tmp_path: Path, name: str, text: str) -> None:
    """Whatever stands in the file, no traceback comes of it, in either form."""
    (tmp_path / name).write_text(text)
    said = ike("responder", "--config", str(tmp_path / name))

    assert said.status == 64
    assert said.err.startswith("ike-harness: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("words", [("responder", "--deviant"), ("run", "responder_only/e/boot", "--target")])
def test_a_deviant_that_is_almost_named_is_suggested(ike: Any, words: tuple[str, ...]) -> None:
    """The sentence does not list hundreds of names."""
    name = "starts-on-bot" if words[0] == "responder" else "deviant:starts-on-bot"
    said = ike(*words, name)

    assert said.status == 64
    assert "did you mean starts-on-boot" in said.err
    assert len(said.err) < 200


def test_no_command_shows_what_there_is(ike: Any) -> None:
    """Without a command the help is shown, as wrong usage."""
    said = ike()

    assert said.status == 64
    assert all(name in said.err for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(ike: Any, name: str) -> None:
    """`--help` of each tells its usage and ends with 0."""
    said = ike(name, "--help")

    assert said.status == 0
    assert f"ike-harness {name}" in said.out


def test_a_hostile_name_moves_no_cursor(ike: Any) -> None:
    """What a user pastes is printed with its control characters as text."""
    said = ike("run", "\x1b[2Jx")

    assert said.status == 64
    assert "\x1b" not in said.err


def test_a_port_in_use_names_the_flag_that_helps(ike: Any) -> None:
    """A second daemon on the port is told which flag takes another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        said = ike("responder", "--port", taken.getsockname()[1])

    assert said.status == 64
    assert "is in use by another program; give another with --port" in said.err


def test_a_configuration_error_names_file_and_line(ike: Any, tmp_path: Path) -> None:
    """A refused configuration is told with its place."""
    path = tmp_path / "router.cfg"
    path.write_text("crypto map outside 10 ipsec-isakmp\n responder-only\n")
    said = ike("responder", "--config", path)

    assert said.status == 64
    assert f"{path}:2" in said.err


def test_lines_that_nobody_reads_are_told(apart: Any, tmp_path: Path) -> None:
    """A daemon that starts says which lines of its configuration mean nothing to it, and which names it had to guess."""
    path = tmp_path / "router.cfg"
    path.write_text("snmp-server community wide-open\ncrypto ipsec profile vti\n set transform-set 3dessha\n")
    options = ("--port", 0, "--nat-port", 0, "--json", "--stop-with-stdin", "--stop-wait", 0)
    said = apart("responder", "--config", path, *options)

    assert said.status == 0
    assert f"{path}:1: `snmp-server …` is not read" in said.err
    assert f"{path}:3: transform set `3dessha` is not defined here" in said.err
    assert "wide-open" not in said.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("profile = 'lazy'", "profile: one of strict, rekey-ok, p1-only, two-way follows"),
        ("[[further_peers]]\npsk = 'x'", "further_peers[0].remote_id: missing"),
        ("psk = {file = 'nosuch'}", "psk: nosuch: can't be read"),
        ("psk = ", "no TOML"),
    ],
)
def test_a_configuration_in_toml_is_refused_by_its_key(
    ike: Any, tmp_path: Path, content: str, said: str
) -> None:
    """The file, the key, and what would be right."""
    path = tmp_path / "device.toml"
    path.write_text(content)
    told = ike("responder", "--config", path, "--port", "0", "--nat-port", "0")

    assert told.status == 64
    assert f"{path}: {said}" in told.err


@pytest.mark.parametrize("content", ["{", "[]", '{"speed": 1}', '{"psk": 7}', "\xff"])
def test_a_configuration_in_bad_json_is_refused(ike: Any, tmp_path: Path, content: str) -> None:
    """What is no configuration is named with its file."""
    path = tmp_path / "device.json"
    path.write_bytes(content.encode("latin-1"))
    said = ike("responder", "--config", path, "--port", "0", "--nat-port", "0")

    assert said.status == 64
    assert str(path) in said.err


@pytest.mark.parametrize("name", ["device.json", "device.toml", "device.ios"])
def test_a_file_too_long_for_a_configuration_is_refused(ike: Any, tmp_path: Path, name: str) -> None:
    """It is not read to its end, wherever that may be."""
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(1 << 40)
    said = ike("responder", "--config", path, "--port", "0", "--nat-port", "0")

    assert said.status == 64
    assert f"{path}: can't be read (it is longer than 4 MiB)" in said.err


def test_a_foreign_capture_has_to_be_told_its_device(ike: Any, tmp_path: Path) -> None:
    """`show` and `audit` name the option that says who the target is."""
    golden = Path(__file__).parents[3] / "pcaps" / "golden" / "ls-ro-v2.pcap"

    assert "--device" in ike("show", golden).err
    assert "--device" in ike("audit", golden).err


def test_a_foreign_capture_is_no_evidence_to_judge(ike: Any) -> None:
    """`judge` sends a reader of foreign captures to `audit`."""
    golden = Path(__file__).parents[3] / "pcaps" / "golden" / "ls-ro-v2.pcap"
    said = ike("judge", golden)

    assert said.status == 64
    assert "ike-harness audit" in said.err
