"""Pays for compilation at a moment of the caller's choice."""

from importlib import import_module

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
    "_grids.mixing",
    "_grids.moves",
    "_onsets.pairs",
    "_resampling.polyphase",
    "_scaling.affine",
    "_spectra.frame_kernels",
    "_windows.votes",
)
"""Every module that holds kernels; they import numba, so they are named here and imported only when asked for."""


def warmup() -> None:
    """Compile every kernel, or load it from the cache on disk.

    Takes seconds the first time on a machine and some tenths of a second later. Call it before the first sample of a
    live signal arrives, and before worker processes are started, so that they find the cache filled.
    """
    for name in KERNEL_MODULES:
        for value in vars(import_module(f"emg_dsp.{name}")).values():
            if isinstance(value, Kernel):
                value.compile()
