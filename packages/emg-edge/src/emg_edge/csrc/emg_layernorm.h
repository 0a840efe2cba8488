/* LayerNorm, GroupNorm, InstanceNorm. */
#ifndef EMG_LAYERNORM_H
#define EMG_LAYERNORM_H

#include "emg_types.h"

typedef struct {
    const int32_t *gamma; /* (groups * width / repeat) */
    const int32_t *beta;  /* (groups * width / repeat) */
    uint32_t eps[2]; /* low and high half */
    int32_t rows, width;
    int32_t coarse;         /* bits that deviations of wide rows lose */
    int32_t repeat, groups; /* elements that share a gamma; rows after which gammas start again */
    int32_t shift, zero;
    emg_type in, out;
} emg_layernorm_params;

void emg_layernorm(const emg_layernorm_params *p, const void *x, void *y);

#endif
