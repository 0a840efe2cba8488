/* LayerNorm: exact mean, 64-bit variance, floor square root, one reciprocal per row. */
#include "emg_layernorm.h"
#include "emg_reciprocal.h"
#include "emg_storage.h"

static int32_t row_sum(const emg_layernorm_params *p, const void *x, int32_t first)
{
    int32_t sum = 0;
    for (int32_t j = 0; j < p->width; j++) {
        sum += emg_load(x, p->in, first + j);
    }
    return sum;
}

/* width * (element - mean), in steps of 2**coarse. */
static int64_t deviation(const emg_layernorm_params *p, const void *x, int32_t index, int32_t sum)
{
    if (p->coarse == 0) {
        return p->width * emg_load(x, p->in, index) - sum;
    }
    return emg_rounding_shift((int64_t)p->width * emg_load(x, p->in, index) - sum, p->coarse);
}

/* Standard deviation of `width * x`, at least 1. */
static uint32_t row_std(const emg_layernorm_params *p, const void *x, int32_t first, int32_t sum)
{
    uint64_t squares = 0;
    for (int32_t j = 0; j < p->width; j++) {
        int64_t d = deviation(p, x, first + j, sum);
        squares += (uint64_t)(d * d);
    }
    uint32_t std = emg_isqrt64(emg_divide64(squares, (uint32_t)p->width) + emg_join(p->eps));
    return std > 0 ? std : 1;
}

void emg_layernorm(const emg_layernorm_params *p, const void *x, void *y)
{
    int32_t channels = p->width / p->repeat;
    for (int32_t row = 0; row < p->rows; row++) {
        int32_t index = row * p->width;
        int32_t sum = row_sum(p, x, index);
        emg_reciprocal r = emg_invert(row_std(p, x, index, sum));
        int32_t start = row % p->groups * channels;
        for (int32_t c = start; c < start + channels; c++) {
            for (int32_t i = 0; i < p->repeat; i++, index++) {
                int64_t t = emg_rounding_shift(deviation(p, x, index, sum) * r.inverse, r.exponent + 3);
                int64_t scaled = (int64_t)(int32_t)t * p->gamma[c] + p->beta[c];
                emg_store(y, p->out, index, emg_rounding_shift(scaled, p->shift) + p->zero);
            }
        }
    }
}
