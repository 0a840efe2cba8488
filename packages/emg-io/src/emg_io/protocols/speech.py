"""Gaddy silent speech: development and test utterances as the authors list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from emg_io._errors import EmgIoError
from emg_io.splits import Span

from ._assign import PARTS
from ._lists import MAX_BYTES
from ._protocol import Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from emg_io._dataset import Dataset

    from ._protocol import Request, Spans


def _read(path: Path) -> dict[str, set[tuple[str, int]]]:
    """Read ``{"dev": [[book, sentence_index], ...], "test": ...}``."""
    try:
        body: Any = orjson.loads(path.read_bytes()[:MAX_BYTES])
        return {
            part: {(str(book), int(index)) for book, index in body[key]}
            for part, key in (("val", "dev"), ("test", "test"))
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EmgIoError(
            "not a split list",
            file=str(path),
            place="JSON",
            expected='{"dev": [["book", 0]], "test": [["book", 1]]}',
            found=f"{error!r}",
        ) from None


def _listed(dataset: Dataset, request: Request) -> Spans:
    """Give utterances to parts by book and sentence; reference clips (sentence -1) are left out."""
    if request.lists is None:
        raise EmgIoError("split lists", place="lists", expected="the authors' list file", found="None")
    lists = _read(request.lists)
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    for index, recording in enumerate(dataset):
        sentence = recording.metadata["sentence_index"]
        if sentence != -1:
            key = (str(recording.metadata["book"]), sentence)
            part = next((part for part, keys in lists.items() if key in keys), "train")
            spans[part].append(Span(index, 0, recording.n_samples))
    return spans


PROTOCOLS = (
    Protocol(
        name="gaddy/published",
        format="gaddy",
        unit="repetition",
        source="Gaddy and Klein, EMNLP 2020: the authors' list of [book, sentence_index], dev and test",
        assign=_listed,
        flaw="one person; silent and voiced readings of one sentence share a part",
        needs_lists=True,
    ),
)
