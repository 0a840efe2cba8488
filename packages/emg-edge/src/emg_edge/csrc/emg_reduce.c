/* Kernels that reduce the middle axis. */
#include "emg_reduce.h"
#include "emg_storage.h"

void emg_mean(const emg_mean_params *p, const void *x, void *y)
{
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t i = 0; i < p->inner; i++) {
            int32_t sum = 0; /* |sum| <= 2**30: at most 2**15 elements of 16 bits */
            for (int32_t a = 0; a < p->axis; a++) {
                sum += emg_load(x, p->in, (o * p->axis + a) * p->inner + i);
            }
            int64_t centred = (int64_t)sum - (int64_t)p->axis * p->zero_in;
            emg_store(y, p->out, o * p->inner + i, emg_rounding_shift(centred * p->mul, p->shift) + p->zero);
        }
    }
}

void emg_reduce_max(const emg_reduce_max_params *p, const void *x, void *y)
{
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t i = 0; i < p->inner; i++) {
            int32_t at = o * p->axis * p->inner + i;
            int32_t best = emg_load(x, p->type, at);
            for (int32_t a = 1; a < p->axis; a++) {
                int32_t value = emg_load(x, p->type, at + a * p->inner);
                if (p->lowest ? value < best : value > best) {
                    best = value;
                }
            }
            emg_store(y, p->type, o * p->inner + i, best);
        }
    }
}
