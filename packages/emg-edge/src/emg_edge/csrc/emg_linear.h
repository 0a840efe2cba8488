/* Linear layer. */
#ifndef EMG_LINEAR_H
#define EMG_LINEAR_H

#include "emg_types.h"

typedef struct {
    const int8_t *weight; /* (outputs, depth) */
    const int32_t *bias;  /* (outputs) */
    const int32_t *mul;   /* (outputs) */
    const int8_t *table;  /* 256 entries, or NULL */
    int32_t rows, outputs, depth;
    int32_t shift, pre_zero;
    emg_type in, out;
} emg_linear_params;

void emg_linear(const emg_linear_params *p, const void *x, void *y);

#endif
