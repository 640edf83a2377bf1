"""The registry of requirements: every file of it is whole, and every id stands once."""

import re
import tomllib
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from harness.requirements import LEVELS, ROLES, TESTABLE, get, load

FILES = sorted(f.name for f in files("harness.requirements").iterdir() if f.name.endswith(".toml"))
REQUIRED = {"id", "level", "keyword", "role", "statement", "testable", "applies"}
OPTIONAL = {"check", "responder_only", "by_analogy", "section", "same_as"}


def document(name: str) -> dict[str, Any]:
    """The registry file of that name, parsed."""
    return tomllib.loads((files("harness.requirements") / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_file_has_meta_and_requirements_alone(name: str) -> None:
    """A registry file holds a head and its entries, and nothing else."""
    assert set(document(name)) == {"meta", "requirement"}


@pytest.mark.parametrize("name", FILES)
def test_head_names_its_document(name: str) -> None:
    """The head names the document, its title, and perhaps that it is an extension and a note."""
    meta = document(name)["meta"]

    assert {"source", "title"} <= set(meta) <= {"source", "title", "extension", "note"}


@pytest.mark.parametrize("name", FILES)
def test_entries_have_the_known_fields(name: str) -> None:
    """An entry has every field it must have, and none that nobody reads."""
    odd = [
        e.get("id") for e in document(name)["requirement"] if not REQUIRED <= set(e) <= REQUIRED | OPTIONAL
    ]

    assert odd == []


@pytest.mark.parametrize("name", FILES)
def test_entries_use_the_known_words(name: str) -> None:
    """Levels, roles and ways to see a thing are those the catalogue declares."""
    odd = [
        e["id"]
        for e in document(name)["requirement"]
        if e["level"] not in LEVELS or e["role"] not in ROLES or e["testable"] not in TESTABLE
    ]

    assert odd == []


@pytest.mark.parametrize("name", FILES)
def test_statements_are_sentences(name: str) -> None:
    """A statement is one line of text that ends as a sentence does."""
    odd = [
        e["id"]
        for e in document(name)["requirement"]
        if not re.fullmatch(r"\S[^\n]*[.)]", e["statement"]) or not isinstance(e["applies"], bool)
    ]

    assert odd == []


@pytest.mark.parametrize("name", FILES)
def test_ids_belong_to_their_file(name: str) -> None:
    """Ids are the document's name, its section where it has numbers, and a running number."""
    stem = name.removesuffix(".toml")
    prefix = {"ikev1-fragmentation": "IKEV1-FRAG", "mode-config": "MODECFG"}.get(stem, stem.upper())
    odd = [
        e["id"]
        for e in document(name)["requirement"]
        if not re.fullmatch(rf"{prefix}(-[0-9A-Z][0-9.]*|-Security Considerations)?-\d\d+", e["id"])
    ]

    assert odd == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_points_outside_the_project(name: str) -> None:
    """A registry file names documents, never places on somebody's machine."""
    text = (files("harness.requirements") / name).read_text(encoding="utf-8")

    assert re.findall(r"source_lines|/work|/tmp|\.\./|\.txt", text) == []


def test_ids_are_unique() -> None:
    """No id stands twice, in one file or in two."""
    ids = Counter(e["id"] for name in FILES for e in document(name)["requirement"])

    assert [i for i, count in ids.items() if count > 1] == []


def test_same_as_names_an_entry_that_is_no_copy_itself() -> None:
    """An entry that says the same as another names one that stands for both."""
    registry = load()
    odd = [r.id for r in registry.values() if r.same_as and registry[r.same_as].same_as]

    assert odd == []


def test_load_reads_every_entry() -> None:
    """The catalogue holds as many requirements as the files have entries."""
    assert len(load()) == sum(len(document(name)["requirement"]) for name in FILES)


def test_section_comes_from_the_id_where_the_entry_has_none() -> None:
    """RFC7296-2.5-12 stands in section 2.5 of RFC 7296."""
    requirement = get("RFC7296-2.5-12")

    assert (requirement.section, requirement.source) == ("2.5", "RFC 7296")


def test_section_of_an_entry_is_kept() -> None:
    """Where the document has headings and no numbers, the section is the heading."""
    assert get("CISCO-RO-01").section == "Feature overview"


def test_unknown_id_is_refused_with_a_sentence() -> None:
    """An id that the registry lacks is named in the refusal."""
    with pytest.raises(KeyError, match="the registry has no requirement 'RFC0-1-01'"):
        get("RFC0-1-01")


def test_optional_documents_are_marked() -> None:
    """An extension's requirements say that they bind only who took it on."""
    assert get("RFC4555-3.1-01").extension
    assert not get("RFC7296-2.5-12").extension


@pytest.mark.parametrize("number", [39, 40, 41, 42, 43])
def test_version_2_readings_say_that_they_are_analogies(number: int) -> None:
    """What the feature's text says of version 1 alone is marked where it is read for version 2."""
    assert "IKEv2 by analogy" in get(f"CISCO-RO-{number}").statement
