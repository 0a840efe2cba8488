/* Convolution: patches of two output pixels at a time against four channels, or tap by tap where it is depthwise. */
#include "emg_convolution.h"

#include <stddef.h>

#include "emg_rows.h"
#include "emg_storage.h"

/* Weights of outputs start .. start + count - 1, and where their results go. */
typedef struct {
    const emg_conv_params *p;
    const int8_t *weight;
    int32_t start, count, depth;
    void *y;
} block;

/* Number of the `count` taps at `first`, `first + step`, ... that lie below `limit`. */
static inline int32_t taps_below(int32_t first, int32_t step, int32_t limit, int32_t count)
{
    int32_t taps = first < limit ? (limit - first + step - 1) / step : 0;
    return taps < count ? taps : count;
}

/* Fill with the input's zero point, which stands for real 0. */
static void fill(const emg_conv_params *p, int8_t *patch, int32_t nbytes)
{
    if (p->in == EMG_INT8) {
        memset(patch, p->zero_in, (size_t)nbytes);
        return;
    }
    int16_t zero = (int16_t)p->zero_in;
    for (int32_t i = 0; i < nbytes; i += 2) {
        memcpy(patch + i, &zero, 2);
    }
}

/* Copy one row of taps, of `width` bytes each; `line` is the input's row, or NULL outside of it. */
static void gather_row(const emg_conv_params *p, const int8_t *line, int32_t left, int32_t width, int8_t *patch)
{
    int32_t taps = p->kernel[1], step = p->dilation[1], pixel = p->channels * (int32_t)p->in;
    int32_t first = line == NULL ? taps : taps_below(left, step, 0, taps);
    int32_t last = line == NULL ? taps : taps_below(left, step, p->extent[1], taps);
    fill(p, patch, first * width);
    if (step == 1 && width == pixel && last > first) {
        memcpy(patch + first * width, line + (left + first) * pixel, (size_t)((last - first) * width));
    } else {
        for (int32_t k = first; k < last; k++) {
            memcpy(patch + k * width, line + (left + k * step) * pixel, (size_t)width);
        }
    }
    fill(p, patch + last * width, (taps - last) * width);
}

/* Copy the inputs of one output pixel and group. */
static void gather(const emg_conv_params *p, const int8_t *x, int32_t top, int32_t left, int32_t group, int8_t *patch)
{
    int32_t width = p->channels / p->groups * (int32_t)p->in;
    int32_t line = p->extent[1] * p->channels * (int32_t)p->in;
    for (int32_t k = 0; k < p->kernel[0]; k++) {
        int32_t row = top + k * p->dilation[0];
        int inside = row >= 0 && row < p->extent[0];
        gather_row(p, inside ? x + row * line + group * width : NULL, left, width, patch);
        patch += p->kernel[1] * width;
    }
}

/* Whether all taps of a pixel lie side by side in the input, so that no patch needs to be made. */
static inline int lies_whole(const emg_conv_params *p, int32_t row, int32_t left)
{
    return p->kernel[0] == 1 && p->dilation[1] == 1 && p->groups == 1 && row >= 0 && row < p->extent[0] && left >= 0
           && left + p->kernel[1] <= p->extent[1];
}

/* Address of the inputs of one output pixel and group: in place, or copied to `patch`. */
static const int8_t *taken(const emg_conv_params *p, const int8_t *x, int32_t pixel, int32_t group, int8_t *patch)
{
    int32_t row = pixel / p->out_extent[1] * p->stride[0] - p->pad[0];
    int32_t left = pixel % p->out_extent[1] * p->stride[1] - p->pad[1];
    if (lies_whole(p, row, left)) {
        return x + (row * p->extent[1] + left) * p->channels * (int32_t)p->in;
    }
    gather(p, x, row, left, group, patch);
    return patch;
}

static void finish(const block *b, const int32_t *acc, int32_t n, int32_t count, int32_t pixel)
{
    const emg_conv_params *p = b->p;
    int32_t first = b->start + n;
    emg_finish(&p->finish, acc, p->bias + first, p->mul + first, count, b->y, pixel * p->outputs + first);
}

static void two_pixels(const block *b, const void *x0, const void *x1, int32_t pixel)
{
    int32_t left[EMG_CONV_BLOCK], right[EMG_CONV_BLOCK];
    for (int32_t start = 0; start < b->count; start += EMG_CONV_BLOCK) {
        int32_t count = b->count - start < EMG_CONV_BLOCK ? b->count - start : EMG_CONV_BLOCK;
        emg_two_rows(x0, x1, b->p->in, b->weight + start * b->depth, b->depth, count, left, right);
        finish(b, left, start, count, pixel);
        finish(b, right, start, count, pixel + 1);
    }
}

static void one_pixel(const block *b, const void *x, int32_t pixel)
{
    int32_t acc[EMG_CONV_BLOCK];
    for (int32_t start = 0; start < b->count; start += EMG_CONV_BLOCK) {
        int32_t count = b->count - start < EMG_CONV_BLOCK ? b->count - start : EMG_CONV_BLOCK;
        emg_one_row(x, b->p->in, b->weight + start * b->depth, b->depth, count, acc);
        finish(b, acc, start, count, pixel);
    }
}

/* All pixels of a block of outputs, which belong to one group. */
static void pixels(const block *b, const int8_t *x, int32_t group, int8_t *scratch)
{
    const emg_conv_params *p = b->p;
    int32_t m = 0, count = p->out_extent[0] * p->out_extent[1];
    for (; m + 2 <= count; m += 2) {
        const int8_t *x0 = taken(p, x, m, group, scratch);
        const int8_t *x1 = taken(p, x, m + 1, group, scratch + b->depth * (int32_t)p->in);
        two_pixels(b, x0, x1, m);
    }
    if (m < count) {
        one_pixel(b, taken(p, x, m, group, scratch), m);
    }
}

/* Group by group; four-bit weights are unpacked a few outputs at a time. */
static void dense(const emg_conv_params *p, const int8_t *x, void *y, int8_t *scratch)
{
    int32_t depth = p->kernel[0] * p->kernel[1] * (p->channels / p->groups);
    int32_t width = p->outputs / p->groups, step = p->packed == NULL ? width : EMG_CONV_BLOCK;
    int8_t *bytes = scratch + 2 * depth * (int32_t)p->in;
    for (int32_t group = 0; group < p->groups; group++) {
        for (int32_t n = 0; n < width; n += step) {
            int32_t start = group * width + n, count = width - n < step ? width - n : step;
            for (int32_t i = 0; p->packed != NULL && i < count; i++) {
                emg_unpack4(p->packed + (start + i) * ((depth + 1) / 2), depth, bytes + i * depth);
            }
            block b = {p, p->packed == NULL ? p->weight + start * depth : bytes, start, count, depth, y};
            pixels(&b, x, group, scratch);
        }
    }
}

/* acc[n] += x[n / multiplier] * w[n] over one input pixel, or over the zero point where x is NULL. */
static void add_tap(const emg_conv_params *p, const void *x, const int8_t *w, int32_t *acc)
{
    int32_t multiplier = p->outputs / p->channels;
    if (x == NULL) {
        for (int32_t n = 0; n < p->outputs; n++) {
            acc[n] += p->zero_in * w[n];
        }
    } else if (p->in == EMG_INT8 && multiplier == 1) {
        const int8_t *bytes = x;
        for (int32_t n = 0; n < p->outputs; n++) {
            acc[n] += (int32_t)bytes[n] * w[n];
        }
    } else {
        for (int32_t c = 0, n = 0; c < p->channels; c++) {
            int32_t value = emg_load(x, p->in, c);
            for (int32_t i = 0; i < multiplier; i++, n++) {
                acc[n] += value * w[n];
            }
        }
    }
}

static void depthwise_pixel(const emg_conv_params *p, const int8_t *x, const int8_t *w, int32_t pixel, int32_t *acc)
{
    int32_t top = pixel / p->out_extent[1] * p->stride[0] - p->pad[0];
    int32_t left = pixel % p->out_extent[1] * p->stride[1] - p->pad[1];
    int32_t nbytes = p->channels * (int32_t)p->in;
    memset(acc, 0, (size_t)p->outputs * sizeof *acc);
    for (int32_t i = 0; i < p->kernel[0]; i++) {
        int32_t row = top + i * p->dilation[0];
        for (int32_t j = 0; j < p->kernel[1]; j++, w += p->outputs) {
            int32_t column = left + j * p->dilation[1];
            int inside = row >= 0 && row < p->extent[0] && column >= 0 && column < p->extent[1];
            add_tap(p, inside ? x + (row * p->extent[1] + column) * nbytes : NULL, w, acc);
        }
    }
}

static void depthwise(const emg_conv_params *p, const int8_t *x, void *y, int32_t *acc)
{
    int8_t *bytes = (int8_t *)(acc + p->outputs);
    for (int32_t i = 0; p->packed != NULL && i < p->kernel[0] * p->kernel[1]; i++) {
        emg_unpack4(p->packed + i * ((p->outputs + 1) / 2), p->outputs, bytes + i * p->outputs);
    }
    for (int32_t pixel = 0; pixel < p->out_extent[0] * p->out_extent[1]; pixel++) {
        depthwise_pixel(p, x, p->packed == NULL ? p->weight : bytes, pixel, acc);
        emg_finish(&p->finish, acc, p->bias, p->mul, p->outputs, y, pixel * p->outputs);
    }
}

void emg_conv(const emg_conv_params *p, const void *x, void *y, void *scratch)
{
    if (p->groups > 1 && p->groups == p->channels) {
        depthwise(p, x, y, scratch);
    } else {
        dense(p, x, y, scratch);
    }
}
