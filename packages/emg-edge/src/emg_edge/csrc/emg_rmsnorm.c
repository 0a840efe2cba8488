/* RMSNorm: exact sum of squares, floor square root, one reciprocal per row. */
#include "emg_reciprocal.h"
#include "emg_rmsnorm.h"
#include "emg_storage.h"

/* Root mean square of a row times 2**15, at least 1. */
static uint32_t row_root(const emg_rmsnorm_params *p, const void *x, int32_t first)
{
    uint64_t squares = 0;
    for (int32_t j = 0; j < p->width; j++) {
        int64_t d = (int64_t)emg_load(x, p->in, first + j) - p->zero_in;
        squares += (uint64_t)(d * d);
    }
    uint64_t mean = emg_divide64(squares << 14, (uint32_t)p->width);
    uint32_t root = emg_isqrt64((mean << 16) + emg_join(p->eps));
    return root > 0 ? root : 1;
}

void emg_rmsnorm(const emg_rmsnorm_params *p, const void *x, void *y)
{
    for (int32_t row = 0; row < p->rows; row++) {
        int32_t first = row * p->width;
        emg_reciprocal r = emg_invert(row_root(p, x, first));
        for (int32_t j = 0; j < p->width; j++) {
            int64_t d = (int64_t)emg_load(x, p->in, first + j) - p->zero_in;
            int64_t t = emg_rounding_shift(d * r.inverse * 32768, r.exponent + 3);
            emg_store(y, p->out, first + j, emg_rounding_shift(t * p->gamma[j], p->shift) + p->zero);
        }
    }
}
