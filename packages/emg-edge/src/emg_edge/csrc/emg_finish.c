/* Requantisation in 32-bit steps: by the high word of the product alone, or by both words; else through 64 bits. */
#include "emg_finish.h"

#include <stddef.h>

#include "emg_storage.h"

#define EMG_BEYOND ((int32_t)1 << 30) /* outside every 16-bit grid, and still safe to add a zero point to */

/* Shift 33..62: floor((high * 2**32 + low + 2**(shift-1)) / 2**shift) does not depend on low. */
static inline int32_t from_high(int32_t sum, int32_t mul, int32_t shift)
{
    return (emg_multiply_high(sum, mul) + ((int32_t)1 << (shift - 33))) >> (shift - 32);
}

/* Shift 2..32: both words; what is 2**30 or more in size becomes that. */
static inline int32_t from_both(int32_t sum, int32_t mul, int32_t shift)
{
    uint64_t product = (uint64_t)((int64_t)sum * mul + (int64_t)((uint32_t)1 << (shift - 1)));
    int32_t high = (int32_t)(product >> 32);
    uint32_t limit = (uint32_t)1 << (shift - 2);
    if (shift == 32) {
        return high;
    }
    if ((uint32_t)high + limit >= 2 * limit) {
        return high < 0 ? -EMG_BEYOND : EMG_BEYOND;
    }
    return (int32_t)((uint32_t)high << (32 - shift) | (uint32_t)product >> shift);
}

static void int8_high(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                      int32_t count, int8_t *y)
{
    int32_t shift = f->shift, zero = f->zero;
    for (int32_t i = 0; i < count; i++) {
        y[i] = emg_clip8(from_high(acc[i] + bias[i], mul[i], shift) + zero);
    }
}

static void int8_both(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                      int32_t count, int8_t *y)
{
    int32_t shift = f->shift, zero = f->zero;
    for (int32_t i = 0; i < count; i++) {
        y[i] = emg_clip8(from_both(acc[i] + bias[i], mul[i], shift) + zero);
    }
}

static void int16_high(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                       int32_t count, int16_t *y)
{
    int32_t shift = f->shift, zero = f->zero;
    for (int32_t i = 0; i < count; i++) {
        y[i] = emg_clip16(from_high(acc[i] + bias[i], mul[i], shift) + zero);
    }
}

static void int16_both(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                       int32_t count, int16_t *y)
{
    int32_t shift = f->shift, zero = f->zero;
    for (int32_t i = 0; i < count; i++) {
        y[i] = emg_clip16(from_both(acc[i] + bias[i], mul[i], shift) + zero);
    }
}

static void general(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul,
                    int32_t count, void *y, int32_t first)
{
    for (int32_t i = 0; i < count; i++) {
        int64_t value = emg_rounding_shift((int64_t)(acc[i] + bias[i]) * mul[i], f->shift) + f->zero;
        emg_store(y, f->out, first + i, value);
    }
}

void emg_finish(const emg_finish_params *f, const int32_t *acc, const int32_t *bias, const int32_t *mul, int32_t count,
                void *y, int32_t first)
{
    int8_t *bytes = (int8_t *)y + first;
    if (f->out == EMG_INT32 || f->shift < 2) {
        general(f, acc, bias, mul, count, y, first);
    } else if (f->out == EMG_INT8 && f->shift > 32) {
        int8_high(f, acc, bias, mul, count, bytes);
    } else if (f->out == EMG_INT8) {
        int8_both(f, acc, bias, mul, count, bytes);
    } else if (f->shift > 32) {
        int16_high(f, acc, bias, mul, count, (int16_t *)y + first);
    } else {
        int16_both(f, acc, bias, mul, count, (int16_t *)y + first);
    }
    if (f->table != NULL) {
        for (int32_t i = 0; i < count; i++) {
            bytes[i] = emg_look_up(f->table, bytes[i]);
        }
    }
}
