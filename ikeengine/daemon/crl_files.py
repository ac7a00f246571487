"""Writes CRLs to the disk, so that they are there after a restart (`engine.cache_crls`)."""

from __future__ import annotations

import os
from pathlib import Path

from ikeengine.outputs import CrlVerified


def write_crl(directory: Path, output: CrlVerified) -> None:
    """Write a verified CRL under the name that strongSwan gives it, as a whole or not at all. Raises OSError."""
    directory.mkdir(mode=0o755, exist_ok=True)
    target = directory / f"{output.key_id.hex()}{'_delta' if output.is_delta else ''}.crl"
    unfinished = directory / f".{target.name}.{os.getpid()}"
    unfinished.write_bytes(output.der)
    unfinished.replace(target)
