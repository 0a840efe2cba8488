"""Pays for compilation at a moment of the caller's choice."""

from importlib import import_module

from ._errors import EmgDspError
from ._jit import Kernel

KERNEL_MODULES = (
    "_envelopes.energies",
    "_envelopes.moving_sums",
    "_features.ar_burg",
    "_features.entropy_fuzzy",
    "_features.entropy_matches",
    "_features.event_counts",
    "_features.ordered",
    "_features.peaks",
    "_features.ring_distances",
    "_features.spectral_kernels",
    "_features.threshold_counts",
    "_features.wavelet_kernels",
    "_features.weighted",
    "_features.window_sums",
    "_filters.biquad",
    "_filters.round_trip",
    "_filters.single",
    "_grids.mixing",
    "_grids.moves",
    "_onsets.pairs",
    "_resampling.polyphase",
    "_scaling.affine",
    "_spectra.frame_kernels",
    "_windows.votes",
)
"""Every module that holds kernels; they import numba, so they are named here and imported only when asked for."""


_ALSO = {"features": ("spectra",), "onsets": ("envelopes", "filters"), "envelopes": ("filters",)}
"""Rooms whose work runs kernels of other rooms."""


def warmup(*rooms: str) -> None:
    """Compile kernels, or load them from the cache on disk.

    Takes up to a minute the first time on a machine and about a second later. Call it before the first sample
    of a live signal arrives, and before worker processes are started, so that they find the cache filled.

    Parameters
    ----------
    *rooms : str
        Parts of the package to prepare, of "envelopes", "features", "filters", "grids", "onsets", "resampling",
        "scaling", "spectra" and "windows", with what each needs of the others; by default all.

    Raises
    ------
    EmgDspError
        If a room is unknown.

    Examples
    --------
    >>> import emg_dsp
    >>> emg_dsp.warmup("filters", "windows")
    """
    known = {_room(name) for name in KERNEL_MODULES}
    unknown = sorted(set(rooms) - known)
    if unknown:
        raise EmgDspError(f"unknown rooms {', '.join(unknown)}; required are some of {', '.join(sorted(known))}.")
    wanted = {room for asked in rooms or known for room in (asked, *_ALSO.get(asked, ()))}
    for name in KERNEL_MODULES:
        if _room(name) in wanted:
            for value in vars(import_module(f"emg_dsp.{name}")).values():
                if isinstance(value, Kernel):
                    value.compile()


def _room(module: str) -> str:
    """Return the room that a module of kernels lies in."""
    return module.partition(".")[0].removeprefix("_")
