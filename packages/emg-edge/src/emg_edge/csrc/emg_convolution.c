/* Convolution: patches of two output pixels at a time against four channels, or tap by tap where it is depthwise. */
#include <stddef.h>

#include "emg_convolution.h"
#include "emg_storage.h"

/* Requantise one accumulator and store it as element `index` of y. */
static inline void finish(const emg_conv_params *p, int32_t output, int32_t acc, void *y, int32_t index)
{
    int64_t scaled = (int64_t)(acc + p->bias[output]) * p->mul[output];
    int64_t value = emg_rounding_shift(scaled, p->shift) + p->pre_zero;
    if (p->table != NULL) {
        ((int8_t *)y)[index] = emg_look_up(p->table, emg_saturate8(value));
    } else {
        emg_store(y, p->out, index, value);
    }
}

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
static void gather(const emg_conv_params *p, const int8_t *x, int32_t pixel, int32_t group, int8_t *patch)
{
    int32_t width = p->channels / p->groups * (int32_t)p->in;
    int32_t line = p->extent[1] * p->channels * (int32_t)p->in;
    int32_t top = pixel / p->out_extent[1] * p->stride[0] - p->pad[0];
    int32_t left = pixel % p->out_extent[1] * p->stride[1] - p->pad[1];
    for (int32_t k = 0; k < p->kernel[0]; k++) {
        int32_t row = top + k * p->dilation[0];
        int inside = row >= 0 && row < p->extent[0];
        gather_row(p, inside ? x + row * line + group * width : NULL, left, width, patch);
        patch += p->kernel[1] * width;
    }
}

static void one_pixel(const emg_conv_params *p, const int8_t *patch, int32_t depth, int32_t n, int32_t end, void *y,
                      int32_t first)
{
    for (; n + 4 <= end; n += 4) {
        int32_t acc[4];
        emg_dot_1x4(patch, p->weight + n * depth, depth, depth, acc);
        for (int32_t i = 0; i < 4; i++) {
            finish(p, n + i, acc[i], y, first + n + i);
        }
    }
    for (; n < end; n++) {
        finish(p, n, emg_dot(patch, p->weight + n * depth, depth), y, first + n);
    }
}

/* Two pixels at once: every weight that is loaded serves both. */
static void two_pixels(const emg_conv_params *p, const int8_t *patch, int32_t depth, int32_t n, int32_t end, void *y,
                       int32_t first)
{
    int32_t second = first + p->outputs;
    for (; n + 4 <= end; n += 4) {
        int32_t acc[8];
        emg_dot_2x4(patch, p->weight + n * depth, depth, acc);
        for (int32_t i = 0; i < 4; i++) {
            finish(p, n + i, acc[i], y, first + n + i);
            finish(p, n + i, acc[4 + i], y, second + n + i);
        }
    }
    for (; n < end; n++) {
        finish(p, n, emg_dot(patch, p->weight + n * depth, depth), y, first + n);
        finish(p, n, emg_dot(patch + depth, p->weight + n * depth, depth), y, second + n);
    }
}

static void pixel_int16(const emg_conv_params *p, const int16_t *patch, int32_t depth, int32_t n, int32_t end, void *y,
                        int32_t first)
{
    for (; n < end; n++) {
        finish(p, n, emg_dot_i16(patch, p->weight + n * depth, depth), y, first + n);
    }
}

static void dense(const emg_conv_params *p, const int8_t *x, void *y, int8_t *patch)
{
    int32_t depth = p->kernel[0] * p->kernel[1] * (p->channels / p->groups);
    int32_t block = p->outputs / p->groups, pixels = p->out_extent[0] * p->out_extent[1];
    int32_t together = p->in == EMG_INT8 ? 2 : 1;
    for (int32_t m = 0; m < pixels; m += together) {
        for (int32_t g = 0; g < p->groups; g++) {
            int32_t n = g * block, end = n + block;
            gather(p, x, m, g, patch);
            if (p->in == EMG_INT16) {
                pixel_int16(p, (const int16_t *)(const void *)patch, depth, n, end, y, m * p->outputs);
            } else if (m + 1 < pixels) {
                gather(p, x, m + 1, g, patch + depth);
                two_pixels(p, patch, depth, n, end, y, m * p->outputs);
            } else {
                one_pixel(p, patch, depth, n, end, y, m * p->outputs);
            }
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

static void depthwise_pixel(const emg_conv_params *p, const int8_t *x, int32_t top, int32_t left, int32_t *acc)
{
    const int8_t *w = p->weight;
    int32_t pixel = p->channels * (int32_t)p->in;
    memset(acc, 0, (size_t)p->outputs * sizeof *acc);
    for (int32_t i = 0; i < p->kernel[0]; i++) {
        int32_t row = top + i * p->dilation[0];
        for (int32_t j = 0; j < p->kernel[1]; j++, w += p->outputs) {
            int32_t column = left + j * p->dilation[1];
            int inside = row >= 0 && row < p->extent[0] && column >= 0 && column < p->extent[1];
            add_tap(p, inside ? x + (row * p->extent[1] + column) * pixel : NULL, w, acc);
        }
    }
}

static void depthwise(const emg_conv_params *p, const int8_t *x, void *y, int32_t *acc)
{
    int32_t index = 0;
    for (int32_t i = 0; i < p->out_extent[0]; i++) {
        for (int32_t j = 0; j < p->out_extent[1]; j++) {
            depthwise_pixel(p, x, i * p->stride[0] - p->pad[0], j * p->stride[1] - p->pad[1], acc);
            for (int32_t n = 0; n < p->outputs; n++) {
                finish(p, n, acc[n], y, index++);
            }
        }
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
