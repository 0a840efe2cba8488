"""Random changes of training examples: which ones, in which order."""

from dataclasses import replace

import torch

from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import SampleDraws

from .checks import check_fit
from .gain import channel_gain, flip_sign, gain, warp_magnitude
from .grid import shift_grid
from .mains import add_mains
from .masking import drop_channels, mask_time
from .motion import add_motion
from .noise import add_noise, add_noise_share
from .ring import rotate, slip
from .time import misalign, shift_time, warp_time


def augment(batch: Batch, recipe: AugmentRecipe, draws: SampleDraws, sfreq: float) -> Batch:
    """Return a batch with changed copies of its examples.

    Parameters
    ----------
    batch
        Its x is (batch, channels, time), or images (batch, rows, cols) when `recipe.grid_shift` is set; normalised, 0
        where `channel_mask` and `x_lengths` say that there is nothing.
    recipe
        Which changes, and how strong. A recipe of zeros returns `batch` itself.
    draws
        Numbers of the examples. What is off draws nothing, and draws of one change do not depend on the others.
    sfreq
        Rate of the windows in Hz, ``> 0``.

    Returns
    -------
    Batch
        A row depends on its own draws and values alone, bit for bit: not on the batch around it. Shapes stay;
        `x_lengths` shrinks under `misalign`. What is not there stays 0.

    Raises
    ------
    EmgDistillError
        When a change does not suit the examples, their targets or their rate.

    Notes
    -----
    Order: electrodes (rotation, slip, grid), time (misalignment, shift, warp), factors (gain, channel gain, sign,
    magnitude warp), additions (mains, motion, noise), zeros (channels, spans of time). Frame masks and SpecAugment act
    inside a model: `span_masks`, `masked_spectrograms`.
    """
    if not recipe.p:
        return batch
    check_fit(batch, recipe, sfreq)
    x = _move_electrodes(batch.x, batch, recipe, draws)
    x, lengths = _move_time(x, batch.x_lengths, recipe, draws, sfreq)
    x = _multiply(x, recipe, draws)
    x = _add(x, replace(batch, x_lengths=lengths), recipe, draws, sfreq)
    if recipe.drop_channel:
        x = drop_channels(x, recipe.drop_channel, draws)
    if recipe.time_mask:
        span = max(1, round(recipe.time_mask_span * sfreq))
        x = mask_time(x, recipe.time_mask, draws, span=span, lengths=lengths)
    return batch if x is batch.x else _share(batch, replace(batch, x=x, x_lengths=lengths), recipe, draws)


def _move_electrodes(x: torch.Tensor, batch: Batch, recipe: AugmentRecipe, draws: SampleDraws) -> torch.Tensor:
    if recipe.rotate and recipe.rotate_p:
        x = rotate(x, recipe.rotate, draws, share=recipe.rotate_p, rings=recipe.rings, channel_mask=batch.channel_mask)
    if recipe.electrode_shift:
        x = slip(x, recipe.electrode_shift, draws, rings=recipe.rings, channel_mask=batch.channel_mask)
    if recipe.grid_shift:
        x = shift_grid(x, recipe.grid_shift, draws, fill=recipe.grid_fill)
    return x


def _move_time(
    x: torch.Tensor, lengths: torch.Tensor | None, recipe: AugmentRecipe, draws: SampleDraws, sfreq: float
) -> tuple[torch.Tensor, torch.Tensor | None]:
    if reach := round(recipe.misalign * sfreq):
        x, lengths = misalign(x, reach, draws, lengths=lengths)
    if recipe.shift:
        x = shift_time(x, recipe.shift, draws, lengths=lengths)
    if recipe.time_warp:
        x = warp_time(x, recipe.time_warp, draws, knots=recipe.time_warp_knots, lengths=lengths)
    return x, lengths


def _multiply(x: torch.Tensor, recipe: AugmentRecipe, draws: SampleDraws) -> torch.Tensor:
    if recipe.gain:
        x = gain(x, recipe.gain, draws)
    if recipe.channel_gain:
        x = channel_gain(x, recipe.channel_gain, draws)
    if recipe.flip:
        x = flip_sign(x, recipe.flip, draws)
    if recipe.magnitude_warp:
        x = warp_magnitude(x, recipe.magnitude_warp, draws, knots=recipe.magnitude_warp_knots)
    return x


def _add(x: torch.Tensor, batch: Batch, recipe: AugmentRecipe, draws: SampleDraws, sfreq: float) -> torch.Tensor:
    """Add what is not signal, where there is signal."""
    clean = x
    if recipe.mains and recipe.mains_p:
        freq, n, share = recipe.mains_freq, recipe.mains_harmonics, recipe.mains_p
        x = add_mains(x, recipe.mains, draws, sfreq, freq=freq, n=n, share=share)
    if recipe.motion and recipe.motion_p:
        length, bursts, share = recipe.motion_length, recipe.motion_bursts, recipe.motion_p
        x = add_motion(x, recipe.motion, draws, sfreq, length=length, bursts=bursts, share=share)
    if recipe.noise:
        x = add_noise(x, recipe.noise, draws)
    if recipe.noise_share:
        x = add_noise_share(x, recipe.noise_share, draws, lengths=batch.x_lengths)
    return x if x is clean else _silence(x, batch)


def _silence(x: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Zero the channels and samples that an example does not have."""
    if batch.channel_mask is not None:
        x = x.masked_fill(~batch.channel_mask[:, :, None], 0.0)
    if batch.x_lengths is not None:
        x = x.masked_fill((torch.arange(x.shape[2], device=x.device) >= batch.x_lengths[:, None])[:, None], 0.0)
    return x


def _share(batch: Batch, changed: Batch, recipe: AugmentRecipe, draws: SampleDraws) -> Batch:
    """Return changed examples with probability `p`, the others as they were."""
    if recipe.p == 1.0:
        return changed
    taken = torch.from_numpy(draws.uniform("p", 1) < recipe.p).to(batch.x.device)
    x = torch.where(taken[:, :, None], changed.x, batch.x)
    lengths = changed.x_lengths
    if lengths is not None:
        before = batch.x_lengths if batch.x_lengths is not None else torch.full_like(lengths, batch.x.shape[2])
        lengths = torch.where(taken[:, 0], lengths, before)
    return replace(batch, x=x, x_lengths=lengths)
