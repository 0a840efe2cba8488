/* Pooling over windows of (outer, H, W, inner). */
#include "emg_pool.h"
#include "emg_storage.h"

/* Taps of one window along one axis: the first inside [low, high), and how many follow. */
typedef struct {
    int32_t first, count;
} span;

static span inside(int32_t start, int32_t dilation, int32_t kernel, int32_t low, int32_t high)
{
    span found = {0, 0};
    while (found.first < kernel && start + found.first * dilation < low) {
        found.first++;
    }
    while (found.first + found.count < kernel && start + (found.first + found.count) * dilation < high) {
        found.count++;
    }
    return found;
}

/* Element of x at the first place of a window, and the steps from place to place. */
typedef struct {
    int32_t origin, rows, columns, row_step, column_step;
} window;

static window find(const int32_t size[2], const int32_t kernel[2], const int32_t dilations[2], int32_t inner,
                   int32_t outer, int32_t h, int32_t w)
{
    span rows = inside(h, dilations[0], kernel[0], 0, size[0]);
    span columns = inside(w, dilations[1], kernel[1], 0, size[1]);
    int32_t row = h + rows.first * dilations[0], column = w + columns.first * dilations[1];
    window found = {((outer * size[0] + row) * size[1] + column) * inner, rows.count, columns.count,
                    dilations[0] * size[1] * inner, dilations[1] * inner};
    return found;
}

static int32_t largest(emg_type type, const void *x, const window *v, int32_t i)
{
    int32_t best = INT32_MIN;
    for (int32_t r = 0; r < v->rows; r++) {
        int32_t at = v->origin + r * v->row_step + i;
        for (int32_t c = 0; c < v->columns; c++, at += v->column_step) {
            int32_t value = emg_load(x, type, at);
            best = value > best ? value : best;
        }
    }
    return best;
}

static int32_t sum(emg_type type, const void *x, const window *v, int32_t i)
{
    int32_t total = 0; /* at most 2**15 places of 16 bits */
    for (int32_t r = 0; r < v->rows; r++) {
        int32_t at = v->origin + r * v->row_step + i;
        for (int32_t c = 0; c < v->columns; c++, at += v->column_step) {
            total += emg_load(x, type, at);
        }
    }
    return total;
}

void emg_max_pool(const emg_max_pool_params *p, const void *x, void *y)
{
    int32_t to = 0;
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t r = 0; r < p->count[0]; r++) {
            for (int32_t c = 0; c < p->count[1]; c++) {
                window v = find(p->size, p->kernel, p->dilations, p->inner, o, r * p->strides[0] - p->begin[0],
                                c * p->strides[1] - p->begin[1]);
                for (int32_t i = 0; i < p->inner; i++, to++) {
                    emg_store(y, p->out, to, largest(p->in, x, &v, i));
                }
            }
        }
    }
}

/* Places of a window that count in its divisor. */
static int32_t counted(const emg_average_pool_params *p, int32_t h, int32_t w)
{
    span rows = inside(h, p->dilations[0], p->kernel[0], p->low[0], p->high[0]);
    span columns = inside(w, p->dilations[1], p->kernel[1], p->low[1], p->high[1]);
    return rows.count * columns.count;
}

void emg_average_pool(const emg_average_pool_params *p, const void *x, void *y)
{
    int32_t to = 0;
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t r = 0; r < p->count[0]; r++) {
            for (int32_t c = 0; c < p->count[1]; c++) {
                int32_t h = r * p->strides[0] - p->begin[0], w = c * p->strides[1] - p->begin[1];
                window v = find(p->size, p->kernel, p->dilations, p->inner, o, h, w);
                int64_t zeros = (int64_t)v.rows * v.columns * p->zero_in;
                int32_t mul = p->mul[counted(p, h, w) - 1];
                for (int32_t i = 0; i < p->inner; i++, to++) {
                    int64_t scaled = (sum(p->in, x, &v, i) - zeros) * mul;
                    emg_store(y, p->out, to, emg_rounding_shift(scaled, p->shift) + p->zero);
                }
            }
        }
    }
}
