/* Multi-head attention, one query row at a time: rotate, score, exponentials by table, weighted sum, normalise. */
#include <stddef.h>

#include "emg_attention.h"
#include "emg_primitives.h"

/* The parts of the working memory, in the order in which they lie in it. */
typedef struct {
    int8_t *keys;  /* (rows, width) rotated, unused without rotation */
    int8_t *query; /* (width) rotated, behind the keys */
    int32_t *scores;
    uint8_t *weights;
    int32_t *context;
} workspace;

static workspace divide(const emg_attention_params *p, void *scratch)
{
    workspace w;
    int32_t rotated = p->cosine != NULL ? (p->rows + 1) * p->width : 0;
    w.keys = (int8_t *)scratch;
    w.query = w.keys + p->rows * p->width;
    w.scores = (int32_t *)scratch + (rotated + 3) / 4;
    w.weights = (uint8_t *)(w.scores + p->rows);
    w.context = w.scores + p->rows + (p->rows + 3) / 4;
    return w;
}

/* Rotate the interleaved pairs of one row by its angles. */
static void rotate(const emg_attention_params *p, const int8_t *x, int32_t row, int8_t *y)
{
    int32_t half = p->width / 2;
    const int16_t *c = p->cosine + (row % p->period) * half;
    const int16_t *s = p->sine + (row % p->period) * half;
    for (int32_t i = 0; i < half; i++) {
        int32_t a = x[2 * i];
        int32_t b = x[2 * i + 1];
        y[2 * i] = emg_saturate8((a * c[i] - b * s[i] + 16384) >> 15);
        y[2 * i + 1] = emg_saturate8((a * s[i] + b * c[i] + 16384) >> 15);
    }
}

/* Scores of one query against every key; returns the largest. */
static int32_t score(const emg_attention_params *p, const int8_t *query, const int8_t *keys, int32_t stride,
                     int32_t *scores)
{
    int32_t largest = INT32_MIN;
    int32_t j = 0;
    for (; j + 4 <= p->rows; j += 4) {
        emg_dot_1x4(query, keys + j * stride, stride, p->width, scores + j);
    }
    for (; j < p->rows; j++) {
        scores[j] = emg_dot(query, keys + j * stride, p->width);
    }
    for (j = 0; j < p->rows; j++) {
        largest = scores[j] > largest ? scores[j] : largest;
    }
    return largest;
}

/* Exponentials of the distances to the largest score; returns their sum, at least 255. */
static uint32_t exponentials(const emg_attention_params *p, int32_t head, int32_t largest, const workspace *w)
{
    uint32_t sum = 0;
    for (int32_t j = 0; j < p->rows; j++) {
        int64_t distance = (int64_t)largest - w->scores[j];
        int64_t index = emg_rounding_shift(distance * p->index_mul[head], p->index_shift);
        w->weights[j] = p->table[index < 255 ? index : 255];
        sum += w->weights[j];
    }
    return sum;
}

/* Weighted sum of the values of one head. */
static void weigh(const emg_attention_params *p, const int8_t *values, const workspace *w)
{
    int32_t stride = p->layout[8];
    int32_t j = 0;
    for (int32_t i = 0; i < p->width; i++) {
        w->context[i] = 0;
    }
    for (; j + 4 <= p->rows; j += 4) {
        emg_weighted_rows4(w->weights + j, values + j * stride, stride, p->width, w->context);
    }
    for (; j < p->rows; j++) {
        emg_weighted_row(w->weights[j], values + j * stride, p->width, w->context);
    }
}

/* Divide by the sum of the exponentials and bring to the output's grid. */
static void normalise(const emg_attention_params *p, int32_t head, uint32_t sum, const int32_t *context, int8_t *y)
{
    int64_t reciprocal = (((uint32_t)1 << 30) + sum / 2) / sum;
    for (int32_t i = 0; i < p->width; i++) {
        int64_t mean = emg_rounding_shift(context[i] * reciprocal, 22);
        y[i] = emg_saturate8(emg_rounding_shift((int64_t)(int32_t)mean * p->out_mul[head], p->out_shift) + p->zero);
    }
}

static void one_head(const emg_attention_params *p, int32_t head, const int8_t *q, const int8_t *k, const int8_t *v,
                     int8_t *y, const workspace *w)
{
    const int8_t *keys = k;
    int32_t stride = p->layout[5];
    if (p->cosine != NULL) {
        for (int32_t row = 0; row < p->rows; row++) {
            rotate(p, k + row * stride, row, w->keys + row * p->width);
        }
        keys = w->keys;
        stride = p->width;
    }
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *query = q + row * p->layout[2];
        if (p->cosine != NULL) {
            rotate(p, query, row, w->query);
            query = w->query;
        }
        int32_t largest = score(p, query, keys, stride, w->scores);
        uint32_t sum = exponentials(p, head, largest, w);
        weigh(p, v, w);
        normalise(p, head, sum, w->context, y + row * p->heads * p->width);
    }
}

void emg_attention(const emg_attention_params *p, const int8_t *q, const int8_t *k, const int8_t *v, int8_t *y,
                   void *scratch)
{
    workspace w = divide(p, scratch);
    for (int32_t head = 0; head < p->heads; head++) {
        one_head(p, head, q + p->layout[0] + head * p->layout[1], k + p->layout[3] + head * p->layout[4],
                 v + p->layout[6] + head * p->layout[7], y + head * p->width, &w);
    }
}
