"""ikeengine: an IKE daemon with a pure protocol core and a thin asyncio shell."""

__version__ = "0.1.0"
