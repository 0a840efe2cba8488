/* Primitives of the integer kernels: names and contracts; one target file gives the forms that depend on the core.
 *
 * emg_target_scalar.h is plain C99 and defines the result; with EMG_XPULPV2 defined, emg_target_xpulpv2.h gives the
 * same results by instructions of the GAP9 core family. Code outside these files never tests for a target.
 */
#ifndef EMG_PRIMITIVES_H
#define EMG_PRIMITIVES_H

#include <stdint.h>
#include <string.h>

/* C99 leaves the right shift of a negative value to the compiler; every kernel here needs the arithmetic one. */
typedef char emg_shift_is_arithmetic[((int64_t)-3 >> 1) == -2 ? 1 : -1];
typedef char emg_byte_has_eight_bits[(uint8_t)-1 == 255 ? 1 : -1];

/* The same on every core ------------------------------------------------------------------------------------------ */

/* (value + 2**(shift-1)) >> shift: ties towards plus infinity; shift in 1..62. */
static inline int64_t emg_rounding_shift(int64_t value, int32_t shift)
{
    return (value + ((int64_t)1 << (shift - 1))) >> shift;
}

/* High 32 bits of the 64-bit product. */
static inline int32_t emg_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* Saturate to 32 bits. */
static inline int32_t emg_saturate32(int64_t value)
{
    if (value > INT32_MAX) {
        return INT32_MAX;
    }
    return value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

/* Entry of a 256-entry table in two's complement order of the index. */
static inline int8_t emg_look_up(const int8_t *table, int8_t index)
{
    return table[(uint8_t)index];
}

/* y[i] = nibble i of packed as a signed number in -8..7, i < count; byte i / 2 holds nibble i, the even one low. */
static inline void emg_unpack4(const uint8_t *packed, int32_t count, int8_t *y)
{
    int32_t i = 0;
    for (; i + 2 <= count; i += 2) {
        int32_t byte = *packed++;
        y[i] = (int8_t)((int32_t)((uint32_t)byte << 28) >> 28);
        y[i + 1] = (int8_t)((int32_t)((uint32_t)byte << 24) >> 28);
    }
    if (i < count) {
        y[i] = (int8_t)((int32_t)((uint32_t)*packed << 28) >> 28);
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

/* value / divisor, divisor in 1..65536: schoolbook division in base 2**16, four 32-bit divisions. */
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

/* Given by the target -------------------------------------------------------------------------------------------- */

/* Saturate to 8 and to 16 bits. */
static inline int8_t emg_saturate8(int64_t value);
static inline int16_t emg_saturate16(int64_t value);
static inline int8_t emg_clip8(int32_t value);
static inline int16_t emg_clip16(int32_t value);

/* Sum over k of x[k] * w[k], int8 by int8 and int16 by int8. */
static inline int32_t emg_dot(const int8_t *x, const int8_t *w, int32_t depth);
static inline int32_t emg_dot_i16(const int16_t *x, const int8_t *w, int32_t depth);

/* acc[i] = sum over k of x[k] * w[i * stride + k], i = 0..3: one row against four. */
static inline void emg_dot_1x4(const int8_t *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4]);
static inline void emg_dot_1x4_i16(const int16_t *x, const int8_t *w, int32_t stride, int32_t depth, int32_t acc[4]);

/* left_acc[i] = sum over k of x[k] * w[i * stride + k] and right_acc[i] the same of y, i = 0..3: two against four. */
static inline void emg_dot_pair_4(const int8_t *x, const int8_t *y, const int8_t *w, int32_t stride, int32_t depth,
                                  int32_t left_acc[4], int32_t right_acc[4]);
static inline void emg_dot_pair_4_i16(const int16_t *x, const int16_t *y, const int8_t *w, int32_t stride,
                                      int32_t depth, int32_t left_acc[4], int32_t right_acc[4]);

/* acc[i] += sum over j = 0..3 of e[j] * v[j * stride + i], uint8 by int8. */
static inline void emg_weighted_rows4(const uint8_t *e, const int8_t *v, int32_t stride, int32_t width, int32_t *acc);

/* acc[i] += e * v[i], uint8 by int8. */
static inline void emg_weighted_row(uint8_t e, const int8_t *v, int32_t width, int32_t *acc);

#ifdef EMG_XPULPV2
#include "emg_target_xpulpv2.h"
#else
#include "emg_target_scalar.h"
#endif

#endif
