/* Walking over the outer axes of a box of up to six axes; kernels loop over the innermost one themselves. */
#ifndef EMG_STRIDED_H
#define EMG_STRIDED_H

#include "emg_types.h"

#define EMG_AXES 6

/* Number of innermost rows. */
static inline int32_t emg_rows(const int32_t extent[EMG_AXES])
{
    int32_t rows = 1;
    for (int32_t axis = 0; axis < EMG_AXES - 1; axis++) {
        rows *= extent[axis];
    }
    return rows;
}

/* Go to the next row: `place` counts, offsets a and b follow along their strides. */
static inline void emg_next_row(const int32_t extent[EMG_AXES], const int32_t stride_a[EMG_AXES],
                                const int32_t stride_b[EMG_AXES], int32_t place[EMG_AXES], int32_t *a, int32_t *b)
{
    for (int32_t axis = EMG_AXES - 2; axis >= 0; axis--) {
        *a += stride_a[axis];
        *b += stride_b[axis];
        if (++place[axis] < extent[axis]) {
            return;
        }
        *a -= stride_a[axis] * extent[axis];
        *b -= stride_b[axis] * extent[axis];
        place[axis] = 0;
    }
}

#endif
