"""Electrode maps of published data sets and of grids on the market: facts alone, each with what is not verified."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._checks import among, whole
from emg_dsp._errors import EmgDspError

from .electrodes import MOST_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Fields = dict[str, Any]
"""Arguments of a `Grid`."""

_OTB_MAPS = {"GR04MM1305": 4.0, "GR08MM1305": 8.0, "GR10MM0808": 10.0}
_OTB_NO_MAP = ("GR100ML1305", "GR10MM0804", "HD04MM1305", "HD05MM0804", "HD08MM1305", "HD10MM0804", "HD10MM0808")


def capgmyo() -> Fields:
    """128 electrodes of CapgMyo: row = channel // 8 round the forearm, column = channel % 8 along it."""
    return {
        "sheets": [np.arange(128).reshape(16, 8)],
        "n_chans": 128,
        "closed": "rows",
        "along": "cols",
        "kind": "bipolar",
        "name": "capgmyo",
        "note": "Geng et al., Sci. Rep. 6:36571, 2016, doi:10.1038/srep36571, and its released code. Rows 2i and "
        "2i + 1 are one module; modules lie as far apart as the arm is thick, so the pitch is left open (7.5 mm within "
        "a module, 10.05 mm along the arm, unverified). That row 15 lies beside row 0 is unverified.",
    }


def csl() -> Fields:
    """192 stored channels of CSL-HDEMG, of which 24 are differences across a column's end and mean nothing."""
    stored = np.arange(192).reshape(24, 8)
    return {
        "sheets": [stored[:, :7]],
        "n_chans": 192,
        "dropped": stored[:, 7],
        "along": "cols",
        "kind": "bipolar",
        "name": "csl",
        "note": "Amma et al., CHI 2015, doi:10.1145/2702123.2702501; order from Geng's released code: 24 places round "
        "the forearm, 7 along it. The pitch, about 10 mm, is unverified; whether the rows close is not known.",
    }


def hyser() -> Fields:
    """256 electrodes of Hyser: four 8 x 8 grids, extensor distal, proximal, flexor distal, proximal."""
    block = 63 - np.arange(64).reshape(8, 8)
    return {
        "sheets": [block + 64 * k for k in range(4)],
        "n_chans": 256,
        "pitch_mm": (10.0, 10.0),
        "name": "hyser",
        "note": "Jiang et al., IEEE TNSRE 29:1035, 2021, doi:10.1109/TNSRE.2021.3082551. Grids: extensor distal, "
        "extensor proximal, flexor distal, flexor proximal. The order within a grid (channel 64 k + 63 - 8 row - col) "
        "is from a public loader, unverified: prefer the electrode coordinates of the BIDS re-issue, with Grid.stack.",
    }


def flexemg() -> Fields:
    """64 electrodes of the flexemg grid, 16 x 4, its halves mirrored; the file stores 32 empty columns more."""
    upper = np.arange(32).reshape(8, 4)[::-1]
    lower = 63 - np.arange(32).reshape(8, 4)
    return {
        "sheets": [np.concatenate([upper, lower])],
        "n_chans": 64,
        "kind": "monopolar",
        "name": "flexemg",
        "note": "Moin et al., IEEE ISCAS 2018, arXiv:1802.10237; equals arraymap.mat of the data set. "
        "Channels are columns 0 ... 63 of raw; 64 ... 95 are empty. Pitch and direction on the arm are not known here.",
    }


def ninapro_db1() -> Fields:
    """10 electrodes of NinaPro DB1 in channel order, as published networks take them: no geometry."""
    return {
        "sheets": [np.arange(10).reshape(1, 10)],
        "n_chans": 10,
        "kind": "bipolar",
        "name": "ninapro_db1",
        "note": "Geng's released code: a 1 x 10 image of envelopes in channel order. A band for networks, not a grid: "
        "the first eight electrodes form a ring, the last two lie elsewhere.",
    }


def otb(code: str, orientation: int = 0) -> Fields:
    """Return a grid of OT Bioelettronica by its code; orientation 180 is the grid put on the other way round."""
    if not among(code, _OTB_MAPS) or whole(orientation, "orientation", 0) not in {0, 180}:
        why = "whose map is not established" if among(code, _OTB_NO_MAP) else "which is unknown"
        reason = f"code={code!r}, {why}" if not among(code, _OTB_MAPS) else f"orientation={orientation!r}"
        raise EmgDspError(
            f"{reason}; required is one of {', '.join(_OTB_MAPS)}, and 0 or 180. Give other maps to Grid.custom."
        )
    numbers = _eight_by_eight() if code == "GR10MM0808" else _thirteen_by_five()
    cells = numbers[::-1, ::-1] if orientation else numbers
    return {
        "sheets": [cells - 1],
        "n_chans": 64,
        "pitch_mm": (_OTB_MAPS[code],) * 2,
        "kind": "monopolar",
        "name": code if orientation == 0 else f"{code}@180",
        "note": "Pin-out of OT Bioelettronica as OTBioLab+ exports number it: channel k is electrode k + 1. How it "
        "lies on the muscle depends on who puts it on.",
    }


def ring(n: int, bands: int = 1) -> Fields:
    """Return one or more bands of ``n`` electrodes that close, channel by channel round each."""
    around, count = whole(n, "n", 2, most=MOST_CHANNELS), whole(bands, "bands", 1, most=MOST_CHANNELS)
    whole(around * count, "n * bands", 2, most=MOST_CHANNELS)
    return {
        "sheets": [np.arange(around * count).reshape(count, around)],
        "n_chans": around * count,
        "closed": "cols",
        "along": "rows",
        "name": f"ring{around}" if count == 1 else f"ring{around}x{count}",
        "note": "Channels count round the limb, band after band.",
    }


def _thirteen_by_five() -> NDArray[np.int64]:
    """Electrode numbers of a 13 x 5 grid: down and up the columns from 64; the place of number 0 is empty."""
    columns = np.arange(64, -1, -1).reshape(5, 13)
    columns[1::2] = columns[1::2, ::-1]
    return columns.T


def _eight_by_eight() -> NDArray[np.int64]:
    """Electrode numbers of an 8 x 8 grid: each column upwards, columns from the right."""
    row, column = np.mgrid[0:8, 0:8]
    return np.asarray(57 - 8 * column + row)


KNOWN: dict[str, Callable[[], Fields]] = {
    "GR04MM1305": lambda: otb("GR04MM1305"),
    "GR04MM1305@180": lambda: otb("GR04MM1305", 180),
    "GR08MM1305": lambda: otb("GR08MM1305"),
    "GR08MM1305@180": lambda: otb("GR08MM1305", 180),
    "GR10MM0808": lambda: otb("GR10MM0808"),
    "GR10MM0808@180": lambda: otb("GR10MM0808", 180),
    "capgmyo": capgmyo,
    "csl": csl,
    "flexemg": flexemg,
    "hyser": hyser,
    "ninapro_db1": ninapro_db1,
}
"""Every grid that has a name, in the order of `grid_names`."""


def grid_names() -> list[str]:
    """Return the names that `Grid.named` knows, sorted."""
    return sorted(KNOWN)


def known(name: str) -> Fields:
    """Return the facts of a named grid; near names are listed where there is none."""
    if not among(name, KNOWN):
        near = difflib.get_close_matches(str(name), KNOWN, n=3, cutoff=0.3) or grid_names()
        raise EmgDspError(f"unknown grid {name!r}; near names are {', '.join(near)}; grid_names() lists all.")
    return KNOWN[name]()
