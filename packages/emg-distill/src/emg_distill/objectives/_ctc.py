"""Connectionist temporal classification: text without alignment."""

from typing import Literal

import torch
from torch.nn import functional

from emg_distill._errors import EmgDistillError

from ._rows import quiet, real_steps, wide

CtcReduction = Literal["mean", "sum"]


def ctc(
    prediction: torch.Tensor,
    target: torch.Tensor,
    input_lengths: torch.Tensor | None = None,
    target_lengths: torch.Tensor | None = None,
    *,
    reduction: CtcReduction = "mean",
    zero_infinity: bool = False,
) -> torch.Tensor:
    r"""Negative log-likelihood of the symbols, summed over all alignments.

    .. math:: L = -\frac{1}{B}\sum_b \frac{1}{S_b} \log \sum_{a \in \mathcal{A}(y_b)} \prod_{f < F_b} p_{b, f, a_f}

    where A(y) holds the paths that give y when repeats are merged and blanks dropped, and S is the number of symbols
    (1 for an empty text) or, with ``reduction="sum"``, 1.

    Parameters
    ----------
    prediction
        Log-probabilities, tensor of shape (batch, frames, symbols + 1), normalised over the last axis; the blank is
        last. The gradient is exact through the log-softmax that made them.
    target
        Integer tensor of shape (batch, longest), values in ``[0, symbols)``; behind a row's end anything may stand.
    input_lengths
        Frames of each row, integer tensor (batch,); frames beyond are inert, NaN included. None: all frames.
    target_lengths
        Symbols of each row, integer tensor (batch,). None: all symbols.
    reduction
        ``"mean"``: per symbol of the row's text, as ``torch.nn.CTCLoss`` does. ``"sum"``: per row.
    zero_infinity
        What happens to a row whose text does not fit into its frames: False, the loss is infinite; True, the row
        counts as 0 and has no gradient.

    Returns
    -------
    Tensor of shape ()
        In nats, ``>= 0``.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit, or a symbol is outside of the alphabet.

    References
    ----------
    Graves et al., Connectionist Temporal Classification, ICML 2006, equations 3 and 8.
    """
    return ctc_rows(prediction, target, input_lengths, target_lengths, reduction, zero_infinity).mean()


def ctc_rows(
    prediction: torch.Tensor,
    target: torch.Tensor,
    input_lengths: torch.Tensor | None,
    target_lengths: torch.Tensor | None,
    reduction: CtcReduction,
    zero_infinity: bool,
) -> torch.Tensor:
    """Return the loss of each row, shape (batch,); arguments as of `ctc`."""
    if prediction.ndim != 3 or target.ndim != 2 or len(prediction) != len(target):
        raise EmgDistillError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must be "
            "(batch, frames, symbols + 1) and (batch, longest)"
        )
    frames = real_steps("input_lengths", input_lengths, prediction)
    written = real_steps("target_lengths", target_lengths, target)
    symbols = quiet(target, written)
    blank = prediction.shape[2] - 1
    _check_symbols(symbols, blank)
    loss = functional.ctc_loss(
        quiet(wide(prediction), frames).transpose(0, 1),
        symbols,
        _lengths(input_lengths, prediction),
        _lengths(target_lengths, target),
        blank=blank,
        reduction="none",
        zero_infinity=zero_infinity,
    )
    if reduction == "sum":
        return loss
    return loss / _lengths(target_lengths, target).clamp(min=1).to(loss)


def _lengths(lengths: torch.Tensor | None, full: torch.Tensor) -> torch.Tensor:
    """Return lengths, the full ones where none are given."""
    if lengths is None:
        return torch.full((len(full),), full.shape[1], dtype=torch.int64, device=full.device)
    return lengths.long()


def _check_symbols(symbols: torch.Tensor, blank: int) -> None:
    """Raise when a symbol is none of the alphabet."""
    wrong = (symbols < 0) | (symbols >= blank)
    if bool(wrong.any()):
        raise EmgDistillError(
            f"target holds symbol {int(symbols[wrong][0])}: {blank} symbols, 0 to {blank - 1}, come before the blank; "
            "give target_lengths where rows are padded"
        )
