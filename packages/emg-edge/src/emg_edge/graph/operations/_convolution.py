"""Convolutions: channel-first as exporters write them, channel-last as integer operators read them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation, Shape, need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node

_CHUNK = 2**24  # gathered inputs held at once


def _check(x: Shape, w: Shape, node: Node) -> None:
    strides, pads, dilations = (tuple(node.attrs[key]) for key in ("strides", "pads", "dilations"))
    spatial = len(x) - 2
    need(spatial in {1, 2} and len(w) == len(x), "only 1-D and 2-D convolutions")
    need(
        len(strides) == len(dilations) == spatial and len(pads) == 2 * spatial, "strides, pads or dilations do not fit"
    )
    need(min(*strides, *dilations) >= 1 and min(pads) >= 0, "strides and dilations must be >= 1, pads >= 0")
    need(node.attrs["group"] >= 1, "groups must be >= 1")


def _conv_shape(shapes: list[Shape], node: Node) -> Shape:
    x, w = shapes[0], shapes[1]
    _check(x, w, node)
    strides, pads, dilations, group = (node.attrs[key] for key in ("strides", "pads", "dilations", "group"))
    need(x[1] == w[1] * group and w[0] % group == 0, "channels do not fit the groups")
    need(len(shapes) == 2 or shapes[2] == (w[0],), "bias does not fit")
    spatial = len(x) - 2
    out = [
        (x[i + 2] + pads[i] + pads[i + spatial] - dilations[i] * (w[i + 2] - 1) - 1) // strides[i] + 1
        for i in range(spatial)
    ]
    return (x[0], w[0], *out)


def _conv(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Convolve ``(n, batch, Cin, *spatial)`` with ``(Cout, Cin / group, *kernel)``."""
    x, w = arrays[0].reshape(-1, *arrays[0].shape[2:]), arrays[1][0]
    spatial, pads = w.ndim - 2, tuple(node.attrs["pads"])
    image, kernel = (a if spatial == 2 else a[:, :, None] for a in (x, w))
    lead: tuple[int, ...] = () if spatial == 2 else (1,)
    corners = pads if spatial == 2 else (0, pads[0], 0, pads[1])
    geometry = {
        "strides": (*lead, *node.attrs["strides"]),
        "dilations": (*lead, *node.attrs["dilations"]),
        "pads": corners,
        "group": node.attrs["group"],
    }
    y = convolve(image.transpose(0, 2, 3, 1), kernel.transpose(0, 2, 3, 1), geometry).transpose(0, 3, 1, 2)
    y = y if spatial == 2 else y[:, :, 0]
    y = y.reshape(*arrays[0].shape[:2], *y.shape[1:])
    result: NDArray[Any] = y + arrays[2][0].reshape(-1, *(1,) * spatial) if len(arrays) > 2 else y
    return result


def convolve(x: NDArray[Any], w: NDArray[Any], geometry: dict[str, Any]) -> NDArray[Any]:
    """Convolve channel-last ``(n, H, W, Cin)`` with ``(Cout, R, S, Cin / group)`` by gathering windows."""
    top, left, bottom, right = geometry["pads"]
    (down, across), (dy, dx), group = geometry["strides"], geometry["dilations"], geometry["group"]
    outputs, rows, columns, width = w.shape
    weight = w.reshape(group, outputs // group, rows * columns * width).swapaxes(1, 2)
    height, breadth = x.shape[1] + top + bottom - (rows - 1) * dy, x.shape[2] + left + right - (columns - 1) * dx
    batch = max(1, _CHUNK // (height * breadth * rows * columns * x.shape[3]))
    parts = []
    for start in range(0, len(x), batch):
        padded = np.pad(x[start : start + batch], ((0, 0), (top, bottom), (left, right), (0, 0)))
        taps = [
            padded[:, r * dy : r * dy + height : down, s * dx : s * dx + breadth : across]
            for r in range(rows)
            for s in range(columns)
        ]
        grouped = np.stack([tap.reshape(*tap.shape[:3], group, width) for tap in taps], 4)
        n, i, j = grouped.shape[:3]
        patches = grouped.reshape(n * i * j, group, rows * columns * width).swapaxes(0, 1)
        parts.append((patches @ weight).swapaxes(0, 1).reshape(n, i, j, outputs))
    return np.concatenate(parts)


def _transposed_shape(shapes: list[Shape], node: Node) -> Shape:
    x, w = shapes[0], shapes[1]
    _check(x, w, node)
    extra, group, spatial = node.attrs["output_padding"], node.attrs["group"], len(x) - 2
    need(len(extra) == spatial and min(extra) >= 0, "output_padding does not fit")
    need(x[1] == w[0] and w[0] % group == 0, "channels do not fit the groups")
    need(len(shapes) == 2 or shapes[2] == (w[1] * group,), "bias does not fit")
    strides, pads, dilations = (node.attrs[key] for key in ("strides", "pads", "dilations"))
    out = [
        (x[i + 2] - 1) * strides[i] + (w[i + 2] - 1) * dilations[i] + 1 + extra[i] - pads[i] - pads[i + spatial]
        for i in range(spatial)
    ]
    return (x[0], w[1] * group, *out)


def _transposed(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Scatter ``(n, batch, Cin, *spatial)`` through ``(Cin, Cout / group, *kernel)``, one tap at a time."""
    x, w = arrays[0].reshape(-1, *arrays[0].shape[2:]), arrays[1][0]
    strides, pads, dilations, group = (node.attrs[key] for key in ("strides", "pads", "dilations", "group"))
    spatial, count = w.ndim - 2, w.shape[1] * group
    full = [
        (x.shape[2 + i] - 1) * strides[i] + (w.shape[2 + i] - 1) * dilations[i] + 1 + node.attrs["output_padding"][i]
        for i in range(spatial)
    ]
    y = np.zeros((len(x), count, *full), x.dtype)
    parts = x.reshape(len(x), group, -1, prod(x.shape[2:]))
    for tap in np.ndindex(*w.shape[2:]):
        kernel = w[(slice(None), slice(None), *tap)].reshape(group, -1, w.shape[1])
        value = (kernel.swapaxes(1, 2) @ parts).reshape(len(x), count, *x.shape[2:])
        place = tuple(
            slice(tap[i] * dilations[i], tap[i] * dilations[i] + (x.shape[2 + i] - 1) * strides[i] + 1, strides[i])
            for i in range(spatial)
        )
        y[(slice(None), slice(None), *place)] += value
    cropped = y[(slice(None), slice(None), *(slice(pads[i], full[i] - pads[i + spatial]) for i in range(spatial)))]
    result: NDArray[Any] = cropped.reshape(*arrays[0].shape[:2], *cropped.shape[1:])
    return result + arrays[2][0].reshape(-1, *(1,) * spatial) if len(arrays) > 2 else result


def _canonical_shape(shapes: list[Shape], node: Node) -> Shape:
    x, w, b = shapes
    shape, size, group = tuple(node.attrs["shape"]), node.attrs["size"], node.attrs["group"]
    strides, pads, dilations = (node.attrs[key] for key in ("strides", "pads", "dilations"))
    need(len(w) == 4 and b == w[:1] and prod(x) == prod(size) * w[3] * group, "input, weight and bias do not fit")
    out = [(size[i] + pads[i] + pads[i + 2] - dilations[i] * (w[1 + i] - 1) - 1) // strides[i] + 1 for i in range(2)]
    need(min(out) >= 1 and prod(shape) == prod(out) * w[0], f"{out} pixels of {w[0]} do not fill {shape}")
    return shape


def _canonical(node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    x, w, b = arrays[0], arrays[1][0], arrays[2][0]
    image = x.reshape(len(x), *node.attrs["size"], w.shape[3] * node.attrs["group"])
    y: NDArray[Any] = (convolve(image, w, dict(node.attrs)) + b).reshape(len(x), *node.attrs["shape"])
    body = node.attrs.get("body")
    if body is None:
        return y
    from emg_edge.graph._float import apply_body

    return apply_body(body, y)


OPERATIONS = {
    "Conv": Operation(group="product", shape=_conv_shape, run=_conv),
    "ConvTranspose": Operation(group="product", shape=_transposed_shape, run=_transposed),
    "conv": Operation(group="canonical", shape=_canonical_shape, run=_canonical),
}
