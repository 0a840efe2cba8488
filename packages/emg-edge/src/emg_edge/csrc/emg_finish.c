/* Requantisation: by the high word alone where the shift allows it, else through 64 bits. */
#include "emg_finish.h"

#include <stddef.h>

#include "emg_storage.h"

/* floor((high * 2**32 + low + 2**(shift-1)) / 2**shift) needs no low word when shift > 32. */
static inline int32_t rescaled(int32_t sum, int32_t mul, int32_t half, int32_t shift)
{
    return (emg_multiply_high(sum, mul) + half) >> shift;
}

static void narrow(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                   int32_t count, int8_t *y)
{
    int32_t shift = f->shift - 32, zero = f->zero;
    int32_t half = (int32_t)1 << (shift - 1);
    const int8_t *table = f->table;
    if (table != NULL) {
        for (int32_t i = 0; i < count; i++) {
            y[i] = emg_look_up(table, emg_clip8(rescaled(acc[i] + bias[i], mul[i], half, shift) + zero));
        }
    } else {
        for (int32_t i = 0; i < count; i++) {
            y[i] = emg_clip8(rescaled(acc[i] + bias[i], mul[i], half, shift) + zero);
        }
    }
}

static void middle(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                   int32_t count, int16_t *y)
{
    int32_t shift = f->shift - 32, zero = f->zero;
    int32_t half = (int32_t)1 << (shift - 1);
    for (int32_t i = 0; i < count; i++) {
        y[i] = emg_clip16(rescaled(acc[i] + bias[i], mul[i], half, shift) + zero);
    }
}

static void general(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                    int32_t count, void *y, int32_t first)
{
    for (int32_t i = 0; i < count; i++) {
        int64_t value = emg_rounding_shift((int64_t)(acc[i] + bias[i]) * mul[i], f->shift) + f->zero;
        if (f->table != NULL) {
            ((int8_t *)y)[first + i] = emg_look_up(f->table, emg_saturate8(value));
        } else {
            emg_store(y, f->out, first + i, value);
        }
    }
}

void emg_finish(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul, int32_t count,
                void *y, int32_t first)
{
    if (f->shift <= 32 || f->out == EMG_INT32) {
        general(f, acc, bias, mul, count, y, first);
    } else if (f->out == EMG_INT8) {
        narrow(f, acc, bias, mul, count, (int8_t *)y + first);
    } else {
        middle(f, acc, bias, mul, count, (int16_t *)y + first);
    }
}
