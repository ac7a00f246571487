"""Writes the generated pages of docs/reference anew: `python -m docs.generate`, or `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from docs.pages import ROOT, cli, plugins, roles, scenarios, vici
from ikeengine.config import reference

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/cli.md": cli.page,
    "docs/reference/configuration.md": reference.reference,
    "docs/reference/modules.md": plugins.modules_page,
    "docs/reference/plugins.md": plugins.plugins_page,
    "docs/reference/roles.md": roles.page,
    "docs/reference/vici.md": vici.page,
}
"""Every page that is generated from the code, and what makes its text."""

RESULTS: Mapping[str, Callable[[], str]] = {"docs/reference/scenarios.md": scenarios.page}
"""Those that are generated from the results of tests."""


def main() -> int:
    """Write all pages, and tell which have changed."""
    for name, make in {**PAGES, **RESULTS}.items():
        path, text = ROOT / name, make()
        changed = not path.exists() or path.read_text() != text
        path.write_text(text)
        print(f"{'written' if changed else 'as it was'}: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
