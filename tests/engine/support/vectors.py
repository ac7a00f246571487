"""Where test data is: some in this repository, more beside it, if somebody put it there."""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab.needs import give_up

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "engine" / "vectors" / "data"


def external(*parts: str) -> Path:
    """A file or folder of the external vectors: in IKEENGINE_VECTORS, or in ../shared/vectors beside the repository.

    Where it is missing the test is skipped, but fails in CI.
    """
    base = Path(os.environ.get("IKEENGINE_VECTORS", ROOT.parent / "shared" / "vectors"))
    path = base.joinpath(*parts)
    if not path.exists():
        give_up(f"external vectors are missing: {path} (set IKEENGINE_VECTORS)")
    return path
