"""Generated pages of docs/reference: one module a page, each with `page() -> str`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
