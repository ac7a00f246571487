from __future__ import annotations

from pathlib import Path

import pytest

from ikeengine.config.options.root import ROOT
from ikeengine.config.reference import main, reference
from ikeengine.config.schema import Section

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), f"run: python -m ikeengine.config.reference {PAGE}"


def test_every_option_is_on_the_page() -> None:
    page = reference()

    def look(section: Section) -> None:
        for option in section.options:
            assert f"| `{option.name}" in page
        for fixed in section.fixed:
            assert f"- `{fixed.name}" in page
        for part in section.sections:
            look(part.section)

    look(ROOT)


def test_the_generator_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new" / "page.md")]) == 0
    assert (tmp_path / "new" / "page.md").read_text(encoding="utf-8") == reference()
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
