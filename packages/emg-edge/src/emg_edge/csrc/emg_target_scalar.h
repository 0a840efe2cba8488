/* Primitives in plain C99: they define the result, and serve every core without instructions of its own here.
 *
 * Included by emg_primitives.h alone, where the contracts stand.
 */
#ifndef EMG_TARGET_SCALAR_H
#define EMG_TARGET_SCALAR_H

/* Cores without vectors gain from products that are unrolled by hand; elsewhere compilers vectorise the plain loop. */
#if defined(__riscv) && !defined(__riscv_vector)
#define EMG_STEP 4
#else
#define EMG_STEP 1
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

static inline int32_t emg_dot(const int8_t *x, const int8_t *w, int32_t depth)
{
    int32_t acc = 0;
    int32_t k = 0;
#if EMG_STEP == 4
    for (; k + 4 <= depth; k += 4, x += 4, w += 4) {
        acc += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
    }
#endif
    for (; k < depth; k++) {
        acc += (int32_t)*x++ * *w++;
    }
    return acc;
}

static inline int32_t emg_dot_i16(const int16_t *x, const int8_t *w, int32_t depth)
{
    int32_t acc = 0;
    int32_t k = 0;
#if EMG_STEP == 4
    for (; k + 4 <= depth; k += 4, x += 4, w += 4) {
        acc += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
    }
#endif
    for (; k < depth; k++) {
        acc += (int32_t)*x++ * *w++;
    }
    return acc;
}

#define EMG_PRODUCTS_1(k)                                                                                             \
    do {                                                                                                              \
        int32_t value = x[k];                                                                                         \
        a0 += value * w[k];                                                                                           \
        a1 += value * w1[k];                                                                                          \
        a2 += value * w2[k];                                                                                          \
        a3 += value * w3[k];                                                                                          \
    } while (0)

static inline void emg_dot_1x4(const int8_t *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4])
{
    const int8_t *w1 = w + stride;
    const int8_t *w2 = w1 + stride;
    const int8_t *w3 = w2 + stride;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    int32_t k = 0;
#if EMG_STEP == 4
    for (; k + 4 <= depth; k += 4, x += 4, w += 4, w1 += 4, w2 += 4, w3 += 4) {
        EMG_PRODUCTS_1(0);
        EMG_PRODUCTS_1(1);
        EMG_PRODUCTS_1(2);
        EMG_PRODUCTS_1(3);
    }
    depth -= k;
    k = 0;
#endif
    for (; k < depth; k++) {
        EMG_PRODUCTS_1(k);
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
}

#define EMG_PRODUCTS_2(k)                                                                                             \
    do {                                                                                                              \
        int32_t left = x[k], right = x1[k], value;                                                                    \
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
    } while (0)

static inline void emg_dot_2x4(const int8_t *x, const int8_t *w, int32_t depth, int32_t acc[8])
{
    const int8_t *x1 = x + depth;
    const int8_t *w1 = w + depth;
    const int8_t *w2 = w1 + depth;
    const int8_t *w3 = w2 + depth;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    int32_t k = 0;
#if EMG_STEP == 4
    for (; k + 4 <= depth; k += 4, x += 4, x1 += 4, w += 4, w1 += 4, w2 += 4, w3 += 4) {
        EMG_PRODUCTS_2(0);
        EMG_PRODUCTS_2(1);
        EMG_PRODUCTS_2(2);
        EMG_PRODUCTS_2(3);
    }
    depth -= k;
    k = 0;
#endif
    for (; k < depth; k++) {
        EMG_PRODUCTS_2(k);
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc[4] = b0;
    acc[5] = b1;
    acc[6] = b2;
    acc[7] = b3;
}

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

static inline void emg_copy_in(void *to, const void *from, int32_t nbytes)
{
    memcpy(to, from, (size_t)nbytes);
}

static inline void emg_copy_out(void *to, const void *from, int32_t nbytes)
{
    memcpy(to, from, (size_t)nbytes);
}

static inline void emg_copy_wait(void)
{
}

#endif
