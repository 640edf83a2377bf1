"""What is wrong with what a user gave, in one sentence that says what to do."""

import os
from pathlib import Path


class WrongInput(Exception):
    """Wrong usage or unreadable input: exit status 64, the sentence on stderr."""


def made(directory: Path) -> Path:
    """The directory, which is there from now on; WrongInput where nothing can be put into it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(0, "no permission")
    except OSError as why:
        raise WrongInput(
            f"{directory}: can't be written ({why.strerror}); name a directory with --output"
        ) from why
    return directory
