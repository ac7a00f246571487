"""Terminal output as SVG pictures: what a program prints in colour, drawn as a window."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).resolve().parent / "images"
_ROWS = 60
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{
        font-family: "Fira Code", Menlo, Consolas, "DejaVu Sans Mono", monospace;
        font-size: {char_height}px;
        line-height: {line_height}px;
        font-variant-east-asian: full-width;
    }}
    .{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
    </style>
    <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
    </defs>
    {chrome}
    <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
</svg>
"""
"""rich's own format, but without fonts from the internet: an SVG in a README may not load any."""


class Picture:
    """A terminal whose contents become `docs/images/NAME.svg`."""

    def __init__(self, name: str, title: str, width: int) -> None:
        self.console = Console(file=io.StringIO(), record=True, width=width, color_system="truecolor")
        self._name, self._title, self._width = name, title, width

    def prompt(self, command: str, host: str = "") -> None:
        """Show a command as if somebody typed it."""
        self.console.print(Text.assemble((f"{host}$ ", "bold green"), (command, "bold")))

    def run(self, command: Sequence[str]) -> None:
        """Show what a command prints on a terminal. Its exit code does not matter."""
        self.console.print(Text.from_ansi(on_terminal(command, self._width)), soft_wrap=True)

    def save(self) -> Path:
        """Write the picture and return its path."""
        svg = self.console.export_svg(title=self._title, code_format=_FORMAT, unique_id=self._name)
        IMAGES.mkdir(exist_ok=True)
        path = IMAGES / f"{self._name}.svg"
        path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
        return path


def on_terminal(command: Sequence[str], width: int) -> str:
    """What a command prints, colours included, when it has a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(width), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        output = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return output.decode(errors="replace").replace("\r\n", "\n").rstrip("\n")


def _read(descriptor: int) -> bytes:
    """The end of a pseudo terminal is an error."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
