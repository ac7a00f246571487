"""Where test data is: some in this repository, more beside it, if somebody put it there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "engine" / "vectors" / "data"


def external(*parts: str) -> Path:
    """A file or folder of the external vectors: in IKEENGINE_VECTORS, or in ../shared/vectors beside the repository.

    They are no part of a checkout, so the test is skipped without them, even in CI. A folder that somebody has named
    must have them all.
    """
    named = os.environ.get("IKEENGINE_VECTORS")
    path = Path(named or ROOT.parent / "shared" / "vectors").joinpath(*parts)
    if path.exists():
        return path
    reason = f"external vectors are missing: {path}"
    if named:
        pytest.fail(f"{reason}; put them there, or take IKEENGINE_VECTORS out of the environment")
    pytest.skip(f"{reason} (set IKEENGINE_VECTORS)")
