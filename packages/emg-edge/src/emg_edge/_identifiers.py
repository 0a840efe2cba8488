"""Text from files as identifiers that C accepts."""

from __future__ import annotations

import re

_LENGTH = 48


def identifier(text: str, fallback: str = "x") -> str:
    """Return ``text`` reduced to ``[a-z][a-z0-9_]*``, at most 48 characters."""
    clean = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:_LENGTH].strip("_")
    return clean if clean and clean[0].isalpha() else f"{fallback}_{clean}".strip("_")
