/* Softmax of rows, and its logarithm. */
#ifndef EMG_SOFTMAX_H
#define EMG_SOFTMAX_H

#include "emg_types.h"

typedef struct {
    const uint16_t *coarse; /* 256 entries, exp(-i / 16) in Q15 */
    const uint16_t *fine;   /* 256 entries, exp(-i / 4096) in Q15 */
    const uint8_t *mask;    /* a bit an element, set where it takes part, period rows; or NULL */
    int32_t rows, width, period;
    int32_t mul, shift;
    int32_t out_mul, out_shift, zero;
    emg_type in, out;
} emg_softmax_params;

typedef struct {
    const uint16_t *coarse;
    const uint16_t *fine;
    const int32_t *logs; /* 257 entries, log(1 + k / 256) in Q26 */
    int32_t rows, width;
    int32_t mul, shift;
    int32_t out_mul, log_mul, out_shift, zero;
    emg_type in, out;
} emg_log_softmax_params;

void emg_softmax(const emg_softmax_params *p, const void *x, void *y);
void emg_log_softmax(const emg_log_softmax_params *p, const void *x, void *y);

#endif
