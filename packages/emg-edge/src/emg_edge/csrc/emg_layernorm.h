/* LayerNorm. */
#ifndef EMG_LAYERNORM_H
#define EMG_LAYERNORM_H

#include "emg_types.h"

typedef struct {
    const int32_t *gamma; /* (width) */
    const int32_t *beta;  /* (width) */
    uint32_t eps[2]; /* low and high half */
    int32_t rows, width;
    int32_t shift, zero;
    emg_type in, out;
} emg_layernorm_params;

void emg_layernorm(const emg_layernorm_params *p, const void *x, void *y);

#endif
