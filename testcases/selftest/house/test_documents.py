"""The pages that are drawn are drawn from what stands, and the documents speak of the project alone."""

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from harness.cli import COMMANDS

TOP = Path(__file__).parents[3]
PAGES = ("responder.md", "standing-rules.md", "deviants.md", "requirements.md", "targets.md")


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
