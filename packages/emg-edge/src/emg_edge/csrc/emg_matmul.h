/* Product of two activations. */
#ifndef EMG_MATMUL_H
#define EMG_MATMUL_H

#include "emg_types.h"

typedef struct {
    int32_t batch[2];
    int32_t rows, depth, columns;
    int32_t a_layout[5]; /* base, strides of both batch axes, of rows and of depth */
    int32_t b_layout[5]; /* base, strides of both batch axes, of depth and of columns */
    int32_t mul, shift;
    int32_t zero_a, zero_b, zero;
    emg_type a, out;
} emg_matmul_params;

void emg_matmul(const emg_matmul_params *p, const void *a, const int8_t *b, void *y, void *scratch);

#endif
