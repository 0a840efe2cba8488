/* Primitives of the GAP9 core family (RV32IMC with XpulpV2), by .insn: the same results as the scalar ones.
 *
 * Included by emg_primitives.h alone, where the contracts stand. Compiled in a test, not run yet.
 */
#ifndef EMG_TARGET_XPULPV2_H
#define EMG_TARGET_XPULPV2_H

#ifndef __riscv
#error "EMG_XPULPV2 needs a RISC-V compiler; leave it undefined elsewhere"
#endif

/* pv.sdotsp.b: acc += the sum of four signed byte products; pv.sdotusp.b: x unsigned. */
#define EMG_SDOTSP(acc, x, w) __asm__(".insn r 0x57, 1, 0x5c, %0, %1, %2" : "+r"(acc) : "r"(x), "r"(w))
#define EMG_SDOTUSP(acc, x, w) __asm__(".insn r 0x57, 1, 0x54, %0, %1, %2" : "+r"(acc) : "r"(x), "r"(w))

/* Four bytes from any address. */
static inline int32_t emg_four(const int8_t *x)
{
    int32_t word;
    memcpy(&word, x, 4);
    return word;
}

/* p.clip. */
static inline int8_t emg_clip8(int32_t value)
{
    int32_t clipped;
    __asm__(".insn r 0x33, 1, 0x0a, %0, %1, x8" : "=r"(clipped) : "r"(value));
    return (int8_t)clipped;
}

static inline int16_t emg_clip16(int32_t value)
{
    int32_t clipped;
    __asm__(".insn r 0x33, 1, 0x0a, %0, %1, x16" : "=r"(clipped) : "r"(value));
    return (int16_t)clipped;
}

static inline int8_t emg_saturate8(int64_t value)
{
    return emg_clip8(emg_saturate32(value));
}

static inline int16_t emg_saturate16(int64_t value)
{
    return emg_clip16(emg_saturate32(value));
}

static inline int32_t emg_dot(const int8_t *x, const int8_t *w, int32_t depth)
{
    int32_t acc = 0;
    int32_t k = 0;
    for (; k + 4 <= depth; k += 4) {
        EMG_SDOTSP(acc, emg_four(x + k), emg_four(w + k));
    }
    for (; k < depth; k++) {
        acc += (int32_t)x[k] * w[k];
    }
    return acc;
}

static inline int32_t emg_dot_i16(const int16_t *x, const int8_t *w, int32_t depth)
{
    int32_t acc = 0;
    for (int32_t k = 0; k < depth; k++) {
        acc += (int32_t)x[k] * w[k];
    }
    return acc;
}

static inline void emg_dot_1x4(const int8_t *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4])
{
    const int8_t *row[4] = {w, w + stride, w + 2 * stride, w + 3 * stride};
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    int32_t k = 0;
    for (; k + 4 <= depth; k += 4) {
        int32_t value = emg_four(x + k);
        EMG_SDOTSP(a0, value, emg_four(row[0] + k));
        EMG_SDOTSP(a1, value, emg_four(row[1] + k));
        EMG_SDOTSP(a2, value, emg_four(row[2] + k));
        EMG_SDOTSP(a3, value, emg_four(row[3] + k));
    }
    acc[0] = a0 + emg_dot(x + k, row[0] + k, depth - k);
    acc[1] = a1 + emg_dot(x + k, row[1] + k, depth - k);
    acc[2] = a2 + emg_dot(x + k, row[2] + k, depth - k);
    acc[3] = a3 + emg_dot(x + k, row[3] + k, depth - k);
}

static inline void emg_dot_1x4_i16(const int16_t *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4])
{
    for (int32_t i = 0; i < 4; i++) {
        acc[i] = emg_dot_i16(x, w + i * stride, depth);
    }
}

static inline void emg_dot_pair_4(const int8_t *x, const int8_t *y, const int8_t *w, int32_t stride, int32_t depth,
                                  int32_t left_acc[4], int32_t right_acc[4])
{
    const int8_t *row[4] = {w, w + stride, w + 2 * stride, w + 3 * stride};
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    int32_t k = 0;
    for (; k + 4 <= depth; k += 4) {
        int32_t left = emg_four(x + k);
        int32_t right = emg_four(y + k);
        int32_t v0 = emg_four(row[0] + k), v1 = emg_four(row[1] + k);
        int32_t v2 = emg_four(row[2] + k), v3 = emg_four(row[3] + k);
        EMG_SDOTSP(a0, left, v0);
        EMG_SDOTSP(a1, left, v1);
        EMG_SDOTSP(a2, left, v2);
        EMG_SDOTSP(a3, left, v3);
        EMG_SDOTSP(b0, right, v0);
        EMG_SDOTSP(b1, right, v1);
        EMG_SDOTSP(b2, right, v2);
        EMG_SDOTSP(b3, right, v3);
    }
    int32_t sums[8] = {a0, a1, a2, a3, b0, b1, b2, b3};
    for (int32_t i = 0; i < 4; i++) {
        left_acc[i] = sums[i] + emg_dot(x + k, row[i] + k, depth - k);
        right_acc[i] = sums[4 + i] + emg_dot(y + k, row[i] + k, depth - k);
    }
}

static inline void emg_dot_pair_4_i16(const int16_t *x, const int16_t *y, const int8_t *w, int32_t stride,
                                      int32_t depth, int32_t left_acc[4], int32_t right_acc[4])
{
    emg_dot_1x4_i16(x, w, stride, depth, left_acc);
    emg_dot_1x4_i16(y, w, stride, depth, right_acc);
}

static inline void emg_weighted_rows4(const uint8_t *e, const int8_t *v, int32_t stride, int32_t width, int32_t *acc)
{
    uint32_t weights;
    memcpy(&weights, e, 4);
    for (int32_t i = 0; i < width; i++) {
        const int8_t *column = v + i;
        uint32_t values = (uint32_t)(uint8_t)column[0] | (uint32_t)(uint8_t)column[stride] << 8
                          | (uint32_t)(uint8_t)column[2 * stride] << 16 | (uint32_t)(uint8_t)column[3 * stride] << 24;
        EMG_SDOTUSP(acc[i], weights, values);
    }
}

static inline void emg_weighted_row(uint8_t e, const int8_t *v, int32_t width, int32_t *acc)
{
    for (int32_t i = 0; i < width; i++) {
        acc[i] += (int32_t)e * v[i];
    }
}

#endif
