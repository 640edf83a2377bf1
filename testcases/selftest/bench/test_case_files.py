"""The catalogue: which files and classes are cases, and what selectors name."""

from pathlib import Path

import pytest

from harness.bench.catalogue import NoSuchCase, catalogue, load_file, select
from harness.bench.evidence import place_of
from harness.target.contract import ABILITIES

CASE = '''"""Cases of somebody's own."""

from harness.case import Case


class _Base(Case):
    """What several have in common."""

    def script(self, alice):
        yield from alice.connect()


class Reaches(_Base):
    """The target is reached.

    And more.
    """

    requirements = ("RFC7296-1.2-03",)
    also = {"spec": ("Z99",)}

    def judge(self, trace):
        yield from ()


class Helper:
    """No case."""
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory of somebody's own cases."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "s1_2_reach.py").write_text(CASE)
    return tmp_path


def test_a_users_directory_is_added(own: Path) -> None:
    """Its cases stand beside the project's, the directory's name being their suite."""
    ids = [entry.id for entry in catalogue([own])]

    assert "lab/1.2/reaches" in ids
    assert len(ids) == len(catalogue()) + 1


def test_bases_and_helpers_are_no_cases(own: Path) -> None:
    """Only classes with `script` and `judge` and a public name are cases."""
    assert [entry.kind.__name__ for entry in load_file("lab", own / "lab" / "s1_2_reach.py")] == ["Reaches"]


def test_an_entry_has_the_shape_that_others_read(own: Path) -> None:
    """`list --json` has these keys and no others."""
    (entry,) = load_file("lab", own / "lab" / "s1_2_reach.py")

    assert entry.to_json() == {
        "id": "lab/1.2/reaches",
        "title": "The target is reached.",
        "suite": "lab",
        "requirements": ["RFC7296-1.2-03"],
        "level": "MUST",
        "profile": "strict",
        "needs": [],
        "deviants": [],
        "also": {"spec": ["Z99"]},
        "wait_s": 0.0,
    }


@pytest.mark.parametrize("selector", ["lab/1.2/reaches", "lab/", "lab", "Z99"])
def test_a_selector_is_an_id_a_prefix_or_an_id_elsewhere(own: Path, selector: str) -> None:
    """Each of them selects the case."""
    assert [entry.id for entry in select(catalogue([own]), [selector])] == ["lab/1.2/reaches"]


def test_a_selector_that_names_nothing_is_wrong() -> None:
    """The sentence repeats it and says how to see what there is."""
    with pytest.raises(NoSuchCase, match="no case is called 'nosuch' or begins so; `ike-harness list`"):
        select(catalogue(), ["ikev2", "nosuch"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import nowhere_to_be_found\n", "ModuleNotFoundError"),
        ("undefined\n", "NameError"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(own: Path, content: str, why: str) -> None:
    """The sentence names the file and what is wrong with it."""
    path = own / "lab" / "s1_2_reach.py"
    path.write_text(content)

    with pytest.raises(NoSuchCase, match=f"s1_2_reach.py: {why}"):
        catalogue([own])


def test_a_file_of_another_name_is_not_silently_left_out(own: Path) -> None:
    """A name that gives no section is an error that says how to rename the file."""
    (own / "lab" / "s1_2_reach.py").rename(own / "lab" / "reach.py")

    with pytest.raises(NoSuchCase, match=r"reach\.py.*rename it"):
        catalogue([own])


def test_two_cases_of_one_id_are_an_error(own: Path) -> None:
    """The second file names the first."""
    (own / "lab" / "s1_2_other.py").write_text(CASE)

    with pytest.raises(NoSuchCase, match=r"stands in .*s1_2_other\.py already"):
        catalogue([own])


def test_brackets_are_commas_in_file_names() -> None:
    """A parametrised id gives a name that needs no quoting."""
    assert place_of("ikev2/2.5/versions[three]") == "ikev2/2.5/versions,three.pcapng"


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_what_a_case_needs_is_an_ability_that_exists(entry: object) -> None:
    """A misspelled need would make a case NOT_APPLICABLE for ever."""
    assert entry.kind.needs <= set(ABILITIES)
