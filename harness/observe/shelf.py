"""Sheets put by in a file: what a capture showed is looked at again without reading it anew."""

import pickle
from collections.abc import Iterable, Iterator
from typing import IO

from harness.observe.sheets import Sheet


class Shelf:
    """Keeps sheets in an empty file that nobody else can write to."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._count = 0

    def filled(self, sheets: Iterable[Sheet]) -> Iterator[Sheet]:
        """These sheets, each kept as it passes."""
        for sheet in sheets:
            pickle.dump(sheet, self._file, pickle.HIGHEST_PROTOCOL)
            self._count += 1
            yield sheet

    def __iter__(self) -> Iterator[Sheet]:
        """All that were kept, in their order."""
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)  # noqa: S301  it is what this process has put there
