/* Linear layer: int8 or int16 by int8, requantisation per output, optional table. */
#include <stddef.h>

#include "emg_linear.h"
#include "emg_storage.h"

/* Requantise one accumulator and store it as element `index` of y. */
static inline void finish(const emg_linear_params *p, int32_t output, int32_t acc, void *y, int32_t index)
{
    int64_t scaled = (int64_t)(acc + p->bias[output]) * p->mul[output];
    int64_t value = emg_rounding_shift(scaled, p->shift) + p->pre_zero;
    if (p->table != NULL) {
        ((int8_t *)y)[index] = emg_look_up(p->table, emg_saturate8(value));
    } else {
        emg_store(y, p->out, index, value);
    }
}

static void row_int8(const emg_linear_params *p, const int8_t *x, void *y, int32_t first)
{
    int32_t n = 0;
    for (; n + 4 <= p->outputs; n += 4) {
        int32_t acc[4];
        emg_dot_1x4(x, p->weight + n * p->depth, p->depth, p->depth, acc);
        for (int32_t i = 0; i < 4; i++) {
            finish(p, n + i, acc[i], y, first + n + i);
        }
    }
    for (; n < p->outputs; n++) {
        finish(p, n, emg_dot(x, p->weight + n * p->depth, p->depth), y, first + n);
    }
}

/* Two rows at once: every weight that is loaded serves both. */
static void two_rows_int8(const emg_linear_params *p, const int8_t *x, void *y, int32_t first)
{
    int32_t second = first + p->outputs;
    int32_t n = 0;
    for (; n + 4 <= p->outputs; n += 4) {
        int32_t acc[8];
        emg_dot_2x4(x, p->weight + n * p->depth, p->depth, acc);
        for (int32_t i = 0; i < 4; i++) {
            finish(p, n + i, acc[i], y, first + n + i);
            finish(p, n + i, acc[4 + i], y, second + n + i);
        }
    }
    for (; n < p->outputs; n++) {
        finish(p, n, emg_dot(x, p->weight + n * p->depth, p->depth), y, first + n);
        finish(p, n, emg_dot(x + p->depth, p->weight + n * p->depth, p->depth), y, second + n);
    }
}

static void row_int16(const emg_linear_params *p, const int16_t *x, void *y, int32_t first)
{
    for (int32_t n = 0; n < p->outputs; n++) {
        finish(p, n, emg_dot_i16(x, p->weight + n * p->depth, p->depth), y, first + n);
    }
}

void emg_linear(const emg_linear_params *p, const void *x, void *y)
{
    int32_t m = 0;
    if (p->in == EMG_INT16) {
        for (; m < p->rows; m++) {
            row_int16(p, (const int16_t *)x + m * p->depth, y, m * p->outputs);
        }
        return;
    }
    for (; m + 2 <= p->rows; m += 2) {
        two_rows_int8(p, (const int8_t *)x + m * p->depth, y, m * p->outputs);
    }
    if (m < p->rows) {
        row_int8(p, (const int8_t *)x + m * p->depth, y, m * p->outputs);
    }
}
