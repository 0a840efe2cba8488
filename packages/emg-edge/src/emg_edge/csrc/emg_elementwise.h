/* Element-wise kernels. */
#ifndef EMG_ELEMENTWISE_H
#define EMG_ELEMENTWISE_H

#include "emg_types.h"

typedef struct {
    int32_t size;
    int32_t mul_a, mul_b, shift;
    int32_t zero_a, zero_b, zero;
    emg_type a, b, out;
} emg_add_params;

typedef struct {
    const int32_t *value; /* (rows, width) */
    int32_t rows, repeat, width;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_add_constant_params;

typedef struct {
    const int8_t *table; /* 256 entries */
    int32_t size;
} emg_table_params;

typedef struct {
    int32_t size;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_requantise_params;

void emg_add(const emg_add_params *p, const void *a, const void *b, void *y);
void emg_add_constant(const emg_add_constant_params *p, const void *x, void *y);
void emg_table(const emg_table_params *p, const int8_t *x, int8_t *y);
void emg_requantise(const emg_requantise_params *p, const void *x, void *y);

#endif
