/* Element-wise kernels of one operand: gains and offsets per channel, table look-up, change of scale. */
#include <stddef.h>

#include "emg_elementwise.h"
#include "emg_storage.h"

/* One row of `width` elements from element i on, with the constants of channel c on. */
static void affine_row(const emg_affine_params *p, const void *x, void *y, int32_t i, int32_t c)
{
    for (int32_t d = 0; d < p->width; d++, i++, c++) {
        int32_t centred = emg_load(x, p->in, i) - p->zero_in;
        int32_t mul = p->mul[c * p->mul_step];
        if (centred < 0 && p->negative != NULL) {
            mul = p->negative[c * p->negative_step];
        }
        int64_t total = (int64_t)centred * mul + p->add[c * p->add_step];
        emg_store(y, p->out, i, emg_rounding_shift(total, p->shift) + p->zero);
    }
}

void emg_affine(const emg_affine_params *p, const void *x, void *y)
{
    int32_t i = 0;
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t row = 0; row < p->rows; row++) {
            for (int32_t k = 0; k < p->repeat; k++, i += p->width) {
                affine_row(p, x, y, i, row * p->width);
            }
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
