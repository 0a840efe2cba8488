/* Pooling over windows of (outer, H, W, inner). */
#ifndef EMG_POOL_H
#define EMG_POOL_H

#include "emg_types.h"

typedef struct {
    int32_t size[2], count[2]; /* (H, W) of the input, windows of the output */
    int32_t kernel[2], strides[2], dilations[2], begin[2];
    int32_t outer, inner;
    emg_type in, out;
} emg_max_pool_params;

typedef struct {
    int32_t size[2], count[2];
    int32_t kernel[2], strides[2], dilations[2], begin[2];
    int32_t outer, inner;
    emg_type in, out;
    int32_t low[2], high[2]; /* places from low up to high count in the divisor */
    int32_t zero_in, zero;
    const int32_t *mul; /* by number of counted places, from 1 on */
    int32_t shift;
} emg_average_pool_params;

void emg_max_pool(const emg_max_pool_params *p, const void *x, void *y);
void emg_average_pool(const emg_average_pool_params *p, const void *x, void *y);

#endif
