/* Kernels that reduce the middle axis. */
#ifndef EMG_REDUCE_H
#define EMG_REDUCE_H

#include "emg_types.h"

typedef struct {
    int32_t outer, axis, inner;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_mean_params;

typedef struct {
    int32_t outer, axis, inner;
    int32_t lowest; /* 1: the smallest element */
    emg_type type;
} emg_reduce_max_params;

void emg_mean(const emg_mean_params *p, const void *x, void *y);
void emg_reduce_max(const emg_reduce_max_params *p, const void *x, void *y);

#endif
