"""How a run is called: by its moment and its target."""

import re

from harness.clock import started_at


def run_name(target: str) -> str:
    """`YYYY-MM-DDThhmmss-target`, of characters that any file system takes."""
    moment = started_at().replace(":", "").rstrip("Z")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", target.removesuffix(".toml").rpartition("/")[2]).strip("-.")
    return f"{moment}-{name or 'target'}"
