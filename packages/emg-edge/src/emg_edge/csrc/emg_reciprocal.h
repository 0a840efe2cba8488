/* Reciprocal of a root, as normalisations need it. */
#ifndef EMG_RECIPROCAL_H
#define EMG_RECIPROCAL_H

#include "emg_primitives.h"

/* 2**31 / m and the exponent e with std ~ m * 2**(e - 16), m in [2**15, 2**16). */
typedef struct {
    int32_t inverse; /* in (2**15, 2**16] */
    int32_t exponent;
} emg_reciprocal;

static inline emg_reciprocal emg_invert(uint32_t std)
{
    emg_reciprocal r;
    r.exponent = emg_bit_length(std);
    uint32_t m = r.exponent < 16 ? std << (16 - r.exponent) : std >> (r.exponent - 16);
    r.inverse = (int32_t)(((uint32_t)1 << 31) / m);
    return r;
}

/* A 64-bit constant from its low and high half. */
static inline uint64_t emg_join(const uint32_t halves[2])
{
    return (uint64_t)halves[1] << 32 | halves[0];
}

#endif
