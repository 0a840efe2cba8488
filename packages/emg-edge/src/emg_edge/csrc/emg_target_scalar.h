/* Primitives in plain C99: they define the result, and serve every core without instructions of its own here.
 *
 * Included by emg_primitives.h alone, where the contracts stand.
 */
#ifndef EMG_TARGET_SCALAR_H
#define EMG_TARGET_SCALAR_H

/* Cores without vectors gain from products that are unrolled by hand; elsewhere compilers vectorise the plain loop. */
#if defined(__riscv) && !defined(__riscv_vector)
#define EMG_STEP 4
#define EMG_IN_ORDER() __asm__ volatile("" ::: "memory") /* keeps loads beside their use, else registers run out */
#else
#define EMG_STEP 1
#define EMG_IN_ORDER() ((void)0)
#endif

static inline int8_t emg_saturate8(int64_t value)
{
    if (value > INT8_MAX) {
        return INT8_MAX;
    }
    return value < INT8_MIN ? (int8_t)INT8_MIN : (int8_t)value;
}

static inline int16_t emg_saturate16(int64_t value)
{
    if (value > INT16_MAX) {
        return INT16_MAX;
    }
    return value < INT16_MIN ? (int16_t)INT16_MIN : (int16_t)value;
}

static inline int8_t emg_clip8(int32_t value)
{
    if (value > INT8_MAX) {
        return INT8_MAX;
    }
    return value < INT8_MIN ? (int8_t)INT8_MIN : (int8_t)value;
}

static inline int16_t emg_clip16(int32_t value)
{
    if (value > INT16_MAX) {
        return INT16_MAX;
    }
    return value < INT16_MIN ? (int16_t)INT16_MIN : (int16_t)value;
}

/* Advance by `step` the pointers of four rows of weights. */
#define EMG_ADVANCE(step) (w += (step), w1 += (step), w2 += (step), w3 += (step))

#define EMG_FOUR_ROWS                                                                                                 \
    const int8_t *w1 = w + stride;                                                                                    \
    const int8_t *w2 = w1 + stride;                                                                                   \
    const int8_t *w3 = w2 + stride;                                                                                   \
    int32_t k = 0

#define EMG_TIMES_1(k)                                                                                                \
    do {                                                                                                              \
        int32_t value = x[k];                                                                                         \
        a0 += value * w[k];                                                                                           \
        a1 += value * w1[k];                                                                                          \
        a2 += value * w2[k];                                                                                          \
        a3 += value * w3[k];                                                                                          \
        EMG_IN_ORDER();                                                                                               \
    } while (0)

#define EMG_TIMES_2(k)                                                                                                \
    do {                                                                                                              \
        int32_t left = x[k], right = y[k], value;                                                                     \
        value = w[k];                                                                                                 \
        a0 += left * value;                                                                                           \
        b0 += right * value;                                                                                          \
        value = w1[k];                                                                                                \
        a1 += left * value;                                                                                           \
        b1 += right * value;                                                                                          \
        value = w2[k];                                                                                                \
        a2 += left * value;                                                                                           \
        b2 += right * value;                                                                                          \
        value = w3[k];                                                                                                \
        a3 += left * value;                                                                                           \
        b3 += right * value;                                                                                          \
        EMG_IN_ORDER();                                                                                               \
    } while (0)

/* The three products for rows of one type. */
#define EMG_PRODUCTS(type, one, four, pair)                                                                           \
    static inline int32_t one(const type *x, const int8_t *w, int32_t depth)                                          \
    {                                                                                                                 \
        int32_t acc = 0;                                                                                              \
        int32_t k = 0;                                                                                                \
        for (; EMG_STEP == 4 && k + 4 <= depth; k += 4, x += 4, w += 4) {                                             \
            acc += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];                                             \
        }                                                                                                             \
        for (; k < depth; k++) {                                                                                      \
            acc += (int32_t)*x++ * *w++;                                                                              \
        }                                                                                                             \
        return acc;                                                                                                   \
    }                                                                                                                 \
                                                                                                                      \
    static inline void four(const type *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4])            \
    {                                                                                                                 \
        EMG_FOUR_ROWS;                                                                                                \
        int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;                                                                       \
        for (; EMG_STEP == 4 && k + 4 <= depth; k += 4, x += 4, EMG_ADVANCE(4)) {                                     \
            EMG_TIMES_1(0);                                                                                           \
            EMG_TIMES_1(1);                                                                                           \
            EMG_TIMES_1(2);                                                                                           \
            EMG_TIMES_1(3);                                                                                           \
        }                                                                                                             \
        for (int32_t rest = depth - k, i = 0; i < rest; i++) {                                                        \
            EMG_TIMES_1(i);                                                                                           \
        }                                                                                                             \
        acc[0] = a0, acc[1] = a1, acc[2] = a2, acc[3] = a3;                                                           \
    }                                                                                                                 \
                                                                                                                      \
    static inline void pair(const type *x, const type *y, const int8_t *w, int32_t stride, int32_t depth,             \
                            int32_t left_acc[4], int32_t right_acc[4])                                                \
    {                                                                                                                 \
        EMG_FOUR_ROWS;                                                                                                \
        int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;                                       \
        for (; EMG_STEP == 4 && k + 4 <= depth; k += 4, x += 4, y += 4, EMG_ADVANCE(4)) {                             \
            EMG_TIMES_2(0);                                                                                           \
            EMG_TIMES_2(1);                                                                                           \
            EMG_TIMES_2(2);                                                                                           \
            EMG_TIMES_2(3);                                                                                           \
        }                                                                                                             \
        for (int32_t rest = depth - k, i = 0; i < rest; i++) {                                                        \
            EMG_TIMES_2(i);                                                                                           \
        }                                                                                                             \
        left_acc[0] = a0, left_acc[1] = a1, left_acc[2] = a2, left_acc[3] = a3;                                       \
        right_acc[0] = b0, right_acc[1] = b1, right_acc[2] = b2, right_acc[3] = b3;                                   \
    }

EMG_PRODUCTS(int8_t, emg_dot, emg_dot_1x4, emg_dot_pair_4)
EMG_PRODUCTS(int16_t, emg_dot_i16, emg_dot_1x4_i16, emg_dot_pair_4_i16)

static inline void emg_weighted_rows4(const uint8_t *e, const int8_t *v, int32_t stride, int32_t width, int32_t *acc)
{
    const int8_t *v1 = v + stride;
    const int8_t *v2 = v1 + stride;
    const int8_t *v3 = v2 + stride;
    int16_t e0 = e[0], e1 = e[1], e2 = e[2], e3 = e[3];
    for (int32_t i = 0; i < width; i++) { /* each product fits 16 bits: 255 * 128 < 2**15 */
#if EMG_STEP == 4
        acc[i] += e0 * v[i] + e1 * v1[i] + e2 * v2[i] + e3 * v3[i];
#else
        acc[i] += (int16_t)(e0 * v[i]) + (int16_t)(e1 * v1[i]) + (int16_t)(e2 * v2[i]) + (int16_t)(e3 * v3[i]);
#endif
    }
}

static inline void emg_weighted_row(uint8_t e, const int8_t *v, int32_t width, int32_t *acc)
{
    for (int32_t i = 0; i < width; i++) {
        acc[i] += (int32_t)e * v[i];
    }
}

#endif
