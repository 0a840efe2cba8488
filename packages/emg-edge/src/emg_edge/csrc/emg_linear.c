/* Linear layer: int8 or int16 by int8 or int4, a block of outputs at a time past all rows. */
#include "emg_linear.h"

#include <stddef.h>

#include "emg_primitives.h"
#include "emg_rows.h"

/* Up to EMG_LINEAR_BLOCK outputs: their weights as bytes, and where their results go. */
typedef struct {
    const emg_linear_params *p;
    const int8_t *weight;
    int32_t start, count;
    void *y;
} block;

static void finish(const block *b, const int32_t *acc, int32_t row)
{
    const emg_linear_params *p = b->p;
    emg_finish(&p->finish, acc, p->bias + b->start, p->mul + b->start, b->count, b->y, row * p->outputs + b->start);
}

static void two_rows(const block *b, const int8_t *x, int32_t row)
{
    const emg_linear_params *p = b->p;
    int32_t left[EMG_LINEAR_BLOCK], right[EMG_LINEAR_BLOCK], line = p->depth * (int32_t)p->in;
    emg_two_rows(x + row * line, x + (row + 1) * line, p->in, b->weight, p->depth, b->count, left, right);
    finish(b, left, row);
    finish(b, right, row + 1);
}

static void one_row(const block *b, const int8_t *x, int32_t row)
{
    const emg_linear_params *p = b->p;
    int32_t acc[EMG_LINEAR_BLOCK];
    emg_one_row(x + row * p->depth * (int32_t)p->in, p->in, b->weight, p->depth, b->count, acc);
    finish(b, acc, row);
}

/* The block's weights: in place, or unpacked from four bits into scratch. */
static const int8_t *weights(const emg_linear_params *p, int32_t start, int32_t count, int8_t *scratch)
{
    if (p->packed == NULL) {
        return p->weight + start * p->depth;
    }
    int32_t stride = (p->depth + 1) / 2;
    for (int32_t i = 0; i < count; i++) {
        emg_unpack4(p->packed + (start + i) * stride, p->depth, scratch + i * p->depth);
    }
    return scratch;
}

void emg_linear(const emg_linear_params *p, const void *x, void *y, void *scratch)
{
    for (int32_t start = 0; start < p->outputs; start += EMG_LINEAR_BLOCK) {
        int32_t rest = p->outputs - start;
        int32_t count = rest < EMG_LINEAR_BLOCK ? rest : EMG_LINEAR_BLOCK;
        block b = {p, weights(p, start, count, (int8_t *)scratch), start, count, y};
        int32_t row = 0;
        for (; row + 2 <= p->rows; row += 2) {
            two_rows(&b, x, row);
        }
        if (row < p->rows) {
            one_row(&b, x, row);
        }
    }
}
