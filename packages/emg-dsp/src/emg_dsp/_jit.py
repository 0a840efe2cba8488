"""Compiles a kernel at its first call, so that importing the package compiles nothing and does not import numba."""

from collections.abc import Callable
from typing import Any


class Kernel:
    """A plain Python loop, compiled by numba for a fixed list of array types when it is first called.

    Fixed signatures keep the number of machine-code versions small: ``Array(float32, 2, 'A', True)`` (any strides,
    read-only) accepts contiguous, strided and read-only memory alike. The machine code is cached on disk beside the
    source, in ``NUMBA_CACHE_DIR`` or in the user's cache folder; where none of them can be written, each process
    compiles for itself. ``NUMBA_DISABLE_JIT=1`` runs the Python body instead.

    Sums may be split over vector lanes where ``reassociate`` is true: the value of a sum then depends on its length,
    never on what else is computed in the same call.
    """

    def __init__(self, body: Callable[..., Any], signatures: tuple[str, ...], *, reassociate: bool = False) -> None:
        self._body = body
        self._signatures = list(signatures)
        self._fastmath: set[str] = {"reassoc", "nsz"} if reassociate else set()
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *arrays: Any) -> Any:  # noqa: ANN401  kernels are untyped by nature, their wrappers are typed
        """Run the kernel, compiling it first if this is the first call in the process."""
        return self.compile()(*arrays)

    def compile(self) -> Callable[..., Any]:
        """Compile, or load from the cache, every signature; return the compiled function."""
        if self._compiled is None:
            try:
                self._compiled = self._build(cache=True)
            except RuntimeError as error:
                if "cannot cache" not in str(error):
                    raise
                self._compiled = self._build(cache=False)
        return self._compiled

    def _build(self, *, cache: bool) -> Callable[..., Any]:
        from numba import njit

        compiler = njit(self._signatures, cache=cache, nogil=True, error_model="numpy", fastmath=self._fastmath)
        return compiler(self._body)


def kernel(*signatures: str, reassociate: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorate a kernel body with the numba signatures it is compiled for."""
    return lambda body: Kernel(body, signatures, reassociate=reassociate)
