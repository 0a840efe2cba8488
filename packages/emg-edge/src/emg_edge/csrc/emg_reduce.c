/* Kernels that reduce or move: mean over the middle axis, transposition. */
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

void emg_transpose(const emg_transpose_params *p, const void *x, void *y)
{
    int32_t i = 0;
    for (int32_t a = 0; a < p->extent[0]; a++) {
        for (int32_t b = 0; b < p->extent[1]; b++) {
            for (int32_t c = 0; c < p->extent[2]; c++) {
                int32_t from = a * p->stride[0] + b * p->stride[1] + c * p->stride[2];
                for (int32_t d = 0; d < p->extent[3]; d++, i++) {
                    emg_store(y, p->type, i, emg_load(x, p->type, from + d * p->stride[3]));
                }
            }
        }
    }
}
