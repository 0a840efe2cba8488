/* Softmax of rows: exponentials of the distances to the largest element from two tables, one division per row. */
#include <stddef.h>

#include "emg_softmax.h"
#include "emg_storage.h"

#define LN2_Q26 46516320

/* What exponentials need. */
typedef struct {
    const uint16_t *coarse, *fine;
    const uint8_t *mask; /* of this row, or NULL */
    const void *x;
    int32_t first, width, mul, shift;
    emg_type in;
} row_view;

static int32_t takes_part(const row_view *row, int32_t j)
{
    return row->mask == NULL || (row->mask[j / 8] >> (j % 8) & 1) != 0;
}

/* The largest element; INT32_MIN where none takes part. */
static int32_t largest_of(const row_view *row)
{
    int32_t largest = INT32_MIN;
    for (int32_t j = 0; j < row->width; j++) {
        int32_t value = emg_load(row->x, row->in, row->first + j);
        if (value > largest && takes_part(row, j)) {
            largest = value;
        }
    }
    return largest;
}

/* exp of element j less the largest in Q15; 0 where it takes no part. */
static uint32_t exponential(const row_view *row, int32_t largest, int32_t j)
{
    if (!takes_part(row, j)) {
        return 0;
    }
    int64_t distance = (int64_t)largest - emg_load(row->x, row->in, row->first + j);
    int64_t index = emg_rounding_shift(distance * row->mul, row->shift);
    uint32_t at = index < 65535 ? (uint32_t)index : 65535u;
    return ((uint32_t)row->coarse[at >> 8] * row->fine[at & 255u] + 16384u) >> 15;
}

static uint32_t row_sum(const row_view *row, int32_t largest)
{
    uint32_t sum = 0;
    for (int32_t j = 0; j < row->width; j++) {
        sum += exponential(row, largest, j);
    }
    return sum;
}

void emg_softmax(const emg_softmax_params *p, const void *x, void *y)
{
    for (int32_t r = 0; r < p->rows; r++) {
        row_view row = {p->coarse, p->fine, NULL, x, r * p->width, p->width, p->mul, p->shift, p->in};
        if (p->mask != NULL) {
            row.mask = p->mask + (r % p->period) * ((p->width + 7) / 8);
        }
        int32_t largest = largest_of(&row);
        uint32_t sum = row_sum(&row, largest);
        int32_t length = sum != 0 ? emg_bit_length(sum) : 16;
        uint32_t mantissa = sum != 0 ? sum >> (length - 16) : 32768u;
        uint32_t inverse = ((uint32_t)1 << 31) / mantissa;
        for (int32_t j = 0; j < p->width; j++) {
            int64_t product = (int64_t)exponential(&row, largest, j) * (int64_t)inverse;
            int64_t value = emg_rounding_shift(product * p->out_mul, length + p->out_shift);
            emg_store(y, p->out, row.first + j, value + p->zero);
        }
    }
}

/* log(sum / 2**15) in Q26; sum >= 2**15. */
static int64_t log_of(const int32_t *logs, uint32_t sum)
{
    int32_t length = emg_bit_length(sum);
    int32_t mantissa = (int32_t)(sum >> (length - 16));
    int32_t k = (mantissa - 32768) >> 7;
    int32_t between = ((logs[k + 1] - logs[k]) * (mantissa & 127) + 64) >> 7;
    return (int64_t)(length - 16) * LN2_Q26 + logs[k] + between;
}

void emg_log_softmax(const emg_log_softmax_params *p, const void *x, void *y)
{
    for (int32_t r = 0; r < p->rows; r++) {
        row_view row = {p->coarse, p->fine, NULL, x, r * p->width, p->width, p->mul, p->shift, p->in};
        int32_t largest = largest_of(&row);
        int64_t offset = log_of(p->logs, row_sum(&row, largest)) * p->log_mul;
        for (int32_t j = 0; j < p->width; j++) {
            int64_t distance = (int64_t)emg_load(x, p->in, row.first + j) - largest;
            int64_t value = emg_rounding_shift(distance * p->out_mul - offset, p->out_shift);
            emg_store(y, p->out, row.first + j, value + p->zero);
        }
    }
}
