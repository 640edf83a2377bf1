"""The pages that are drawn are drawn from what stands, and the documents speak of the project alone."""

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

from harness.cli import COMMANDS, group

TOP = Path(__file__).parents[3]
PAGES = (
    "responder.md",
    "standing-rules.md",
    "deviants.md",
    "requirements.md",
    "targets.md",
    "devices.md",
    "daemons.md",
)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", TOP / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_a_drawn_page_is_current(page: str) -> None:
    """The page is what `make docs` would write now."""
    assert (TOP / "docs" / page).read_text(encoding="utf-8") == _generator().PAGES[page]()


def test_readme_names_every_command() -> None:
    """The README's table has every command of the command line."""
    told = (TOP / "README.md").read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if f"`{name}" not in told]

    assert missing == []


def _rows() -> dict[str, str]:
    """The README's table of commands: the row of each."""
    told = (TOP / "README.md").read_text(encoding="utf-8")
    return {row[1]: row[0] for row in re.finditer(r"^\| `(\w+).*$", told, re.M) if row[1] in COMMANDS}


def _options(name: str) -> set[str]:
    """The long options of a command, those of its own commands too."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    return {
        option
        for each in commands
        for parameter in each.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    }


@pytest.mark.parametrize("name", _rows())
def test_the_table_names_only_options_that_there_are(name: str) -> None:
    """What the README says of a command, its --help knows."""
    assert set(re.findall(r"`(--[a-z][a-z-]*)", _rows()[name])) - _options(name) == set()


@pytest.mark.parametrize("name", ["run", "report", "compare"])
def test_the_table_names_every_option_of_a_run(name: str) -> None:
    """What --help knows of the commands that play and tell, the README says; what all have in common apart."""
    missing = {each for each in _options(name) if f"`{each}" not in _rows()[name]}

    assert missing - {"--help", "--cases", "--quiet"} == set()


def test_architecture_draws_the_layers_that_are_enforced() -> None:
    """The rows in ARCHITECTURE.md are those of the first contract of import-linter."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    text = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")

    assert "".join(f"    {row.replace('harness.', '')}\n" for row in layers) in text


def test_no_file_carries_a_path_of_a_machine() -> None:
    """No tracked text speaks of a home directory or a place of work on one machine."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=False, text=True
    ).stdout.split("\0")
    texts = [TOP / name for name in listed if re.search(r"\.(py|md|toml|txt|cfg|c|sh)$", name)]
    found = [
        str(p)
        for p in texts
        if p.is_file() and re.search(r"(?<![\w.])/(root|home|work)/", p.read_text("utf-8"))
    ]

    assert [name for name in found if not name.endswith("test_documents.py")] == []
