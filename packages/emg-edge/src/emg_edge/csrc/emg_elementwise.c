/* Element-wise kernels: residual addition, addition of a constant, table look-up, change of scale. */
#include "emg_elementwise.h"
#include "emg_storage.h"

void emg_add(const emg_add_params *p, const void *a, const void *b, void *y)
{
    for (int32_t i = 0; i < p->size; i++) {
        int64_t left = (int64_t)(emg_load(a, p->a, i) - p->zero_a) * p->mul_a;
        int64_t right = (int64_t)(emg_load(b, p->b, i) - p->zero_b) * p->mul_b;
        emg_store(y, p->out, i, emg_rounding_shift(left + right, p->shift) + p->zero);
    }
}

void emg_add_constant(const emg_add_constant_params *p, const void *x, void *y)
{
    int32_t i = 0;
    for (int32_t row = 0; row < p->rows * p->repeat; row++) {
        const int32_t *value = p->value + (row / p->repeat) * p->width;
        for (int32_t d = 0; d < p->width; d++, i++) {
            int64_t scaled = (int64_t)(emg_load(x, p->in, i) - p->zero_in) * p->mul;
            emg_store(y, p->out, i, emg_rounding_shift(scaled + value[d], p->shift) + p->zero);
        }
    }
}

void emg_table(const emg_table_params *p, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < p->size; i++) {
        y[i] = emg_look_up(p->table, x[i]);
    }
}

void emg_requantise(const emg_requantise_params *p, const void *x, void *y)
{
    for (int32_t i = 0; i < p->size; i++) {
        int64_t scaled = (int64_t)(emg_load(x, p->in, i) - p->zero_in) * p->mul;
        emg_store(y, p->out, i, emg_rounding_shift(scaled, p->shift) + p->zero);
    }
}
