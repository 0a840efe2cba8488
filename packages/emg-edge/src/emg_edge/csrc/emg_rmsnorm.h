/* RMSNorm. */
#ifndef EMG_RMSNORM_H
#define EMG_RMSNORM_H

#include "emg_types.h"

typedef struct {
    const int32_t *gamma; /* (width) */
    uint32_t eps[2]; /* low and high half */
    int32_t rows, width;
    int32_t shift, zero_in, zero;
    emg_type in, out;
} emg_rmsnorm_params;

void emg_rmsnorm(const emg_rmsnorm_params *p, const void *x, void *y);

#endif
