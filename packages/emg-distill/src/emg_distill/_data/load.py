"""From recordings to a protocol's windows: the only module that knows emg-io and emg-dsp."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_distill._data._siblings import siblings
from emg_distill._data.protocols import Protocol, get_protocol
from emg_distill._errors import EmgDistillError
from emg_distill._examples.windows import PARTS, ProtocolData, WindowSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    import emg_dsp
    import emg_io

_MIN_SUBJECTS = 4


@dataclass
class _Pieces:
    """Windows of one part while recordings are read one by one."""

    x: list[NDArray[np.float32]] = field(default_factory=list)
    y: list[NDArray[np.int64]] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)

    def add(self, windows: NDArray[np.float32], label: int, subject: str) -> None:
        self.x.append(windows)
        self.y.append(np.full(len(windows), label, np.int64))
        self.subject.extend([subject] * len(windows))


def load_protocol(
    name: str, data_dir: str | Path, *, split_seed: int = 0, preprocessing: Mapping[str, Any] | None = None
) -> ProtocolData:
    """Read a data set and cut it as a protocol says.

    Recordings are put on a uniform clock by holding, filtered whole (causal), and only then cut into windows inside
    runs of one label, so that no filter sees a splice. Channel means and deviations come from the training part.

    Parameters
    ----------
    name
        One of `list_protocols`.
    data_dir
        The data set's folder, its archive as published, or a folder that holds the archive.
    split_seed
        Which subjects go where, ``>= 0``.
    preprocessing
        Signal path of a stored model: its filter and its channel statistics are used instead of new ones.

    Returns
    -------
    ProtocolData
        Windows of shape (n, channels, time), float32.

    Raises
    ------
    EmgDistillError
        When emg-io or emg-dsp is not installed, the seed is negative, there are fewer than four subjects, a label is
        neither a class nor excluded, or the stored path is not one of this protocol.
    emg_io.EmgIoError
        When a file is damaged; the message names file and place.
    """
    io, dsp = siblings()
    protocol = get_protocol(name)
    if split_seed < 0:
        raise EmgDistillError(f"split_seed={split_seed}: it must be >= 0")
    dataset = io.open_dataset(data_dir, format=protocol.format)
    if len(dataset.subjects) < _MIN_SUBJECTS:
        raise EmgDistillError(
            f"{data_dir} holds {len(dataset.subjects)} subjects; {name} needs at least {_MIN_SUBJECTS} "
            "to keep its parts apart"
        )
    split = io.split_by_subject(dataset, test=protocol.test, val=protocol.val, seed=split_seed)
    band_pass = _filter(dsp, protocol, preprocessing)
    pieces = {part: _cut(dataset, split.parts[part], protocol, band_pass, dsp) for part in PARTS}
    for part, piece in pieces.items():
        if not piece.x:
            raise EmgDistillError(f"{data_dir}: part {part!r} of {name} has no window of {protocol.length} samples")
    scaler = _scaler(dsp, np.concatenate(pieces["train"].x), preprocessing)
    parts = {part: _window_set(piece, scaler) for part, piece in pieces.items()}
    names = dataset.label_names
    return ProtocolData(
        name=name,
        train=parts["train"],
        val=parts["val"],
        test=parts["test"],
        labels=[names[value] for value in protocol.classes],
        sfreq=protocol.sfreq,
        preprocessing=_describe(protocol, dataset[0], band_pass, scaler),
        split_hash=split.hash,
        split_seed=split_seed,
        notes=tuple(f"label {value} ({names.get(value, 'no name')}) left out" for value in protocol.excluded),
    )


def _filter(dsp: Any, protocol: Protocol, preprocessing: Mapping[str, Any] | None) -> emg_dsp.Filter:  # noqa: ANN401  a module
    if preprocessing is None:
        return dsp.bandpass(*protocol.band, sfreq=protocol.sfreq, order=protocol.order)  # type: ignore[no-any-return]
    stored, window = preprocessing["filter"], preprocessing["window"]
    given = (preprocessing["sfreq"], window["length"], window["hop"])
    wanted = (protocol.sfreq, protocol.length, protocol.hop)
    if stored is None or preprocessing["normalisation"] is None or given != wanted:
        raise EmgDistillError(
            f"stored preprocessing is not one of {protocol.name}: (sfreq, length, hop) {given}, required {wanted}, "
            "with a filter and a normalisation"
        )
    return dsp.Filter(np.asarray(stored["sos"], np.float64), protocol.sfreq)  # type: ignore[no-any-return]


def _scaler(
    dsp: Any,  # noqa: ANN401  a module
    train: NDArray[np.float32],
    preprocessing: Mapping[str, Any] | None,
) -> emg_dsp.Standardizer:
    """Return the stored channel statistics, or those of the training windows."""
    if preprocessing is None:
        return dsp.Standardizer.fit(train)  # type: ignore[no-any-return]
    return dsp.Standardizer.from_dict(preprocessing["normalisation"])  # type: ignore[no-any-return]


def _cut(dataset: emg_io.Dataset, spans: Any, protocol: Protocol, band_pass: emg_dsp.Filter, dsp: Any) -> _Pieces:  # noqa: ANN401  emg-io spans, a module
    """Return all windows of the recordings of one part, filtered and not yet normalised."""
    pieces = _Pieces()
    classes = {value: index for index, value in enumerate(protocol.classes)}
    for span in spans:
        recording = dataset[span.recording].resample(protocol.sfreq, method="hold")
        signal = band_pass(recording.signal())
        for start, stop, value in recording.segments("label"):
            if value in protocol.excluded:
                continue
            if value not in classes:
                raise EmgDistillError(
                    f"{recording.source}, sample {start}: label {value} is neither a class {protocol.classes} nor "
                    f"excluded {protocol.excluded} in {protocol.name}; relabel it or write a protocol that names it"
                )
            if stop - start >= protocol.length:
                view = dsp.windows(signal[:, start:stop], protocol.length, protocol.hop)
                pieces.add(np.ascontiguousarray(view, np.float32), classes[value], recording.subject)
    return pieces


def _window_set(piece: _Pieces, scaler: emg_dsp.Standardizer) -> WindowSet:
    x = scaler.transform(np.concatenate(piece.x)).astype(np.float32, copy=False)
    return WindowSet(x, np.concatenate(piece.y), np.array(piece.subject))


def _describe(
    protocol: Protocol, recording: emg_io.Recording, band_pass: emg_dsp.Filter, scaler: emg_dsp.Standardizer
) -> dict[str, Any]:
    """Return the signal path as JSON, in the form that model folders and ONNX files carry."""
    return {
        "sfreq": protocol.sfreq,
        "unit": recording.unit,
        "channels": [f"emg{index + 1}" for index in range(recording.n_chans)],
        "resample": {"method": "hold", "sfreq": protocol.sfreq},
        "filter": {"kind": "sos", "causal": True, "sos": band_pass.sos.tolist()},
        "normalisation": scaler.to_dict(),
        "window": {"length": protocol.length, "hop": protocol.hop, "unit": "samples"},
    }
