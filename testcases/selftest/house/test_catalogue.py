"""What holds of every case and every deviant: ids, requirements, deviants that exist."""

import ast
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry, catalogue
from harness.requirements.catalogue import load as load_requirements
from harness.responder.deviants import DEVIANTS, Deviant

TESTCASES = Path(__file__).parents[2]
SUITES = ("ikev1", "ikev2", "responder_only", "fuzz")
ENTRIES = catalogue()


def _declared() -> set[tuple[str, str]]:
    """File stem and name of every class that is a case: public, with requirements of its own."""
    found = set()
    for suite in SUITES:
        for path in (TESTCASES / suite).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found.add((path.stem, node.name))
    return found


def test_every_case_that_is_written_is_listed() -> None:
    """The catalogue has every public class of the suites' files, whatever the file's name."""
    listed = {(e.path.stem, e.kind.__name__) for e in ENTRIES}

    assert _declared() == listed


def test_ids_are_unique() -> None:
    """No two cases share an id."""
    ids = [entry.id for entry in ENTRIES]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_case_traces_to_the_registry(entry: Entry) -> None:
    """Every requirement that a case names is in the registry."""
    assert entry.kind.requirements
    assert set(entry.kind.requirements) <= set(load_requirements())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_case_names_deviants_that_exist(entry: Entry) -> None:
    """Every case names at least one deviant, and the deviants that it names exist."""
    assert entry.kind.deviants
    assert set(entry.kind.deviants) <= set(DEVIANTS)


@pytest.mark.parametrize("deviant", DEVIANTS.values(), ids=lambda deviant: deviant.name)
def test_a_deviant_breaks_a_known_requirement(deviant: Deviant) -> None:
    """What a deviant breaks is in the registry, and it says in a sentence how."""
    assert deviant.breaks in load_requirements()
    assert deviant.says.endswith(".")


def test_every_deviant_is_named_by_a_case() -> None:
    """No deviant is there for nothing, but the one that answers nothing at all."""
    named = {name for entry in ENTRIES for name in entry.kind.deviants}

    assert set(DEVIANTS) - named <= {"mute"}
