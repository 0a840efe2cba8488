/* Kernels that move elements: strided copy, gathered rows, concatenation. */
#include <stddef.h>

#include "emg_movement.h"
#include "emg_storage.h"

/* Copy one row of a box; the innermost axis has stride `from` in x and `to` in y. */
static void copy_row(emg_type type, const void *x, int32_t from, void *y, int32_t to, int32_t count)
{
    if (type == EMG_INT8) {
        const int8_t *in = x;
        int8_t *out = y;
        for (int32_t i = 0; i < count; i++) {
            out[i * to] = in[i * from];
        }
    } else if (type == EMG_INT16) {
        const int16_t *in = x;
        int16_t *out = y;
        for (int32_t i = 0; i < count; i++) {
            out[i * to] = in[i * from];
        }
    } else {
        const int32_t *in = x;
        int32_t *out = y;
        for (int32_t i = 0; i < count; i++) {
            out[i * to] = in[i * from];
        }
    }
}

/* Address of element `index`. */
static const void *element(const void *buffer, emg_type type, int32_t index)
{
    return (const uint8_t *)buffer + index * (int32_t)type;
}

static void *place(void *buffer, emg_type type, int32_t index)
{
    return (uint8_t *)buffer + index * (int32_t)type;
}

static void fill(void *y, emg_type type, int32_t first, int32_t count, int32_t value)
{
    for (int32_t i = first; i < first + count; i++) {
        emg_store(y, type, i, value);
    }
}

void emg_move(const emg_move_params *p, const void *x, void *y)
{
    const int32_t last = EMG_AXES - 1;
    int32_t at[EMG_AXES] = {0};
    int32_t from = p->base, to = p->out_base;
    int32_t rows = emg_rows(p->extent), count = p->extent[last];
    fill(y, p->type, 0, p->filled, p->zero);
    for (int32_t row = 0; row < rows; row++) {
        const void *in = element(x, p->type, from);
        void *out = place(y, p->type, to);
        if (p->stride[last] == 1 && p->out_stride[last] == 1) {
            memcpy(out, in, (size_t)count * (size_t)p->type);
        } else {
            copy_row(p->type, in, p->stride[last], out, p->out_stride[last], count);
        }
        emg_next_row(p->extent, p->stride, p->out_stride, at, &from, &to);
    }
}

void emg_gather(const emg_gather_params *p, const void *x, void *y)
{
    size_t bytes = (size_t)p->inner * (size_t)p->type;
    int32_t to = 0;
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t r = 0; r < p->rows; r++, to += p->inner) {
            int32_t row = p->index32 != NULL ? p->index32[r] : p->index16[r];
            if (row < 0) {
                fill(y, p->type, to, p->inner, p->zero);
            } else {
                memcpy(place(y, p->type, to), element(x, p->type, o * p->step + row * p->inner), bytes);
            }
        }
    }
}

/* One block of one part: `count` elements from element `from` of x to element `to` of y. */
static void join(const emg_concat_params *p, int32_t part, const void *x, int32_t from, void *y, int32_t to,
                 int32_t count)
{
    emg_type in = (emg_type)p->bytes[part];
    if (p->shift[part] == 0) {
        memcpy(place(y, p->out, to), element(x, p->out, from), (size_t)count * (size_t)p->out);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        int64_t scaled = (int64_t)(emg_load(x, in, from + i) - p->zero_in[part]) * p->mul[part];
        emg_store(y, p->out, to + i, emg_rounding_shift(scaled, p->shift[part]) + p->zero);
    }
}

void emg_concat(const emg_concat_params *p, const void *const *inputs, void *y)
{
    int32_t width = 0, first = 0, stored = 0;
    for (int32_t part = 0; part < p->parts; part++) {
        width += p->extent[part] * p->inner;
    }
    for (int32_t part = 0; part < p->parts; part++) {
        int32_t count = p->extent[part] * p->inner;
        for (int32_t o = 0; o < p->outer; o++) {
            int32_t to = o * width + first;
            if (p->source[part] >= 0) {
                join(p, part, inputs[p->source[part]], o * count, y, to, count);
            } else {
                for (int32_t i = 0; i < count; i++, stored++) {
                    emg_store(y, p->out, to + i, p->constant[stored]);
                }
            }
        }
        first += count;
    }
}
