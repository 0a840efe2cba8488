/* Arithmetic of two computed values, broadcast by strides. */
#ifndef EMG_PAIRWISE_H
#define EMG_PAIRWISE_H

#include "emg_strided.h"
#include "emg_types.h"

/* What all of them share: the output as a box, the steps of either operand in it, zero points and types. */
#define EMG_PAIR                                                                                                       \
    int32_t extent[EMG_AXES], stride_a[EMG_AXES], stride_b[EMG_AXES];                                                  \
    int32_t zero_a, zero_b, zero;                                                                                      \
    emg_type a, b, out

typedef struct {
    EMG_PAIR;
    int32_t mul_a, mul_b, shift;
} emg_add_params;

typedef emg_add_params emg_maximum_params;
typedef emg_add_params emg_minimum_params;

typedef struct {
    EMG_PAIR;
    int32_t mul, shift;
} emg_mul_params;

typedef emg_mul_params emg_div_params;

void emg_add(const emg_add_params *p, const void *a, const void *b, void *y);
void emg_maximum(const emg_maximum_params *p, const void *a, const void *b, void *y);
void emg_minimum(const emg_minimum_params *p, const void *a, const void *b, void *y);
void emg_mul(const emg_mul_params *p, const void *a, const void *b, void *y);
void emg_div(const emg_div_params *p, const void *a, const void *b, void *y);

#endif
