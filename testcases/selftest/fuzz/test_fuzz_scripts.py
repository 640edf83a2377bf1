"""A kept script is plain data: it is read as it was written, checked before it is played, and never holds a command."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.fuzz import edits
from harness.fuzz.blocks import auth_payloads
from harness.fuzz.keep import Keeper, Outcome, minimal, replayed
from harness.fuzz.moves import TAKES, checked
from harness.fuzz.planted import Planted
from harness.fuzz.play import play, shape_of
from harness.fuzz.script import Fault, FuzzScript, NoScript, Where, read_script
from harness.target.reference import Reference
from harness.wire import Payload, encode_chain, replace, v2

SEQUENCE = ("connect", "rekey_ike", "rekey_child", "delete_child")


def script(*moves: str | dict[str, Any], **where: Any) -> FuzzScript:
    """A script of these moves."""
    made = tuple({"do": move} if isinstance(move, str) else move for move in moves)
    return FuzzScript(Where(**where), made)


def _backwards(payload: Payload) -> Payload:
    """A TSi payload that ends below its start port; any other as it is."""
    if not isinstance(payload, v2.TrafficSelectorsI):
        return payload
    return replace(payload, selectors=(replace(payload.selectors[0], end_port=80),))


def test_script_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What was stored comes back equal: moves, place, seed and fault."""
    kept = FuzzScript(
        Where(7, "brisk"),
        ({"do": "connect", "as": "a"}, {"do": "elapse", "seconds": 2.5}, {"do": "again", "of": "a"}),
        Fault("INV-02", "shape", "says"),
        "planted:x",
    )
    kept.write(tmp_path / "kept.json")

    assert read_script(tmp_path / "kept.json") == kept


def test_script_is_for_its_owner_alone(tmp_path: Path) -> None:
    """A kept script may show what a device lets through: its mode is 0600."""
    script("connect").write(tmp_path / "kept.json")

    assert (tmp_path / "kept.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "something else"},
        {"format": 2},
        {"seed": "7"},
        {"link": "pigeon"},
        {"profile": "none"},
        {"command": "reboot"},
        {"actions": [{"do": "shell", "command": "reboot"}]},
        {"actions": [{"do": "connect", "command": "reboot"}]},
        {"actions": [{"do": "send"}]},
        {"actions": [{"do": "send", "octets": "xyz"}]},
        {"actions": [{"do": "elapse", "seconds": -1}]},
        {"actions": [{"do": "elapse", "seconds": 1e300}]},
        {"actions": [{"do": "provoke", "trigger": "explode"}]},
        {"actions": [{"do": "connect", "edits": [["run", 0, "x"]]}]},
        {"actions": [{"do": "_touch"}]},
        {"actions": "connect"},
        {"target": {"name": "reference", "settings": "own"}},
        {"finding": {"rule": "INV-02"}},
    ],
)
def test_script_that_says_anything_else_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """An unknown field, action or value is refused in one sentence that names the file."""
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({**script("connect").to_json(), **change}))

    with pytest.raises(NoScript, match=r"^\S*kept\.json: ") as refusal:
        read_script(path)

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"null", b"17"])
def test_file_that_is_no_script_is_refused(content: bytes, tmp_path: Path) -> None:
    """What is no JSON, or no object, is refused like any other file."""
    path = tmp_path / "kept.json"
    path.write_bytes(content)

    with pytest.raises(NoScript):
        read_script(path)


def test_every_move_can_be_played_in_any_state(tmp_path: Path) -> None:
    """Each kind of move alone, on a target that nobody has met yet, neither fails nor breaks a rule."""
    wanted: dict[str, Any] = {
        "first": 41,
        "octets": "0000000800004000",
        "exchange": 37,
        "message_id": 0,
        "of": "nothing",
        "fates": ["double", "lost"],
        "asks": ["liveness"],
        "seconds": 1.0,
        "trigger": "boot",
        "edits": [["set", 20, "ff"]],
        "at": 3,
        "pfs": True,
    }
    for name, takes in TAKES.items():
        move = checked({"do": name, **{key: wanted[key] for key in takes if key in wanted}})

        assert play(script(move), Reference(), tmp_path / "play.pcapng").faults == (), name


def test_play_repeats_octet_for_octet(tmp_path: Path) -> None:
    """A script in virtual time gives the same capture each time but for the moment at which it began."""
    moves = script(*SEQUENCE, "main_mode", "quick_mode", seed=5)
    captures = []
    for number in range(2):
        path = tmp_path / f"{number}.pcapng"
        play(moves, Reference(), path)
        captures.append(path.read_bytes().partition(b"}")[2][-4000:])

    assert captures[0] == captures[1]


def test_edits_drawn_from_a_seed_repeat_and_survive_storage() -> None:
    """The same seed draws the same edits, and stored as JSON they do the same to the same octets."""
    first, second = (edits.drawn(SeededEntropy(3), 200) for _ in range(2))
    stored = edits.checked(json.loads(json.dumps(first)))

    assert first == second
    assert edits.apply(bytes(200), stored) == edits.apply(bytes(200), first)


def test_edits_reach_any_octets() -> None:
    """Edits apply to octets of any length, none included, and mostly change them."""
    entropy = SeededEntropy(4)
    changed = sum(
        edits.apply(bytes(range(length)), edits.drawn(entropy)) != bytes(range(length))
        for length in range(200)
    )

    assert changed > 180


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "started IKE_SA_INIT to 192.0.2.2:500 under 0011223344556677 (frames 4, 7 and 9)",
            "started IKE_SA_INIT to 198.51.100.7:4500 under 8899aabbccddeeff (frame 12)",
        ),
        (
            "was sent 3 times on 0011223344556677/8899aabbccddeeff",
            "was sent 1 time on 0011223344556670/8899aabbccddeef0",
        ),
        (
            "sent to [2001:db8::1]:500, frames 1, 2, 3, 4, 5, 6 … (12 in all)",
            "sent to 192.0.2.1:500, frame 1",
        ),
    ],
)
def test_shape_leaves_out_what_differs_from_play_to_play(one: str, other: str) -> None:
    """Frames, SPIs, addresses and counts don't make another finding of the same fault."""
    assert shape_of(one) == shape_of(other)


def test_shape_keeps_what_is_said() -> None:
    """Two sentences about different things have different shapes."""
    assert shape_of("the target started CREATE_CHILD_SA") != shape_of("the target started IKE_SA_INIT")


def test_minimal_script_has_only_what_the_fault_needs(tmp_path: Path) -> None:
    """Moves that the fault does not need are left away, and the rest stays in order."""
    target = Planted("starts-after-a-sequence")
    noise = ("liveness", "create_child", "main_mode", {"do": "elapse", "seconds": 5.0}, "delete_child")
    whole = script(
        "connect", *noise, "rekey_ike", "liveness", "rekey_child", "dpd", "delete_child", "liveness"
    )
    (fault,) = play(whole, target, tmp_path / "play.pcapng").faults

    smaller = minimal(whole, fault, target)

    assert [move["do"] for move in smaller.moves] == list(SEQUENCE)


def test_finding_is_folded_and_kept_once(tmp_path: Path) -> None:
    """The same fault twice is one finding, seen twice, with its capture beside its script."""
    target = Planted("starts-after-a-sequence")
    keeper = Keeper(tmp_path, target)
    for seed in (1, 2):
        found = script(*SEQUENCE, seed=seed)
        keeper.take(found, play(found, target, tmp_path / "play").faults)

    (kept,) = keeper.found.values()
    assert (kept.seen, kept.minimal_messages, kept.steady) == (2, 8, True)
    assert kept.capture == kept.script.with_suffix(".pcapng")
    assert kept.capture.is_file()


def test_finding_of_an_earlier_campaign_is_known(tmp_path: Path) -> None:
    """What lies in the directory already is not new when it is met again."""
    target = Planted("starts-after-a-sequence")
    found = script(*SEQUENCE)
    faults = play(found, target, tmp_path / "play").faults
    Keeper(tmp_path / "kept", target).take(found, faults)

    (again,) = Keeper(tmp_path / "kept", target).take(found, faults)

    assert not again.new


def test_replay_tells_a_defect_from_its_repair(tmp_path: Path) -> None:
    """The sequence still fails on the target with the defect and is fixed on the honest reference."""
    kept = script(*SEQUENCE)

    assert replayed(kept, Planted("starts-after-a-sequence"), tmp_path / "a").outcome is Outcome.STILL_FAILS
    assert replayed(kept, Reference(), tmp_path / "b").outcome is Outcome.FIXED


def test_exception_of_a_device_is_its_death_and_a_finding(tmp_path: Path) -> None:
    """A device in process that raises is dead from then on; the finding names where, and nothing else is held against it."""
    chain = tuple(map(_backwards, auth_payloads()))
    backwards = {"do": "auth", "first": chain[0].type, "octets": encode_chain(chain).hex()}

    played = play(script(backwards, "connect"), Planted("dies-of-a-sealed-value"), tmp_path / "play")

    assert [(fault.rule, fault.shape) for fault in played.faults] == [
        ("INV-16", "ValueError in planted.py fragile")
    ]
