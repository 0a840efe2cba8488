/* Linear layer. */
#ifndef EMG_LINEAR_H
#define EMG_LINEAR_H

#include "emg_finish.h"
#include "emg_types.h"

#define EMG_LINEAR_BLOCK 16 /* outputs that share one pass over the rows */

typedef struct {
    const int8_t *weight;  /* (outputs, depth), or NULL */
    const uint8_t *packed; /* (outputs, (depth + 1) / 2): nibbles as emg_unpack4 reads them, or NULL */
    const int32_t *bias;   /* (outputs) */
    const int32_t *mul;    /* (outputs) */
    int32_t rows, outputs, depth;
    emg_type in;
    emg_finish_params finish;
} emg_linear_params;

/* scratch: EMG_LINEAR_BLOCK * depth bytes where the weights are packed, else unused. */
void emg_linear(const emg_linear_params *p, const void *x, void *y, void *scratch);

#endif
