"""Moves squares of samples between rows and lanes, transposed in registers. Imported at first use: it imports numba.

Written as `vectors` is, and with the same caveat about numba's cache.
"""

from typing import Any

import numpy as np
from numba import config

from .vectors import LANES

if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def gather(x: Any, row: int, at: int, lanes: int, tile: Any, j: int) -> None:  # noqa: ANN401
        """Write the square of ``LANES`` samples of ``lanes`` rows at ``x[row, at]`` to ``tile[j]``, transposed.

        Lanes beyond ``lanes`` repeat the last row.
        """
        rows = np.minimum(np.arange(LANES), lanes - 1) + row
        tile[j : j + LANES * LANES] = x[rows, at : at + LANES].T.ravel()

    def scatter(tile: Any, j: int, out: Any, row: int, at: int, lanes: int, spare: Any) -> None:  # noqa: ANN401
        """Write the square at ``tile[j]`` back to ``out[row, at]``; lanes beyond ``lanes`` go to ``spare``."""
        square = tile[j : j + LANES * LANES].reshape(LANES, LANES).T.astype(out.dtype)
        out[row : row + lanes, at : at + LANES] = square[:lanes]
        spare[:] = square[-1]

else:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    from .vectors import at_index, order

    _LONG, _DOUBLE = ir.IntType(64), ir.DoubleType()
    _ROWS = ir.VectorType(_DOUBLE, LANES)

    @intrinsic
    def gather(context: Any, x: Any, row: Any, at: Any, lanes: Any, tile: Any, j: Any) -> Any:  # noqa: ANN401, ARG001
        """Write the square of ``LANES`` samples of ``lanes`` rows at ``x[row, at]`` to ``tile[j]``, transposed.

        Lanes beyond ``lanes`` repeat the last row.
        """

        def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            kinds, (matrix, row, at, lanes, tile, j) = signature.args, arguments
            last = builder.sub(lanes, _LONG(1))
            read = []
            for k in range(LANES):
                within = builder.select(builder.icmp_signed("<", last, _LONG(k)), last, _LONG(k))
                place = _place(target, builder, kinds[0], matrix, builder.add(row, within), at)
                read.append(builder.load(place, align=4))
            write = at_index(target, builder, kinds[4], tile, j, _ROWS)
            for k, values in enumerate(_transposed(builder, read)):
                builder.store(_cast(builder, values, _DOUBLE), builder.gep(write, [_LONG(k)]), align=8)
            return target.get_dummy_value()

        number = types.intp
        return types.void(x, number, number, number, tile, number), build

    @intrinsic
    def scatter(
        context: Any,  # noqa: ANN401, ARG001
        tile: Any,  # noqa: ANN401
        j: Any,  # noqa: ANN401, ARG001
        out: Any,  # noqa: ANN401
        row: Any,  # noqa: ANN401, ARG001
        at: Any,  # noqa: ANN401, ARG001
        lanes: Any,  # noqa: ANN401, ARG001
        spare: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Write the square at ``tile[j]`` back to ``out[row, at]``; lanes beyond ``lanes`` go to ``spare``."""

        def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            kinds, (tile, j, matrix, row, at, lanes, spare) = signature.args, arguments
            kind = target.get_data_type(kinds[2].dtype)
            read = at_index(target, builder, kinds[0], tile, j, _ROWS)
            rows = [builder.load(builder.gep(read, [_LONG(k)]), align=8) for k in range(LANES)]
            rows = _transposed(builder, [_cast(builder, values, kind) for values in rows])
            aside = at_index(target, builder, kinds[6], spare, _LONG(0), ir.VectorType(kind, LANES))
            for k, values in enumerate(rows):
                place = _place(target, builder, kinds[2], matrix, builder.add(row, _LONG(k)), at)
                wanted = builder.icmp_signed("<", _LONG(k), lanes)
                builder.store(values, builder.select(wanted, place, aside), align=4)
            return target.get_dummy_value()

        number = types.intp
        return types.void(tile, number, out, number, number, number, spare), build

    def _place(context: Any, builder: Any, kind: Any, matrix: Any, row: Any, at: Any) -> Any:  # noqa: ANN401
        """Return a pointer to the vector that begins at ``matrix[row, at]``."""
        shape = context.make_array(kind)(context, builder, matrix).shape
        columns = cgutils.unpack_tuple(builder, shape)[1]  # type: ignore[no-untyped-call]
        vector = ir.VectorType(context.get_data_type(kind.dtype), LANES)
        return at_index(context, builder, kind, matrix, builder.add(builder.mul(row, columns), at), vector)

    def _cast(builder: Any, values: Any, kind: Any) -> Any:  # noqa: ANN401
        """Return the vector in float32 or float64."""
        if values.type.element == kind:
            return values
        change = builder.fptrunc if kind == ir.FloatType() else builder.fpext
        return change(values, ir.VectorType(kind, LANES))

    def _transposed(builder: Any, rows: Any) -> Any:  # noqa: ANN401
        distance = LANES // 2
        while distance:
            _swap(builder, rows, distance)
            distance //= 2
        return rows

    def _swap(builder: Any, rows: Any, distance: int) -> None:  # noqa: ANN401
        """Swap the squares off the diagonal in every square of twice ``distance`` rows and columns."""
        columns = range(LANES)
        upper = order([j + LANES - distance if j & distance else j for j in columns])
        lower = order([j + LANES if j & distance else j + distance for j in columns])
        for i in (i for i in columns if not i & distance):
            a, b = rows[i], rows[i + distance]
            rows[i] = builder.shuffle_vector(a, b, upper)
            rows[i + distance] = builder.shuffle_vector(a, b, lower)
