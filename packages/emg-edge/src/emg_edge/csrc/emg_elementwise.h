/* Element-wise kernels of one operand. */
#ifndef EMG_ELEMENTWISE_H
#define EMG_ELEMENTWISE_H

#include "emg_types.h"

typedef struct {
    const int32_t *mul, *add, *negative; /* (rows, width), or one for all where the step is 0; negative may be NULL */
    int32_t mul_step, add_step, negative_step;
    int32_t outer, rows, repeat, width;
    int32_t shift, zero_in, zero;
    emg_type in, out;
} emg_affine_params;

typedef struct {
    const int8_t *table; /* 256 entries */
    int32_t size;
} emg_table_params;

typedef struct {
    int32_t size;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_requantise_params;

void emg_affine(const emg_affine_params *p, const void *x, void *y);
void emg_table(const emg_table_params *p, const int8_t *x, int8_t *y);
void emg_requantise(const emg_requantise_params *p, const void *x, void *y);

#endif
