/* Primitives of the integer kernels: the one place that knows the instruction set.
 *
 * The scalar forms are plain C99 and define the result. EMG_XPULPV2 selects single instructions of the GAP9 core
 * family for the same results; code outside this file never tests for it.
 */
#ifndef EMG_PRIMITIVES_H
#define EMG_PRIMITIVES_H

#include <stdint.h>
#include <string.h>

#if defined(EMG_XPULPV2) && !defined(__riscv)
#error "EMG_XPULPV2 needs a RISC-V compiler; leave it undefined elsewhere"
#endif

#ifdef EMG_XPULPV2
/* pv.sdotsp.b: acc += the sum of four signed byte products. */
#define EMG_SDOTSP(acc, x, w) __asm__(".insn r 0x57, 1, 0x5c, %0, %1, %2" : "+r"(acc) : "r"(x), "r"(w))
#endif

/* C99 leaves the right shift of a negative value to the compiler; every kernel here needs the arithmetic one. */
typedef char emg_shift_is_arithmetic[((int64_t)-3 >> 1) == -2 ? 1 : -1];
typedef char emg_byte_has_eight_bits[(uint8_t)-1 == 255 ? 1 : -1];

/* (value + 2**(shift-1)) >> shift: ties towards plus infinity; shift in 1..62. */
static inline int64_t emg_rounding_shift(int64_t value, int32_t shift)
{
    return (value + ((int64_t)1 << (shift - 1))) >> shift;
}

/* Saturate to 32 bits. */
static inline int32_t emg_saturate32(int64_t value)
{
    if (value > INT32_MAX) {
        return INT32_MAX;
    }
    return value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

/* Saturate to 8 bits. */
static inline int8_t emg_saturate8(int64_t value)
{
#ifdef EMG_XPULPV2
    int32_t clipped;
    __asm__(".insn r 0x33, 1, 0x0a, %0, %1, x8" : "=r"(clipped) : "r"(emg_saturate32(value)));
    return (int8_t)clipped;
#else
    if (value > INT8_MAX) {
        return INT8_MAX;
    }
    return value < INT8_MIN ? (int8_t)INT8_MIN : (int8_t)value;
#endif
}

/* Saturate to 16 bits. */
static inline int16_t emg_saturate16(int64_t value)
{
#ifdef EMG_XPULPV2
    int32_t clipped;
    __asm__(".insn r 0x33, 1, 0x0a, %0, %1, x16" : "=r"(clipped) : "r"(emg_saturate32(value)));
    return (int16_t)clipped;
#else
    if (value > INT16_MAX) {
        return INT16_MAX;
    }
    return value < INT16_MIN ? (int16_t)INT16_MIN : (int16_t)value;
#endif
}

/* Entry of a 256-entry table in two's complement order of the index. */
static inline int8_t emg_look_up(const int8_t *table, int8_t index)
{
    return table[(uint8_t)index];
}

/* acc[i] = sum over k of x[k] * w[i * stride + k], i = 0..3: one row against four. */
static inline void emg_dot_1x4(const int8_t *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4])
{
    const int8_t *w0 = w;
    const int8_t *w1 = w0 + stride;
    const int8_t *w2 = w1 + stride;
    const int8_t *w3 = w2 + stride;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    int32_t k = 0;
#ifdef EMG_XPULPV2
    for (; k + 4 <= depth; k += 4) {
        int32_t vx, v0, v1, v2, v3;
        memcpy(&vx, x + k, 4);
        memcpy(&v0, w0 + k, 4);
        memcpy(&v1, w1 + k, 4);
        memcpy(&v2, w2 + k, 4);
        memcpy(&v3, w3 + k, 4);
        EMG_SDOTSP(a0, vx, v0);
        EMG_SDOTSP(a1, vx, v1);
        EMG_SDOTSP(a2, vx, v2);
        EMG_SDOTSP(a3, vx, v3);
    }
#endif
    for (; k < depth; k++) {
        int32_t value = x[k];
        a0 += value * w0[k];
        a1 += value * w1[k];
        a2 += value * w2[k];
        a3 += value * w3[k];
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
}

/* acc[4 r + i] = sum over k of x[r * depth + k] * w[i * depth + k], r = 0..1, i = 0..3: two rows against four. */
static inline void emg_dot_2x4(const int8_t *x, const int8_t *w, int32_t depth, int32_t acc[8])
{
    const int8_t *x1 = x + depth;
    const int8_t *w1 = w + depth;
    const int8_t *w2 = w1 + depth;
    const int8_t *w3 = w2 + depth;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    int32_t k = 0;
#ifdef EMG_XPULPV2
    for (; k + 4 <= depth; k += 4) {
        int32_t vx, vy, v0, v1, v2, v3;
        memcpy(&vx, x + k, 4);
        memcpy(&vy, x1 + k, 4);
        memcpy(&v0, w + k, 4);
        memcpy(&v1, w1 + k, 4);
        memcpy(&v2, w2 + k, 4);
        memcpy(&v3, w3 + k, 4);
        EMG_SDOTSP(a0, vx, v0);
        EMG_SDOTSP(a1, vx, v1);
        EMG_SDOTSP(a2, vx, v2);
        EMG_SDOTSP(a3, vx, v3);
        EMG_SDOTSP(b0, vy, v0);
        EMG_SDOTSP(b1, vy, v1);
        EMG_SDOTSP(b2, vy, v2);
        EMG_SDOTSP(b3, vy, v3);
    }
#endif
    for (; k < depth; k++) {
        int32_t left = x[k];
        int32_t right = x1[k];
        a0 += left * w[k];
        a1 += left * w1[k];
        a2 += left * w2[k];
        a3 += left * w3[k];
        b0 += right * w[k];
        b1 += right * w1[k];
        b2 += right * w2[k];
        b3 += right * w3[k];
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

/* Sum over k of x[k] * w[k], int8 by int8. */
static inline int32_t emg_dot(const int8_t *x, const int8_t *w, int32_t depth)
{
    int32_t acc = 0;
    int32_t k = 0;
#ifdef EMG_XPULPV2
    for (; k + 4 <= depth; k += 4) {
        int32_t vx, vw;
        memcpy(&vx, x + k, 4);
        memcpy(&vw, w + k, 4);
        EMG_SDOTSP(acc, vx, vw);
    }
#endif
    for (; k < depth; k++) {
        acc += (int32_t)x[k] * w[k];
    }
    return acc;
}

/* Sum over k of x[k] * w[k], int16 by int8. */
static inline int32_t emg_dot_i16(const int16_t *x, const int8_t *w, int32_t depth)
{
    int32_t acc = 0;
    for (int32_t k = 0; k < depth; k++) {
        acc += (int32_t)x[k] * w[k];
    }
    return acc;
}

/* acc[i] += sum over j = 0..3 of e[j] * v[j * stride + i], uint8 by int8. */
static inline void emg_weighted_rows4(const uint8_t *e, const int8_t *v, int32_t stride, int32_t width, int32_t *acc)
{
    const int8_t *v0 = v;
    const int8_t *v1 = v0 + stride;
    const int8_t *v2 = v1 + stride;
    const int8_t *v3 = v2 + stride;
#ifdef EMG_XPULPV2
    uint32_t weights;
    memcpy(&weights, e, 4);
    for (int32_t i = 0; i < width; i++) {
        uint32_t column = (uint32_t)(uint8_t)v0[i] | (uint32_t)(uint8_t)v1[i] << 8 | (uint32_t)(uint8_t)v2[i] << 16
                          | (uint32_t)(uint8_t)v3[i] << 24;
        __asm__(".insn r 0x57, 1, 0x54, %0, %1, %2" : "+r"(acc[i]) : "r"(weights), "r"(column));
    }
#else
    int16_t e0 = e[0], e1 = e[1], e2 = e[2], e3 = e[3];
    for (int32_t i = 0; i < width; i++) { /* each product fits 16 bits: 255 * 128 < 2**15 */
        acc[i] += (int16_t)(e0 * v0[i]) + (int16_t)(e1 * v1[i]) + (int16_t)(e2 * v2[i]) + (int16_t)(e3 * v3[i]);
    }
#endif
}

/* acc[i] += e * v[i], uint8 by int8. */
static inline void emg_weighted_row(uint8_t e, const int8_t *v, int32_t width, int32_t *acc)
{
    for (int32_t i = 0; i < width; i++) {
        acc[i] += (int32_t)e * v[i];
    }
}

/* Floor of the square root of value < 2**62, bit by bit, without division. */
static inline uint32_t emg_isqrt64(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 60; bit != 0; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint32_t)root;
}

/* value / divisor, divisor in 1..65535: schoolbook division in base 2**16, four 32-bit divisions. */
static inline uint64_t emg_divide64(uint64_t value, uint32_t divisor)
{
    uint64_t quotient = 0;
    uint32_t rest = 0;
    for (int32_t shift = 48; shift >= 0; shift -= 16) {
        uint32_t part = (rest << 16) | (uint32_t)((value >> shift) & 0xffffu);
        quotient = (quotient << 16) | (part / divisor);
        rest = part % divisor;
    }
    return quotient;
}

/* Number of bits of value: 0 for 0, 32 for 2**31 and above. */
static inline int32_t emg_bit_length(uint32_t value)
{
    int32_t bits = 0;
    for (int32_t step = 16; step > 0; step >>= 1) {
        if (value >> step != 0) {
            value >>= step;
            bits += step;
        }
    }
    return bits + (value != 0 ? 1 : 0);
}

#endif
