/* Kernels that move elements: strided copy, gathered rows, concatenation. */
#ifndef EMG_MOVEMENT_H
#define EMG_MOVEMENT_H

#include "emg_strided.h"
#include "emg_types.h"

typedef struct {
    int32_t extent[EMG_AXES];     /* of the box, innermost axis last */
    int32_t stride[EMG_AXES];     /* step in the input, in elements, for each axis */
    int32_t out_stride[EMG_AXES]; /* step in the output */
    int32_t base, out_base;       /* elements of the first place */
    int32_t filled;               /* elements of the output to fill with `zero` before, 0 where the box covers it */
    int32_t zero;
    emg_type type;
} emg_move_params;

typedef struct {
    const int32_t *index32; /* one of the two, `rows` entries; -1: a row of `zero` */
    const int16_t *index16;
    int32_t rows, inner, outer, step;
    int32_t zero;
    emg_type type;
} emg_gather_params;

typedef struct {
    const int32_t *extent;  /* per part */
    const int32_t *source;  /* input that the part reads, or -1: from `constant` */
    const int32_t *mul;
    const int32_t *shift;   /* 0: copied as it is */
    const int32_t *zero_in;
    const int32_t *bytes;   /* of an element of the part */
    const int16_t *constant;
    int32_t parts, outer, inner;
    int32_t zero;
    emg_type out;
} emg_concat_params;

void emg_move(const emg_move_params *p, const void *x, void *y);
void emg_gather(const emg_gather_params *p, const void *x, void *y);
void emg_concat(const emg_concat_params *p, const void *const *inputs, void *y);

#endif
