"""Finds cases: every class with `script` and `judge` of its own file, under the suites' directories."""

import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

import harness
from harness.bench.windows import Windows, waits_s
from harness.case import Case, case_id
from harness.requirements import load

SUITES = ("ikev2", "ikev1", "responder_only", "fuzz")
SHIPPED = ("testcases", "harness/_catalogue")
"""Where the project's own cases lie beside or in the package: in a checkout, in a wheel."""


def level_of(requirement: str) -> str:
    """The level of a requirement; MUST for one that the registry does not have."""
    known = load().get(requirement)
    return known.level if known else "MUST"


class NoSuchCase(Exception):
    """A selector matches nothing, or a file of cases can't be read; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A case of the catalogue and where it stands."""

    id: str
    suite: str
    path: Path
    kind: type[Case]

    @property
    def title(self) -> str:
        """The class's docstring, on one line."""
        return " ".join((inspect.getdoc(self.kind) or self.kind.__name__).split("\n\n")[0].split())

    @property
    def level(self) -> str:
        """The level of the first requirement; MUST if the case names none."""
        return level_of(next(iter(self.kind.requirements), ""))

    def to_json(self) -> dict[str, Any]:
        """The entry in the shape of `list --json`."""
        return {
            "id": self.id,
            "title": self.title,
            "suite": self.suite,
            "requirements": list(self.kind.requirements),
            "level": self.level,
            "profile": str(self.kind.profile),
            "needs": sorted(self.kind.needs),
            "deviants": list(self.kind.deviants),
            "also": {name: list(ids) for name, ids in self.kind.also.items()},
            "wait_s": waits_s(self.kind, Windows.SHORT),
        }


def roots(extra: Iterable[Path] = ()) -> tuple[Path, ...]:
    """The directories that hold suites: the project's own, and those that a user adds."""
    place = Path(harness.__file__).parent.parent
    shipped = next(
        (place / each for each in SHIPPED if any((place / each / s).is_dir() for s in SUITES)), None
    )
    return tuple(each for each in (shipped, *extra) if each is not None)


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """The files of cases below a root, each with its suite: the directory of that name, or a user's own directory."""
    own = root in roots()
    for path in sorted(root.rglob("*.py")):
        first, *below = path.relative_to(root).parts
        suite = first if below else root.name
        if not path.name.startswith("_") and (suite in SUITES if own else True):
            yield suite, path


def suite_of(path: Path, within: Iterable[Path]) -> str | None:
    """The suite that a file belongs to; None if it lies under none of the roots' suites."""
    for root in within:
        if path.is_relative_to(root):
            return next((suite for suite, each in files(root) if each == path), None)
    return None


def entries_of(suite: str, path: Path, module: ModuleType) -> Iterator[Entry]:
    """The cases that a module defines itself, in the order of the file; a name with an underscore is a base class."""
    for name, kind in vars(module).items():
        if (
            inspect.isclass(kind)
            and kind.__module__ == module.__name__
            and not name.startswith("_")
            and is_case(kind)
        ):
            yield Entry(case_id(suite, path.name, name), suite, path, kind)


def is_case(kind: type[Any]) -> TypeGuard[type[Case]]:
    """Whether a class says what to do and what must have happened."""
    return issubclass(kind, Case) and kind.script is not Case.script and kind.judge is not Case.judge


def load_file(suite: str, path: Path) -> tuple[Entry, ...]:
    """The cases of one file; NoSuchCase names what is wrong with it."""
    name = f"_cases.{suite}.{path.stem}_{abs(hash(str(path))):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles of the module look it up there
    try:
        spec.loader.exec_module(module)
        return tuple(entries_of(suite, path, module))
    except (ImportError, SyntaxError, ValueError, AttributeError, TypeError, NameError) as why:
        raise NoSuchCase(f"{path}: {type(why).__name__}: {why}; mend the file or take it away") from why


def catalogue(extra: Iterable[Path] = ()) -> tuple[Entry, ...]:
    """Every case, in the order of suites, files and classes; two of one id are an error."""
    found: dict[str, Entry] = {}
    for root in roots(extra):
        for suite, path in files(root):
            for entry in load_file(suite, path):
                if entry.id in found:
                    raise NoSuchCase(
                        f"{path}: {entry.id} stands in {found[entry.id].path} already; rename one of the classes"
                    )
                found[entry.id] = entry
    return tuple(sorted(found.values(), key=_place))


def select(entries: Iterable[Entry], selectors: Sequence[str]) -> tuple[Entry, ...]:
    """The entries that a selector names: an id, any prefix of one, or an id of the same matter elsewhere."""
    kept = tuple(entries)
    if not selectors:
        return kept
    chosen: set[str] = set()
    for selector in selectors:
        matching = {entry.id for entry in kept if matches(entry, selector)}
        if not matching:
            raise NoSuchCase(
                f"no case is called {selector!r} or begins so; `ike-harness list` shows them all"
            )
        chosen |= matching
    return tuple(entry for entry in kept if entry.id in chosen)


def matches(entry: Entry, selector: str) -> bool:
    """Whether a selector names the entry."""
    elsewhere = {each for ids in entry.kind.also.values() for each in ids}
    return entry.id.startswith(selector) or selector in elsewhere or selector in entry.kind.requirements


def _place(entry: Entry) -> tuple[int, str, tuple[Any, ...]]:
    order = SUITES.index(entry.suite) if entry.suite in SUITES else len(SUITES)
    section = entry.id.split("/")[1]
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in section.split("."))
    return order, entry.suite, parts
