"""Gaddy silent speech: development and test utterances as the authors list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from emg_io._errors import EmgIoError
from emg_io.splits import Span
from emg_io.splits._split import PARTS

from ._lists import read_bounded
from ._protocol import Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from emg_io._dataset import Dataset

    from ._protocol import Request, Spans

_KEYS = (("val", "dev"), ("test", "test"))


def _read(path: Path) -> dict[tuple[str, int], str]:
    """Read ``{"dev": [[book, sentence_index], ...], "test": ...}``: the part of each utterance, each in one."""
    data = read_bounded(path)
    try:
        body: Any = orjson.loads(data)
        pairs = [(part, str(book), int(index)) for part, key in _KEYS for book, index in body[key]]
    except (ValueError, TypeError, KeyError) as error:
        raise EmgIoError(
            "not a split list",
            file=str(path),
            place="JSON",
            expected='{"dev": [["book", 0]], "test": [["book", 1]]}',
            found=f"{error!r}",
        ) from None
    owner: dict[tuple[str, int], str] = {}
    for part, book, index in pairs:
        if owner.setdefault((book, index), part) != part:
            raise EmgIoError("utterance is listed twice", file=str(path), place=part, found=f"{book} {index}")
    return owner


def _listed(dataset: Dataset, request: Request) -> Spans:
    """Give utterances to parts by book and sentence; reference clips (sentence -1) are left out."""
    if request.lists is None:
        raise EmgIoError("split lists", place="lists", expected="the authors' list file", found="None")
    owner, met = _read(request.lists), set()
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    for index, recording in enumerate(dataset):
        sentence = recording.metadata["sentence_index"]
        if sentence != -1:
            key = (str(recording.metadata["book"]), int(str(sentence)))
            met.add(key)
            spans[owner.get(key, "train")].append(Span(index, 0, recording.n_samples))
    missing = [key for key in owner if key not in met]
    if missing and not request.partial:
        raise EmgIoError(
            "the data set is not whole: get the utterance, or ask for partial=True",
            file=str(request.lists),
            place=owner[missing[0]],
            expected="a recording of each listed utterance",
            found=f"no {missing[0][0]} {missing[0][1]}",
        )
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
