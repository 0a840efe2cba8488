"""Pays for compilation at a moment of the caller's choice."""


def warmup() -> None:
    """Compile every kernel, or load it from the cache on disk.

    Takes seconds the first time on a machine and some tenths of a second later. Call it before the first sample of a
    live signal arrives, and before worker processes are started, so that they find the cache filled.
    """
    from ._biquad import causal, zero_phase
    from ._window_sums import amplitude_sums, shape_sums

    for kernel in (causal, zero_phase, amplitude_sums, shape_sums):
        kernel.compile()
