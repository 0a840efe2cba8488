/* Product of two activations: one matrix of b is copied by columns, then every row of a meets all of them. */
#include "emg_matmul.h"
#include "emg_storage.h"

/* The parts of the working memory, in the order in which they lie in it. */
typedef struct {
    int32_t *sums; /* of each column of b */
    void *row;     /* of a */
    int8_t *panel; /* (columns, depth) */
} workspace;

static workspace divide(const emg_matmul_params *p, void *scratch)
{
    workspace w;
    w.sums = (int32_t *)scratch;
    w.row = w.sums + p->columns;
    w.panel = (int8_t *)(w.sums + p->columns + (p->depth * (int32_t)p->a + 3) / 4);
    return w;
}

static void copy_columns(const emg_matmul_params *p, const int8_t *b, const workspace *w)
{
    for (int32_t j = 0; j < p->columns; j++) {
        int8_t *column = w->panel + j * p->depth;
        int32_t sum = 0;
        for (int32_t k = 0; k < p->depth; k++) {
            column[k] = b[k * p->b_layout[3] + j * p->b_layout[4]];
            sum += column[k];
        }
        w->sums[j] = sum;
    }
}

/* Copy the row of a that starts at element `first`; returns its sum. */
static int32_t copy_row(const emg_matmul_params *p, const void *a, int32_t first, const workspace *w)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        int32_t value = emg_load(a, p->a, first + k * p->a_layout[4]);
        emg_store(w->row, p->a, k, value);
        sum += value;
    }
    return sum;
}

/* Products of the row with four columns, or with one. */
static void products(const emg_matmul_params *p, int32_t j, int32_t count, const workspace *w, int32_t acc[4])
{
    const int8_t *columns = w->panel + j * p->depth;
    if (p->a == EMG_INT8 && count == 4) {
        emg_dot_1x4((const int8_t *)w->row, columns, p->depth, p->depth, acc);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        const int8_t *column = columns + i * p->depth;
        if (p->a == EMG_INT8) {
            acc[i] = emg_dot((const int8_t *)w->row, column, p->depth);
        } else {
            acc[i] = emg_dot_i16((const int16_t *)w->row, column, p->depth);
        }
    }
}

static void one_row(const emg_matmul_params *p, int32_t sum, const workspace *w, void *y, int32_t first)
{
    int64_t offset = (int64_t)p->depth * p->zero_a * p->zero_b - (int64_t)sum * p->zero_b;
    for (int32_t j = 0; j < p->columns; j += 4) {
        int32_t acc[4];
        int32_t count = p->columns - j < 4 ? p->columns - j : 4;
        products(p, j, count, w, acc);
        for (int32_t i = 0; i < count; i++) {
            int64_t value = acc[i] + offset - (int64_t)w->sums[j + i] * p->zero_a;
            emg_store(y, p->out, first + j + i, emg_rounding_shift(value * p->mul, p->shift) + p->zero);
        }
    }
}

void emg_matmul(const emg_matmul_params *p, const void *a, const int8_t *b, void *y, void *scratch)
{
    workspace w = divide(p, scratch);
    int32_t written = 0;
    for (int32_t g = 0; g < p->batch[0]; g++) {
        for (int32_t h = 0; h < p->batch[1]; h++) {
            int32_t first = p->a_layout[0] + g * p->a_layout[1] + h * p->a_layout[2];
            copy_columns(p, b + p->b_layout[0] + g * p->b_layout[1] + h * p->b_layout[2], &w);
            for (int32_t i = 0; i < p->rows; i++) {
                int32_t sum = copy_row(p, a, first + i * p->a_layout[3], &w);
                one_row(p, sum, &w, y, written);
                written += p->columns;
            }
        }
    }
}
