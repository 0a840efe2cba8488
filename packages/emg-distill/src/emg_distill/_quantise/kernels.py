"""The integer operators: codes in, codes out before saturation, each the definition of what a device computes.

Codes are int64 tensors without their zero point ("centred") where a function says so. Sums of products run in float64,
where integers below 2**53 are exact in any order.
"""

import math

import torch
from torch import Tensor

from .integers import isqrt, multiplier, power, rescale, rounding_shift

BIAS_LIMIT = 2.0**29
FRACTION = 12  # bits behind the point of a normalised value
INDEX_STEP = math.log(510.0) / 255.0  # nat per entry of the exponential table; the last is where 255 exp(-x) is 1/2


def weight_scales(weight: Tensor, bias: Tensor, x_scale: Tensor) -> Tensor:
    """Return float64 ``(N,)``: one step per output channel, such that int8 holds the weights and 30 bits the bias.

    Parameters
    ----------
    weight
        float32 ``(N, ...)``.
    bias
        float32 ``(N,)``.
    x_scale
        float64 scalar: step of the layer's input.
    """
    peak = weight.detach().double().flatten(1).abs().amax(1) / 127.0
    floor = bias.detach().double().abs() / (x_scale * BIAS_LIMIT)
    scale = torch.maximum(peak, floor).clamp_min(1e-30)
    return scale.float().double()  # as a file stores it


def weight_codes(weight: Tensor, scale: Tensor) -> Tensor:
    """Return float64 whole numbers in [-127, 127]: weights ``(N, ...)`` in steps of their channel."""
    steps = weight.detach().double() / scale.view(-1, *[1] * (weight.ndim - 1))
    return steps.round().clamp(-127, 127)


def bias_codes(bias: Tensor, x_scale: Tensor, scale: Tensor) -> Tensor:
    """Return int64 ``(N,)``: the bias at ``x_scale * scale``."""
    return (bias.detach().double() / (x_scale * scale)).round().long()


def requantise(centred: Tensor, scale: Tensor, out_scale: Tensor) -> Tensor:
    """Return centred codes at another scale."""
    mul, shift = multiplier(scale / out_scale)
    return rescale(centred, mul, shift)


def add(a: Tensor, b: Tensor, scales: tuple[Tensor, Tensor], out_scale: Tensor) -> Tensor:
    """Return the sum of two centred tensors of different scales, rounded once."""
    mul, shift = multiplier(torch.stack([scales[0] / out_scale, scales[1] / out_scale]))
    return rounding_shift(a * mul[0] + b * mul[1], shift)


def add_constant(centred: Tensor, value: Tensor, scale: Tensor, out_scale: Tensor) -> Tensor:
    """Return centred codes plus a real constant that broadcasts, rounded once."""
    steps = value.detach().double() / out_scale
    factor = scale / out_scale
    _, widest = multiplier(factor)
    room = 30.0 - steps.abs().max().clamp_min(1e-9).log2()
    shift = torch.minimum(widest.double(), room.floor()).clamp_min(1.0).long()
    grain = power(shift)
    mul, stored = (factor * grain).round().long(), (steps * grain).round().long()
    return rounding_shift(centred * mul + stored, shift)


def mean(centred: Tensor, dims: tuple[int, ...], scale: Tensor, out_scale: Tensor) -> Tensor:
    """Return the mean over some axes, which go."""
    count = math.prod(centred.shape[dim] for dim in dims)
    mul, shift = multiplier(scale / (out_scale * count))
    return rescale(centred.sum(dims), mul, shift)


def layer_norm(codes: Tensor, gamma: Tensor, beta: Tensor, eps: float, scale: Tensor, out_scale: Tensor) -> Tensor:
    """Return normalised rows times gamma plus beta in output steps: exact mean and variance, two divisions per row.

    Parameters
    ----------
    codes
        int64 ``(..., D)``; a zero point cancels.
    gamma, beta
        float32 ``(D,)``.
    eps
        Added to the real variance.
    scale, out_scale
        Steps of input and output.
    """
    width = codes.shape[-1]
    centred = width * codes - codes.sum(-1, keepdim=True)
    stored = torch.tensor(eps, dtype=torch.float32, device=codes.device).double()  # as a file stores it
    units = (stored * width**2 / scale**2).round().long()
    std = isqrt((centred * centred).sum(-1, keepdim=True) // width + units).clamp_min(1)
    bits = torch.frexp(std.double()).exponent.long()
    mantissa = torch.where(bits < 16, std << (16 - bits).clamp_min(0), std >> (bits - 16).clamp_min(0))
    normal = rounding_shift(centred * (2**31 // mantissa), bits + 3)
    gain, offset = (part.detach().double() / out_scale for part in (gamma, beta))
    room = [b - part.abs().max().clamp_min(1e-30).log2() for b, part in ((30.0 + FRACTION, gain), (30.0, offset))]
    shift = torch.minimum(*room).clamp(1.0, 30.0).floor().long()
    gain, offset = (gain * (power(shift) / 2.0**FRACTION)).round().long(), (offset * power(shift)).round().long()
    return rounding_shift(normal * gain + offset, shift)


def turn(codes: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the interleaved pairs of int8 codes ``(..., N, d)`` by Q15 tables ``(N, d/2)``, saturated."""
    c, s = ((t.detach().double() * 32768.0).round().clamp(-32768, 32767).long() for t in (cos, sin))
    a, b = codes[..., 0::2], codes[..., 1::2]
    fifteen = torch.tensor(15, device=codes.device)
    turned = [rounding_shift(a * c - b * s, fifteen), rounding_shift(a * s + b * c, fifteen)]
    return torch.stack(turned, -1).flatten(-2).clamp(-128, 127)


def attention(q: Tensor, k: Tensor, v: Tensor, scales: Tensor, out_scale: Tensor) -> Tensor:
    """Return softmax attention of int8 codes ``(B, H, N, d)``: a table of exponentials, one division per row.

    Parameters
    ----------
    q, k, v
        int64 codes with zero point 0.
    scales
        float64 ``(3, H)``: steps of q, k and v by head.
    out_scale
        Step of the output.
    """
    heads, width = q.shape[1], q.shape[-1]
    table = exponentials(q.device)
    scores = (q.double() @ k.double().mT).long()
    mul, shift = multiplier(scales[0] * scales[1] * (1.0 / math.sqrt(width)) / INDEX_STEP)
    index = rescale(scores.amax(-1, keepdim=True) - scores, mul.view(heads, 1, 1), shift)
    e = table[index.clamp_max(255)]
    context, total = (e @ v.double()).long(), e.sum(-1, keepdim=True).long()
    fraction = rounding_shift(context * ((2**30 + total // 2) // total), torch.tensor(22, device=q.device))
    mul, shift = multiplier(scales[2] / out_scale / 2.0**8)
    return rescale(fraction, mul.view(heads, 1, 1), shift)


def exponentials(device: torch.device) -> Tensor:
    """Return float64 whole numbers ``(256,)``: ``round(255 exp(-INDEX_STEP i))``; the last, 0, for all farther ones."""
    table = (255.0 * torch.exp(-INDEX_STEP * torch.arange(256, dtype=torch.float64, device=device))).round()
    table[255] = 0.0
    return table
