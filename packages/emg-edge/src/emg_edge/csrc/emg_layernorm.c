/* LayerNorm: exact mean, 64-bit variance, floor square root, one reciprocal per row. */
#include "emg_layernorm.h"
#include "emg_storage.h"

/* 2**31 / m and the exponent e with std ~ m * 2**(e - 16), m in [2**15, 2**16). */
typedef struct {
    int32_t inverse; /* in (2**15, 2**16] */
    int32_t exponent;
} reciprocal;

static reciprocal invert(uint32_t std)
{
    reciprocal r;
    r.exponent = emg_bit_length(std);
    uint32_t m = r.exponent < 16 ? std << (16 - r.exponent) : std >> (r.exponent - 16);
    r.inverse = (int32_t)(((uint32_t)1 << 31) / m);
    return r;
}

static int32_t row_sum(const emg_layernorm_params *p, const void *x, int32_t first)
{
    int32_t sum = 0;
    for (int32_t j = 0; j < p->width; j++) {
        sum += emg_load(x, p->in, first + j);
    }
    return sum;
}

/* Standard deviation of `width * x`, at least 1. */
static uint32_t row_std(const emg_layernorm_params *p, const void *x, int32_t first, int32_t sum)
{
    uint64_t squares = 0;
    for (int32_t j = 0; j < p->width; j++) {
        int64_t d = p->width * emg_load(x, p->in, first + j) - sum;
        squares += (uint64_t)(d * d);
    }
    uint64_t eps = (uint64_t)p->eps[1] << 32 | p->eps[0];
    uint32_t std = emg_isqrt64(emg_divide64(squares, (uint32_t)p->width) + eps);
    return std > 0 ? std : 1;
}

void emg_layernorm(const emg_layernorm_params *p, const void *x, void *y)
{
    for (int32_t row = 0; row < p->rows; row++) {
        int32_t first = row * p->width;
        int32_t sum = row_sum(p, x, first);
        reciprocal r = invert(row_std(p, x, first, sum));
        for (int32_t j = 0; j < p->width; j++) {
            int64_t d = p->width * emg_load(x, p->in, first + j) - sum;
            int64_t t = emg_rounding_shift(d * r.inverse, r.exponent + 3);
            int64_t scaled = (int64_t)(int32_t)t * p->gamma[j] + p->beta[j];
            emg_store(y, p->out, first + j, emg_rounding_shift(scaled, p->shift) + p->zero);
        }
    }
}
