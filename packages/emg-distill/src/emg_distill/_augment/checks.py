"""Whether a recipe's changes can be made to a batch at all."""

from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._recipe.rules import require


def check_fit(batch: Batch, recipe: AugmentRecipe, sfreq: float) -> None:
    """Raise `EmgDistillError` when a change does not suit the examples, their targets or their rate."""
    if batch.x.ndim != 3:
        raise EmgDistillError(
            f"x of shape {tuple(batch.x.shape)}: (batch, channels, time) or (batch, rows, cols) is required to augment"
        )
    if recipe.rotate or recipe.electrode_shift or recipe.misalign:
        n_chans = batch.x.shape[1]
        rule = f"{n_chans} channels do not divide into so many equal rings"
        require(n_chans % recipe.rings == 0, "augment.rings", recipe.rings, rule)
    if recipe.mains:
        rule = f"must lie below half the rate, {sfreq / 2:g} Hz"
        require(recipe.mains_freq < sfreq / 2, "augment.mains_freq", recipe.mains_freq, rule)
    if recipe.misalign and len(batch):
        shortest = batch.x.shape[2] if batch.x_lengths is None else int(batch.x_lengths.min())
        rule = f"is {round(recipe.misalign * sfreq)} samples, but an example has only {shortest}; lower it"
        require(round(recipe.misalign * sfreq) < shortest, "augment.misalign", recipe.misalign, rule)
    _check_targets(batch, recipe)


def _check_targets(batch: Batch, recipe: AugmentRecipe) -> None:
    """Refuse to move signals under targets that have instants, or symbols that have an order."""
    instants = batch.phonemes is not None or (batch.y is not None and batch.y.ndim == 3)
    symbols = batch.y is not None and batch.y.ndim == 2
    moved = {"shift": instants or symbols, "misalign": instants, "time_warp": instants}
    for key, forbidden in moved.items():
        what = "targets, which have instants of their own" if instants else "symbols, whose order would change"
        rule = f"moves the signal under its {what}; set it to 0"
        require(not (forbidden and getattr(recipe, key)), f"augment.{key}", getattr(recipe, key), rule)
