"""EPN-612: the published mixture of people, and a strict one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError
from emg_io.splits import Span, WindowRule
from emg_io.splits._split import PARTS

from ._assign import whole
from ._protocol import Protocol

if TYPE_CHECKING:
    from emg_io._dataset import Dataset
    from emg_io._recording import Recording

    from ._protocol import Request, Spans

_FAR = 1_000_000  # no trial is as long: the window at its start is the only one, however many samples follow
_WINDOWS = WindowRule(1000, _FAR, "constant", classes=(0, 1, 2, 3, 4, 5), pad=True)
_CALIBRATION = 10
_PEOPLE = 612
_REPORTED_TWICE = "training/user172"
_LEFT_OUT = (
    f"{_REPORTED_TWICE} is left out, because an outside report (unverified here) finds 80 of its trials in "
    "testing/user290, and parts that share samples are refused"
)


def _published(dataset: Dataset, request: Request) -> Spans:  # noqa: ARG001  the shape of a rule
    """Training users whole; of each testing user the first ten named trials of a gesture train, the others test."""
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    for index, recording in enumerate(dataset):
        half, samples = _half(recording), recording.task
        if recording.subject == _REPORTED_TWICE:
            continue
        if half == "training":
            part = "train" if samples == "trainingSamples" else "val"
            spans[part].append(Span(index, 0, recording.n_samples))
        elif samples == "trainingSamples":
            for span, repetition in _trials(recording, index):
                spans["train" if repetition <= _CALIBRATION else "test"].append(span)
    return spans


def _strict(recording: Recording, fold: str | None) -> str | None:  # noqa: ARG001  the shape of a rule
    """Training users train and validate, testing users test; one who is reported to be both is left out."""
    if recording.subject == _REPORTED_TWICE:
        return None
    if _half(recording) == "training":
        return "train" if recording.task == "trainingSamples" else "val"
    return "test" if recording.task == "trainingSamples" else None


def _half(recording: Recording) -> str:
    """Return the half of the set that a subject belongs to."""
    half = recording.subject.split("/")[0].removesuffix("JSON")
    if half not in {"training", "testing"}:
        raise EmgIoError("not a half of EPN-612", file=recording.source, place="subject", found=recording.subject)
    return half


def _trials(recording: Recording, index: int) -> list[tuple[Span, int]]:
    """Return the span and the repetition of every trial of a recording."""
    repetition = recording.labels("repetition")
    return [(Span(index, start, stop), int(repetition[start])) for start, stop, _ in recording.segments("trial")]


PROTOCOLS = (
    Protocol(
        name="epn612/tinymyo",
        format="epn-612",
        unit="repetition",
        source="TinyMyo, arXiv 2512.15729, released code; one window of 1000 samples a trial, cut or padded at the end",
        assign=_published,
        windows=_WINDOWS,
        flaw=f"testing users are partly in training: 40 % of their labelled repetitions; see epn612/user-independent; "
        f"{_LEFT_OUT}",
        people=_PEOPLE,
    ),
    Protocol(
        name="epn612/user-independent",
        format="epn-612",
        unit="repetition",
        source="ours: training users train (trainingSamples) and validate (testingSamples), testing users test",
        assign=whole(_strict),
        windows=_WINDOWS,
        flaw=f"validation people train too; {_LEFT_OUT}",
        people=_PEOPLE,
    ),
)
