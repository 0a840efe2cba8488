"""Vector arithmetic in the compiler's own terms: what a loop over lanes would say, vectorised without hope or luck.

A loop over eight or sixteen numbers is vectorised or not as the compiler sees fit, and trying takes it seconds. Here
the vectors are written down, so the code is as fast as it looks and compiles at once. Each operation has a plain body
for ``NUMBA_DISABLE_JIT=1``, which is what it means. Imported at first use: it imports numba.

numba's cache looks only at the file of the kernel itself. After an edit here, in `squares` or in `lanes` it gives out
the kernels as they were before: touch ``biquad.py``, ``round_trip.py`` and ``single.py``, or clear ``NUMBA_CACHE_DIR``.
"""

from typing import Any

from numba import config

LANES = 16
"""Rows that advance together; also the samples of a square that is transposed at once."""
DEPTH = 8
"""Sections of one row that advance together, each a sample behind the one before."""

if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def cascade(tile: Any, at: int, sos: Any, z: Any) -> None:  # noqa: ANN401
        """Send the numbers ``tile[at : at + LANES]`` through all sections; ``z`` (sections, 2, lanes) moves on."""
        v = tile[at : at + LANES]
        for (b0, b1, b2, _, a1, a2), memory in zip(sos, z, strict=True):
            y = b0 * v + memory[0]
            memory[0] = (b1 * v + memory[1]) - a1 * y
            memory[1] = b2 * v - a2 * y
            v = y
        tile[at : at + LANES] = v

    def pipeline(line: Any, start: int, step: int, count: int, sections: int, table: Any) -> None:  # noqa: ANN401
        """Send ``line[start::step][:count]`` through up to ``DEPTH`` sections, in place.

        ``table`` (7, DEPTH) holds b0, b1, b2, a1, a2 and the state z0, z1, the last section first; the state moves on.
        """
        for i in range(start, start + step * count, step):
            v = line[i]
            for s in range(sections - 1, -1, -1):
                b0, b1, b2, a1, a2, z0, z1 = table[:, s]
                y = b0 * v + z0
                table[5, s] = (b1 * v + z1) - a1 * y
                table[6, s] = b2 * v - a2 * y
                v = y
            line[i] = v

else:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    _INT, _LONG = ir.IntType(32), ir.IntType(64)
    _DOUBLE = ir.DoubleType()
    _ROWS, _DEEP = ir.VectorType(_DOUBLE, LANES), ir.VectorType(_DOUBLE, DEPTH)

    def _splat(builder: Any, number: Any, lanes: int) -> Any:  # noqa: ANN401
        """Return a vector that holds ``number`` in every lane."""
        kind = ir.VectorType(number.type, lanes)
        one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
        return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), order([0] * lanes))

    def order(lanes: Any) -> Any:  # noqa: ANN401
        return ir.Constant(ir.VectorType(_INT, len(lanes)), list(lanes))

    def at_index(context: Any, builder: Any, kind: Any, array: Any, index: Any, vector: Any) -> Any:  # noqa: ANN401
        """Return a pointer to the vector that begins at element ``index`` of a contiguous array."""
        data = context.make_array(kind)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

    def _smaller(builder: Any, a: Any, b: Any) -> Any:  # noqa: ANN401
        return builder.select(builder.icmp_signed("<", a, b), a, b)

    def _section(builder: Any, taps: Any, v: Any, z0: Any, z1: Any) -> Any:  # noqa: ANN401
        """One step of a section: the result and the state after it. No fused or reordered arithmetic."""
        b0, b1, b2, a1, a2 = taps
        y = builder.fadd(builder.fmul(b0, v), z0)
        after = builder.fsub(builder.fadd(builder.fmul(b1, v), z1), builder.fmul(a1, y))
        return y, after, builder.fsub(builder.fmul(b2, v), builder.fmul(a2, y))

    @intrinsic
    def cascade(context: Any, tile: Any, at: Any, sos: Any, z: Any) -> Any:  # noqa: ANN401, ARG001
        """Send the numbers ``tile[at : at + LANES]`` through all sections; ``z`` (sections, 2, lanes) moves on."""

        def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            kinds, size = signature.args, 8
            place = at_index(target, builder, kinds[0], arguments[0], arguments[1], _ROWS)
            shape = target.make_array(kinds[2])(target, builder, arguments[2]).shape
            count = cgutils.unpack_tuple(builder, shape)[0]  # type: ignore[no-untyped-call]
            taps_of = at_index(target, builder, kinds[2], arguments[2], _LONG(0), _DOUBLE)
            memory = at_index(target, builder, kinds[3], arguments[3], _LONG(0), _ROWS)
            given = builder.load(place, align=size)
            v = cgutils.alloca_once_value(builder, given)  # type: ignore[no-untyped-call]
            with cgutils.for_range(builder, count) as loop:
                row = builder.gep(taps_of, [builder.mul(loop.index, _LONG(6))])
                taps = [_splat(builder, builder.load(builder.gep(row, [_LONG(c)])), LANES) for c in (0, 1, 2, 4, 5)]
                first = builder.gep(memory, [builder.mul(loop.index, _LONG(2))])
                second = builder.gep(first, [_LONG(1)])
                z0, z1 = builder.load(first, align=size), builder.load(second, align=size)
                y, z0, z1 = _section(builder, taps, builder.load(v), z0, z1)
                builder.store(z0, first, align=size)
                builder.store(z1, second, align=size)
                builder.store(y, v)
            builder.store(builder.load(v), place, align=size)
            return target.get_dummy_value()

        return types.void(tile, types.intp, sos, z), build

    @intrinsic
    def pipeline(
        context: Any,  # noqa: ANN401, ARG001
        line: Any,  # noqa: ANN401
        start: Any,  # noqa: ANN401, ARG001
        step: Any,  # noqa: ANN401, ARG001
        count: Any,  # noqa: ANN401, ARG001
        sections: Any,  # noqa: ANN401, ARG001
        table: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Send ``line[start::step][:count]`` through up to ``DEPTH`` sections, in place.

        ``table`` (7, DEPTH) holds b0, b1, b2, a1, a2 and the state z0, z1, the last section first; the state moves on.
        """
        number = types.intp
        return types.void(line, number, number, number, number, table), _build_pipeline

    def _build_pipeline(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        _, start, step, count, sections, _ = arguments
        table = at_index(target, builder, signature.args[5], arguments[5], _LONG(0), _DEEP)
        rows = [builder.gep(table, [_LONG(c)]) for c in range(7)]
        taps = [builder.load(row, align=8) for row in rows[:5]]
        state = [builder.load(row, align=8) for row in rows[5:]]
        z0, z1 = (cgutils.alloca_once_value(builder, vector) for vector in state)  # type: ignore[no-untyped-call]
        none = ir.Constant(_DEEP, None)
        y = cgutils.alloca_once_value(builder, none)  # type: ignore[no-untyped-call]
        last = builder.sub(sections, _LONG(1))
        lag = builder.sub(_splat(builder, last, DEPTH), ir.Constant(ir.VectorType(_LONG, DEPTH), list(range(DEPTH))))
        until = builder.add(lag, _splat(builder, count, DEPTH))
        enters = builder.icmp_signed("==", lag, ir.Constant(ir.VectorType(_LONG, DEPTH), None))
        down = order(range(1, DEPTH + 1))

        def place(i: Any) -> Any:  # noqa: ANN401
            index = builder.add(start, builder.mul(step, i))
            return at_index(target, builder, signature.args[0], arguments[0], index, _DOUBLE)

        with cgutils.for_range(builder, builder.add(count, last)) as loop:
            now = _splat(builder, loop.index, DEPTH)
            runs = builder.and_(builder.icmp_signed("<=", lag, now), builder.icmp_signed("<", now, until))
            x = builder.load(place(_smaller(builder, loop.index, builder.sub(count, _LONG(1)))))
            before = builder.shuffle_vector(builder.load(y), none, down)
            v = builder.select(enters, _splat(builder, x, DEPTH), before)
            old0, old1 = builder.load(z0), builder.load(z1)
            result, new0, new1 = _section(builder, taps, v, old0, old1)
            builder.store(builder.select(runs, new0, old0), z0)
            builder.store(builder.select(runs, new1, old1), z1)
            builder.store(result, y)
            to = builder.sub(loop.index, _smaller(builder, loop.index, last))
            builder.store(builder.extract_element(result, _INT(0)), place(to))
        builder.store(builder.load(z0), rows[5], align=8)
        builder.store(builder.load(z1), rows[6], align=8)
        return target.get_dummy_value()
