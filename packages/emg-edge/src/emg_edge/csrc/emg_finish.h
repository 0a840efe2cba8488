/* The end of every product: bias, change of scale, optional table, saturation, store. */
#ifndef EMG_FINISH_H
#define EMG_FINISH_H

#include "emg_types.h"

typedef struct {
    const int8_t *table; /* 256 entries behind an int8 output, or NULL */
    int32_t shift;       /* 1..62 */
    int32_t zero;        /* within the output's type */
    emg_type out;
} emg_finish_params;

/* Element first + i of y from acc[i], i < count: bring (acc[i] + bias[i]) * mul[i] * 2**-shift to the grid, ties up,
 * add zero, saturate, look up. The sum must fit 32 bits; mul >= 0. */
void emg_finish(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul, int32_t count,
                void *y, int32_t first);

#endif
