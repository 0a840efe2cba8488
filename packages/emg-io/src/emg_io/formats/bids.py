"""EMG-BIDS: EDF or BDF files in ``sub-<label>/[ses-<label>/]emg``, with tables and JSON files that say the rest.

``run`` is the recording's repetition; ``acq`` and ``recording`` follow the task's name where a file has them.
Source: Brain Imaging Data Structure 1.11, electromyography.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._source import Annotations, Aux, Header, RandomAccess

from ._bids_channels import Channels, read_channels
from ._bids_events import EventRow, annotated, event_rows, label_values, overlaps
from ._bids_layout import electrodes_of, layout_of
from ._bids_names import BidsName, Sidecars, data_files, data_name
from ._bids_table import read_json, read_table
from ._edf_pick import grouped, pick
from ._edf_source import EdfFile
from ._format import Format, FormatInfo, forger
from .edf import make_recording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io._recording import Recording

_RATE = 1e-3
_DESCRIBED = ("Name", "BIDSVersion", "License", "Authors", "HowToAcknowledge", "DatasetDOI")
_SYSTEM = "EMGCoordinateSystem"  # older data sets name several systems in one file


@dataclass(frozen=True)
class BidsFile(RandomAccess):
    """One recording: its file, its table of events, the numbers of the data set's labels, and what JSON says."""

    edf: EdfFile
    events: Member | None
    sfreq: float = field(compare=False)
    labels: Mapping[str, int] = field(compare=False, repr=False)
    remarks: Mapping[str, object] = field(compare=False, repr=False)

    def scan(self) -> Header:
        """Return size, rate and remarks."""
        header = self.edf.scan()
        return replace(header, sfreq=self.sfreq, metadata={**header.metadata, **self.remarks})

    def samples(self, start: int, stop: int) -> NDArray[np.integer]:
        """Read digital values, (channels, stop - start); only the records that hold them."""
        return self.edf.samples(start, stop)

    def read_annotations(self) -> Annotations:
        """Read the events of the table and those in the file."""
        noted = self.edf.read_annotations()
        if self.events is None:
            return noted
        rows = event_rows(read_table(self.edf.container, self.events.name))
        made = annotated(rows, self.labels, self.edf.scan().n_samples, self.sfreq)
        events = tuple(sorted((*made.events, *noted.events), key=lambda event: event.onset))
        return Annotations(noted.timestamps, {} if self.edf.gaps else made.tracks, events)

    def aux(self, name: str) -> Aux:
        """Read a group of signals that are no EMG."""
        return self.edf.aux(name)

    def check(self) -> None:
        """Read everything anew."""
        self.edf.check()
        super().check()


@dataclass
class _Tree:
    """A data set being opened: its files, and JSON and tables read once."""

    container: Container
    sidecars: Sidecars
    json: dict[str, dict[str, Any]] = field(default_factory=dict)

    def merged(self, data: BidsName, root: str, suffix: str) -> dict[str, Any]:
        """Return the JSON that applies to a recording, nearer files over farther ones."""
        body: dict[str, Any] = {}
        for name in self.sidecars.about(data, root, suffix, "json"):
            body |= self.load(name.member.name)
        return body

    def load(self, name: str) -> dict[str, Any]:
        """Read a JSON file."""
        if name not in self.json:
            self.json[name] = read_json(self.container, name)
        return self.json[name]


@dataclass
class _Found:
    """One recording being opened."""

    name: BidsName
    root: str
    edf: EdfFile
    channels: Channels | None
    said: dict[str, Any]
    sfreq: float
    events: Member | None
    rows: list[EventRow]


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the recordings, and the tables and JSON files that may say something of them."""
    if not data_files(members):
        return []
    recordings = {member.name for member in data_files(members)}
    return [member for member in members if member.name in recordings or member.name.endswith((".tsv", ".json"))]


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file; headers, tables and JSON files are read, samples are not."""
    tree = _Tree(container, Sidecars.of(members))
    found = [_found(tree, member) for member in data_files(members)]
    levels: dict[str, Any] = {}
    for one in found:
        levels |= _levels(tree.merged(one.name, one.root, "events"))
    values = label_values((row for one in found for row in one.rows), levels)
    people = _participants(tree, members)
    return [_recording(tree, one, values, people) for one in found]


def _levels(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels that our own events.json states; those of others describe, and do not number."""
    value = said.get("value")
    levels = value.get("Levels") if "event_kind" in said and isinstance(value, dict) else None
    return levels if isinstance(levels, dict) else {}


def _found(tree: _Tree, member: Member) -> _Found:
    """Read what lies around one recording."""
    name, root = data_name(member, tree.container.label(member.name))
    edf = EdfFile.open(tree.container, member)
    table = tree.sidecars.nearest(name, root, "channels", tree.container)
    channels = None if table is None else read_channels(read_table(tree.container, table.member.name), edf.head)
    if channels is None:
        picked, others, how = pick(edf.head, edf.file)
        edf = edf.choose(picked, grouped(edf.head, others), f"there is no channels.tsv: {how}")
    else:
        groups = grouped(edf.head, channels.others, channels.kinds, channels.other_units)
        edf = edf.choose(channels.emg, groups, "type EMG in channels.tsv")
    said = tree.merged(name, root, "emg")
    events = tree.sidecars.nearest(name, root, "events", tree.container)
    rows = event_rows(read_table(tree.container, events.member.name)) if events else []
    return _Found(name, root, edf, channels, said, _sfreq(edf, said), events.member if events else None, rows)


def _sfreq(edf: EdfFile, said: Mapping[str, Any]) -> float:
    """Return the rate that JSON states, which is exact where the header's eight characters are not; they must agree."""
    written = edf.scan().sfreq
    stated = said.get("SamplingFrequency", written)
    if type(stated) not in {int, float} or not abs(stated / written - 1) < _RATE:
        problem, expected = "rate disagrees with the file", f"{written:g} Hz as in the header"
        raise EmgIoError(problem, file=edf.file, place="SamplingFrequency", expected=expected, found=ascii(stated))
    return float(stated)


def _recording(
    tree: _Tree, one: _Found, values: Mapping[str, int], people: Mapping[str, Mapping[str, str]]
) -> Recording:
    """Make the lazy recording of one file."""
    layout, remarks = _placed(tree, one)
    if one.channels is not None:
        remarks |= one.channels.remarks
    header = one.edf.scan()
    if overlaps(one.rows, values, header.n_samples, one.sfreq):
        remarks["labels"] = "events overlap, so that they make no label track"
    remarks |= {
        "dataset": _described(tree, one.root),
        "sidecar": one.said,
        "participant": dict(people.get(one.name.value("sub"), {})),
    }
    task = "_".join([one.name.value("task"), *(f"{k}-{v}" for k, v in one.name.entities if k in {"acq", "recording"})])
    return make_recording(
        one.edf,
        BidsFile(one.edf, one.events, one.sfreq, values, remarks),
        layout,
        one.name.value("sub"),
        one.name.value("ses"),
        task,
        int(one.name.value("run")) if one.name.value("run") else None,
        one.channels.names if one.channels else (),
        one.channels.units if one.channels else None,
    )


def _placed(tree: _Tree, one: _Found) -> tuple[Layout, dict[str, object]]:
    """Return the layout that electrode tables and coordinate systems make, and their coordinates."""
    words = one.said.get("EMGPlacementSchemeDescription")
    unplaced = (
        Layout.unplaced(len(one.edf.picked), words) if isinstance(words, str) else Layout.unplaced(len(one.edf.picked))
    )
    table = tree.sidecars.nearest(one.name, one.root, "electrodes", tree.container)
    if table is None or one.channels is None:
        return unplaced, {}
    electrodes = electrodes_of(read_table(tree.container, table.member.name), one.channels.electrodes)
    spaces: dict[str, dict[str, Any]] = {}
    for name in tree.sidecars.about(one.name, one.root, "coordsystem", "json", free="space"):
        body = tree.load(name.member.name)
        spaces[name.value("space")] = body
        spaces |= {key: system for key, system in body.items() if isinstance(system, dict) and _SYSTEM in system}
    layout, how = layout_of(electrodes, {"": next(iter(spaces.values()), {})} | spaces)
    layout = unplaced if layout.kind == "unplaced" else layout
    return layout, {"layout": how, "electrodes": [None if one is None else one._asdict() for one in electrodes]}


def _described(tree: _Tree, root: str) -> dict[str, object]:
    """Return what dataset_description.json says of licence and citation."""
    found = tree.sidecars.found.get((root.rstrip("/"), "description", "json"), [])
    body = tree.load(found[0].member.name) if found else {}
    return {key: body[key] for key in _DESCRIBED if key in body} or {"Name": "no dataset_description.json"}


def _participants(tree: _Tree, members: Sequence[Member]) -> dict[str, dict[str, str]]:
    """Return what participants.tsv says of every subject."""
    people: dict[str, dict[str, str]] = {}
    for member in members:
        if member.name == "participants.tsv" or member.name.endswith("/participants.tsv"):
            table = read_table(tree.container, member.name)
            table.require("participant_id")
            for row in table:
                key = row.text("participant_id").removeprefix("sub-")
                people[key] = {name: row.text(name) for name in table.columns if row.text(name)}
    return people


FORMAT = Format(
    info=FormatInfo(
        name="emg-bids",
        title="Brain Imaging Data Structure, electromyography",
        licence="that of the data set: see dataset_description.json",
        citation="Gorgolewski et al., Scientific Data 2016, 3:160044",
        doi="10.1038/sdata.2016.44",
        verified_on_real_files=False,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("bids"),
)
