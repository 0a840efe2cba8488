"""Models of the spectrum: autoregressive and cepstral coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import whole
from emg_dsp._errors import EmgDspError

from .feature import Feature
from .sources import PHINYOMARK

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_HIGHEST = 64


def _autoregressive(block: Block, options: Options) -> Values:
    from .ar_burg import burg

    order = int(options["order"])

    def build(block: Block) -> Values:
        out = np.empty((len(block), order))
        burg(block.samples, order, out)
        return out

    return block.product(("burg", order), build)


def _cepstral(block: Block, options: Options) -> Values:
    a = _autoregressive(block, options)
    c = np.empty_like(a)
    for n in range(a.shape[1]):
        c[:, n] = -a[:, n]
        for k in range(n):
            c[:, n] -= (k + 1) / (n + 1) * c[:, k] * a[:, n - 1 - k]
    return c


def _columns(options: Options, _: int, __: float) -> tuple[str, ...]:
    return tuple(str(k) for k in range(1, int(options["order"]) + 1))


def _check(options: Options, _: float) -> None:
    if whole(int(options["order"]), "order", 1) > _HIGHEST:
        raise EmgDspError(f"order={options['order']}; required is an order of at most {_HIGHEST}.")


FEATURES = (
    Feature(
        "AR",
        "a_1 .. a_p of x[t] + a_1 x[t-1] + .. + a_p x[t-p] = e[t] by Burg's method, mean not removed (Phinyomark's "
        "coefficients have the opposite sign); orders above L - 1, and orders after e has vanished, give 0: a zero "
        "window 0, 0, .., another flat one -1, 0, ..",
        "1",
        f"Burg, Maximum entropy spectral analysis, Stanford, 1975; {PHINYOMARK}",
        _autoregressive,
        options={"order": 4},
        columns=_columns,
        check=_check,
    ),
    Feature(
        "CC",
        "c_n = -a_n - sum over k = 1 .. n - 1 of (k / n) c_k a_(n-k), with a_n of AR: the cepstrum of 1 / A(z)",
        "1",
        "Kang, Shiu, Cheng, Lai, Tsao and Kuo, IEEE Trans. Biomed. Eng. 42(8), 1995, doi:10.1109/10.398638",
        _cepstral,
        options={"order": 4},
        columns=_columns,
        check=_check,
    ),
)
