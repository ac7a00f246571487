"""What the plugins of the collection know, for tests that hold it against the engine."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]


def plugin_utils(name: str, directory: Path) -> ModuleType:
    """A module of `plugins/plugin_utils`, found where Ansible would find it; the link to it goes into `directory`."""
    link = directory / "ansible_collections" / "keymesh" / "ike"
    if not link.exists():
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(f"ansible_collections.keymesh.ike.plugins.plugin_utils.{name}")
    finally:
        sys.path.remove(str(directory))
