/* Multi-head attention, one query row at a time: rotate, score, exponentials by table, weighted sum, normalise. */
#include <stddef.h>

#include "emg_attention.h"
#include "emg_primitives.h"

/* Keys first..last - 1 that one row can see, and what decides which of them it does. */
typedef struct {
    int32_t first, last;
    const uint8_t *mask;   /* bits, or NULL */
    const int8_t *padding; /* or NULL */
    const int32_t *bias;   /* of key 0, or NULL */
} view;

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
    int32_t rotated = p->cosine != NULL ? (p->keys + 1) * p->width : 0;
    w.keys = (int8_t *)scratch;
    w.query = w.keys + p->keys * p->width;
    w.scores = (int32_t *)scratch + (rotated + 3) / 4;
    w.weights = (uint8_t *)(w.scores + p->keys);
    w.context = w.scores + p->keys + (p->keys + 3) / 4;
    return w;
}

/* Rotate the pairs of one row by its angles. */
static void rotate(const emg_attention_params *p, const int8_t *x, int32_t row, int8_t *y)
{
    int32_t half = p->width / 2;
    const int16_t *c = p->cosine + (row % p->period) * half;
    const int16_t *s = p->sine + (row % p->period) * half;
    for (int32_t i = 0; i < half; i++) {
        int32_t first = p->apart == 1 ? 2 * i : i;
        int32_t a = x[first];
        int32_t b = x[first + p->apart];
        y[first] = emg_saturate8((a * c[i] - b * s[i] + 16384) >> 15);
        y[first + p->apart] = emg_saturate8((a * s[i] + b * c[i] + 16384) >> 15);
    }
}

static view look(const emg_attention_params *p, int32_t head, int32_t row, const int8_t *padding)
{
    view seen;
    seen.first = row + p->reach[0] > 0 ? row + p->reach[0] : 0;
    seen.last = row + p->reach[1] + 1 < p->keys ? row + p->reach[1] + 1 : p->keys;
    seen.mask = p->mask != NULL ? p->mask + head * p->mask_layout[0] + row * p->mask_layout[1] : NULL;
    seen.bias = NULL;
    if (p->bias != NULL) {
        seen.bias = p->bias + p->bias_layout[0] + head * p->bias_layout[1] + row * p->bias_layout[2];
    }
    seen.padding = padding;
    return seen;
}

static int32_t is_visible(const emg_attention_params *p, const view *seen, int32_t j)
{
    if (seen->mask != NULL && (seen->mask[j / 8] >> (j % 8) & 1) == 0) {
        return 0;
    }
    return seen->padding == NULL || seen->padding[j] != p->padding_zero;
}

/* Scores of one query against the keys in reach. */
static void score(const emg_attention_params *p, const int8_t *query, const int8_t *keys, int32_t stride,
                  const view *seen, int32_t *scores)
{
    int32_t j = seen->first;
    for (; j + 4 <= seen->last; j += 4) {
        emg_dot_1x4(query, keys + j * stride, stride, p->width, scores + j);
    }
    for (; j < seen->last; j++) {
        scores[j] = emg_dot(query, keys + j * stride, p->width);
    }
    if (seen->bias != NULL) {
        for (j = seen->first; j < seen->last; j++) {
            scores[j] += seen->bias[j * p->bias_layout[3]];
        }
    }
}

/* The largest score of a visible key; INT32_MIN where there is none. */
static int32_t largest_score(const emg_attention_params *p, const view *seen, const int32_t *scores)
{
    int32_t largest = INT32_MIN;
    int32_t all = seen->mask == NULL && seen->padding == NULL;
    for (int32_t j = seen->first; j < seen->last; j++) {
        if (scores[j] > largest && (all || is_visible(p, seen, j))) {
            largest = scores[j];
        }
    }
    return largest;
}

/* Exponentials of the distances to the largest score, 0 for keys that are not visible; returns their sum. */
static uint32_t exponentials(const emg_attention_params *p, int32_t head, int32_t largest, const view *seen,
                             const workspace *w)
{
    uint32_t sum = 0;
    int32_t all = seen->mask == NULL && seen->padding == NULL;
    for (int32_t j = seen->first; j < seen->last; j++) {
        w->weights[j] = 0;
        if (all || is_visible(p, seen, j)) {
            int64_t distance = (int64_t)largest - w->scores[j];
            int64_t index = emg_rounding_shift(distance * p->index_mul[head], p->index_shift);
            w->weights[j] = p->table[index < 255 ? index : 255];
            sum += w->weights[j];
        }
    }
    return sum;
}

/* Weighted sum of the values of one head. */
static void weigh(const emg_attention_params *p, const int8_t *values, const view *seen, const workspace *w)
{
    int32_t stride = p->layout[8];
    int32_t j = seen->first;
    for (int32_t i = 0; i < p->width; i++) {
        w->context[i] = 0;
    }
    for (; j + 4 <= seen->last; j += 4) {
        emg_weighted_rows4(w->weights + j, values + j * stride, stride, p->width, w->context);
    }
    for (; j < seen->last; j++) {
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

/* Keys of one head, rotated into the working memory where there is a rotation. */
static const int8_t *turned_keys(const emg_attention_params *p, int32_t head, const int8_t *k, const workspace *w)
{
    if (p->cosine == NULL) {
        return k;
    }
    if (head % p->group == 0) { /* the heads of a group share them */
        for (int32_t row = 0; row < p->keys; row++) {
            rotate(p, k + row * p->layout[5], row, w->keys + row * p->width);
        }
    }
    return w->keys;
}

static void one_row(const emg_attention_params *p, int32_t head, const int8_t *query, const int8_t *keys,
                    const int8_t *values, const view *seen, int8_t *y, const workspace *w)
{
    score(p, query, keys, p->cosine != NULL ? p->width : p->layout[5], seen, w->scores);
    uint32_t sum = exponentials(p, head, largest_score(p, seen, w->scores), seen, w);
    if (sum == 0) {
        for (int32_t i = 0; i < p->width; i++) {
            y[i] = (int8_t)p->zero;
        }
        return;
    }
    weigh(p, values, seen, w);
    normalise(p, head, sum, w->context, y);
}

void emg_attention(const emg_attention_params *p, const int8_t *q, const int8_t *k, const int8_t *v,
                   const int8_t *padding, int8_t *y, void *scratch)
{
    workspace w = divide(p, scratch);
    for (int32_t head = 0; head < p->heads; head++) {
        int32_t shared = head / p->group;
        const int8_t *keys = turned_keys(p, head, k + p->layout[3] + shared * p->layout[4], &w);
        const int8_t *values = v + p->layout[6] + shared * p->layout[7];
        for (int32_t row = 0; row < p->rows; row++) {
            const int8_t *query = q + p->layout[0] + head * p->layout[1] + row * p->layout[2];
            view seen = look(p, head, row, padding);
            if (p->cosine != NULL) {
                rotate(p, query, row, w.query);
                query = w.query;
            }
            one_row(p, head, query, keys, values, &seen, y + (row * p->heads + head) * p->width, &w);
        }
    }
}
