/* One or two rows against a block of weights, four rows of weights at a time. */
#include "emg_rows.h"

#include "emg_primitives.h"

void emg_one_row(const void *x, emg_type in, const int8_t *w, int32_t depth, int32_t count, int32_t *acc)
{
    int32_t n = 0;
    if (in == EMG_INT8) {
        for (; n + 4 <= count; n += 4, w += 4 * depth) {
            emg_dot_1x4(x, w, depth, depth, acc + n);
        }
        for (; n < count; n++, w += depth) {
            acc[n] = emg_dot(x, w, depth);
        }
    } else {
        for (; n + 4 <= count; n += 4, w += 4 * depth) {
            emg_dot_1x4_i16(x, w, depth, depth, acc + n);
        }
        for (; n < count; n++, w += depth) {
            acc[n] = emg_dot_i16(x, w, depth);
        }
    }
}

void emg_two_rows(const void *x, const void *y, emg_type in, const int8_t *w, int32_t depth, int32_t count,
                  int32_t *left, int32_t *right)
{
    int32_t n = 0;
    if (in == EMG_INT8) {
        for (; n + 4 <= count; n += 4, w += 4 * depth) {
            emg_dot_pair_4(x, y, w, depth, depth, left + n, right + n);
        }
    } else {
        for (; n + 4 <= count; n += 4, w += 4 * depth) {
            emg_dot_pair_4_i16(x, y, w, depth, depth, left + n, right + n);
        }
    }
    if (n < count) {
        emg_one_row(x, in, w, depth, count - n, left + n);
        emg_one_row(y, in, w, depth, count - n, right + n);
    }
}
