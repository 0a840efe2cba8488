"""From a recipe's table to decoded classes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.decode import DecodeRecipe

from .alphabet import get_alphabet
from .beam import Fusion, prefix_beam_search
from .emissions import check_rows
from .greedy import greedy
from .ngram import NGram


def decode_batch(
    log_probs: ArrayLike, lengths: ArrayLike | None, recipe: DecodeRecipe, lm: NGram | None = None
) -> list[NDArray[np.int64]]:
    """Decode CTC outputs as a recipe says: greedily where its beam is 1, by prefix beam search otherwise.

    Parameters
    ----------
    log_probs
        Shape (rows, frames, classes), natural-log probabilities, the blank last.
    lengths
        Shape (rows,), frames of each row that count; None where all do.
    recipe
        Alphabet, beam and language model weights.
    lm
        Character language model, or None.

    Returns
    -------
    list of ndarray, int64
        Classes of each row.

    Raises
    ------
    EmgDistillError
        When a language model comes without a beam or an alphabet, the alphabet has another number of classes, or the
        frames are not log probabilities.
    """
    alphabet = get_alphabet(recipe.alphabet) if recipe.alphabet else None
    n_classes = check_rows(log_probs, lengths)[0].shape[-1]
    if alphabet is not None and n_classes != len(alphabet) + 1:
        raise EmgDistillError(
            f"decode.alphabet={recipe.alphabet!r} has {len(alphabet)} symbols and a blank, "
            f"the model has {n_classes} outputs: choose the alphabet that the model was trained with"
        )
    if lm is not None and recipe.beam == 1:
        raise EmgDistillError("decode.beam=1 decodes greedily and takes no language model: set decode.beam, such as 50")
    if recipe.beam == 1:
        return greedy(log_probs, lengths)
    fusion = None
    if lm is not None:
        if alphabet is None:
            raise EmgDistillError(
                "decode.alphabet='' and a language model: it must be known what the classes stand for"
            )
        fusion = Fusion(lm, alphabet, recipe.lm_weight, recipe.lm_bonus, recipe.lm_final_word)
    found = prefix_beam_search(log_probs, lengths, beam=recipe.beam, top_k=recipe.top_k, fusion=fusion)
    return [texts[0].classes for texts in found]
