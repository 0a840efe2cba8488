/* Products of one or two rows with a block of rows of weights: the inner part of linear layers and convolutions. */
#ifndef EMG_ROWS_H
#define EMG_ROWS_H

#include "emg_types.h"

/* acc[n] = sum over k of x[k] * w[n * depth + k], n < count; x is of type `in`, int8 or int16. */
void emg_one_row(const void *x, emg_type in, const int8_t *w, int32_t depth, int32_t count, int32_t *acc);

/* The same for two rows x and y at once: every weight that is loaded serves both. */
void emg_two_rows(const void *x, const void *y, emg_type in, const int8_t *w, int32_t depth, int32_t count,
                  int32_t *left, int32_t *right);

#endif
