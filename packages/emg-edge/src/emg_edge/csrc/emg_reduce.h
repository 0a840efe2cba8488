/* Kernels that reduce or move. */
#ifndef EMG_REDUCE_H
#define EMG_REDUCE_H

#include "emg_types.h"

typedef struct {
    int32_t outer, axis, inner;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_mean_params;

typedef struct {
    int32_t extent[4]; /* of the output */
    int32_t stride[4]; /* step in the input, in elements, for each axis of the output */
    emg_type type;
} emg_transpose_params;

void emg_mean(const emg_mean_params *p, const void *x, void *y);
void emg_transpose(const emg_transpose_params *p, const void *x, void *y);

#endif
