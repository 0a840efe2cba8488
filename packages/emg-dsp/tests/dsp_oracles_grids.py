"""Slow obvious references for grids: one place, one sample, one electrode at a time; scipy where it has the same."""

import numpy as np
from scipy.interpolate import RBFInterpolator, RegularGridInterpolator

import emg_dsp

GRIDS = {name: emg_dsp.Grid.named(name) for name in emg_dsp.grid_names()} | {
    "ring": emg_dsp.Grid.ring(8),
    "bands": emg_dsp.Grid.ring(8, bands=3),
    "rings": emg_dsp.Grid.stack([emg_dsp.Grid.ring(16), emg_dsp.Grid.ring(16)]),
    "gaps": emg_dsp.Grid.custom([[5, -1, 0], [2, 3, 7]], dropped=(1, 4, 6), pitch_mm=(4.0, 9.0), along="cols"),
}

MASKS = {
    "LSD": [[-1], [1]],
    "TSD": [[-1, 1]],
    "LDD": [[-1], [2], [-1]],
    "TDD": [[-1, 2, -1]],
    "NDD": [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
    "IR": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "IB2": [[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]],
    "LAPLACE": [[0, -1 / 4, 0], [-1 / 4, 1, -1 / 4], [0, -1 / 4, 0]],
}
"""Spatial filters with rows along the fibres."""


def cells(grid):
    """(place in an image, channel) of every electrode."""
    table = grid.map
    return [(place, int(table[place])) for place in np.ndindex(table.shape) if table[place] >= 0]


def image(grid, x, frames=False, fill=np.nan):
    """Images of x (..., channels, time), place by place."""
    out = np.full((*x.shape[:-2], *grid.shape, x.shape[-1]), fill)
    for place, channel in cells(grid):
        out[(..., *place, slice(None))] = x[..., channel, :]
    return np.moveaxis(out, -1, -1 - len(grid.shape)) if frames else out


def filtered(table, x, mask, closed):
    """One sheet (rows, cols, time) filtered with a mask (rows, cols); NaN where the mask is not whole."""
    rows, cols = table.shape
    height, width = np.shape(mask)
    out = np.full((rows, cols, x.shape[-1]), np.nan)
    for r, c in np.ndindex(rows, cols):
        total = np.zeros(x.shape[-1])
        for i, j in np.ndindex(height, width):
            if mask[i][j] == 0:
                continue
            at = [r + i - (height - 1) // 2, c + j - (width - 1) // 2]
            for axis, n in enumerate((rows, cols)):
                at[axis] = at[axis] % n if closed == ("rows", "cols")[axis] else at[axis]
            inside = 0 <= at[0] < rows and 0 <= at[1] < cols and table[at[0], at[1]] >= 0
            total = total + (mask[i][j] * x[table[at[0], at[1]]] if inside else np.nan)
        out[r, c] = total
    return out


def median(grid, x):
    """3 x 3 medians: the border counts again, closed axes go round, missing neighbours count as the centre."""
    out = x.copy()
    for sheet in grid.sheets:
        table = np.array(sheet)
        rows, cols = table.shape
        for r, c in np.ndindex(rows, cols):
            if table[r, c] < 0:
                continue
            values = []
            for i in (r - 1, r, r + 1):
                for j in (c - 1, c, c + 1):
                    row = i % rows if grid.closed == "rows" else min(max(i, 0), rows - 1)
                    col = j % cols if grid.closed == "cols" else min(max(j, 0), cols - 1)
                    values.append(x[table[row, col] if table[row, col] >= 0 else table[r, c]])
            out[table[r, c]] = np.median(values, axis=0)
    return out


def spline(points, values, at):
    """Thin-plate spline with a plane through values (n, time) at points (n, 2), evaluated at (m, 2)."""
    return RBFInterpolator(points, values, kernel="thin_plate_spline", degree=1)(at)


def bilinear(values, at):
    """Values (rows, cols, time) at places (m, 2), in electrodes."""
    rows, cols = values.shape[:2]
    return RegularGridInterpolator((np.arange(rows), np.arange(cols)), values)(at)


def plane(grid, slope_rows, slope_cols, level):
    """A field that is a plane over a flat grid in its own distances: (n_chans, 1)."""
    step = grid.pitch_mm if None not in grid.pitch_mm else (1.0, 1.0)
    x = np.zeros((grid.n_chans, 1))
    for place, channel in cells(grid):
        x[channel] = level + slope_rows * step[0] * place[-2] + slope_cols * step[1] * place[-1]
    return x
