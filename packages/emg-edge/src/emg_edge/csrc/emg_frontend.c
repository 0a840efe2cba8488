/* The streaming front end: second-order sections in direct form I with their rounding fed back, scaling, windows. */
#include "emg_frontend.h"
#include "emg_storage.h"
#include "emg_trace.h"

#define ONE 30 /* fraction bits of recursive coefficients */

static emg_type element(const emg_frontend_params *p)
{
    return p->kind == EMG_AFFINE ? p->out : EMG_INT32;
}

void emg_frontend_init(const emg_frontend_params *p, emg_frontend_state *s)
{
    size_t row = (size_t)p->n_chans * sizeof(int32_t);
    memset(s->newest, 0, row * (size_t)(p->n_sections + 1));
    memset(s->older, 0, row * (size_t)(p->n_sections + 1));
    if (p->n_sections > 0) {
        memset(s->rest, 0, row * (size_t)p->n_sections);
    }
    memset(s->ring, 0, (size_t)p->n_chans * (size_t)p->n_times * (size_t)element(p));
    s->frames = 0;
    s->skip = 0;
    s->head = 0;
    s->missing = p->n_times;
}

/* One sample of one channel through every section; the node behind the last one is returned and remembered. */
static int32_t filter(const emg_frontend_params *p, const emg_frontend_state *s, int32_t c, int32_t v)
{
    int32_t at = c;
    for (int32_t i = 0; i < p->n_sections; i++, at += p->n_chans) {
        const int32_t *b = p->b + 3 * i;
        const int32_t *a = p->a + 2 * i;
        int32_t next = at + p->n_chans;
        int64_t acc = (int64_t)b[0] * v + (int64_t)b[1] * s->newest[at] + (int64_t)b[2] * s->older[at];
        acc >>= p->shift_b[i];
        acc += (int64_t)a[0] * s->newest[next] + (int64_t)a[1] * s->older[next] + s->rest[at];
        s->older[at] = s->newest[at];
        s->newest[at] = v;
        s->rest[at] = p->keep[i] * (int32_t)(acc & (((int64_t)1 << ONE) - 1));
        v = (int32_t)(acc >> ONE);
    }
    s->older[at] = s->newest[at];
    s->newest[at] = v;
    return v;
}

/* A code, saturated, with the fraction bits of node 0. */
static int32_t centred(const emg_frontend_params *p, const void *frame, int32_t c)
{
    int32_t code = emg_load(frame, p->code, c);
    code = code > p->high ? p->high : code;
    code = code < p->low ? p->low : code;
    return code * ((int32_t)1 << p->shift_in) - p->offset[c];
}

#ifdef EMG_TRACE
static void trace(const emg_frontend_params *p, const emg_frontend_state *s, int32_t row)
{
    for (int32_t i = 0; i <= p->n_sections; i++) {
        EMG_TRACE_LAYER(-1 - i, s->newest + i * p->n_chans, p->n_chans * (int32_t)sizeof(int32_t));
    }
    if (p->kind == EMG_AFFINE) {
        int32_t nbytes = p->n_chans * (int32_t)p->out;
        EMG_TRACE_LAYER(-2 - p->n_sections, (const uint8_t *)s->ring + row * nbytes, nbytes);
    }
}
#endif

int32_t emg_frontend_step(const emg_frontend_params *p, emg_frontend_state *s, const void *frame)
{
    int32_t row = s->head;
    s->frames++;
    if (s->skip > 0) {
        s->skip--;
        return 0;
    }
    s->skip = p->every - 1;
    for (int32_t c = 0; c < p->n_chans; c++) {
        int64_t v = filter(p, s, c, centred(p, frame, c));
        if (p->kind == EMG_AFFINE) {
            v = emg_rounding_shift(v * p->mul[c] + p->add[c], p->shift) + p->zero;
        }
        emg_store(s->ring, element(p), row * p->n_chans + c, v);
    }
#ifdef EMG_TRACE
    trace(p, s, row);
#endif
    s->head = row + 1 < p->n_times ? row + 1 : 0;
    if (--s->missing > 0) {
        return 0;
    }
    s->missing = p->hop;
    return 1;
}

/* value / divisor, value < 2**62, divisor in 1..2**62, bit by bit. */
static int64_t divide(int64_t value, int64_t divisor)
{
    int64_t quotient = 0, rest = 0;
    for (int32_t bit = 61; bit >= 0; bit--) {
        rest = (rest << 1) | ((value >> bit) & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    return quotient;
}

static int32_t length64(int64_t value)
{
    int32_t high = (int32_t)(value >> 31);
    return high != 0 ? 31 + emg_bit_length((uint32_t)high) : emg_bit_length((uint32_t)value);
}

static int32_t range_of(const int32_t *v, int32_t first, int32_t stride, int32_t n, int32_t *high)
{
    int32_t low = v[first];
    *high = low;
    for (int32_t i = 1; i < n; i++) {
        int32_t value = v[first + i * stride];
        low = value < low ? value : low;
        *high = value > *high ? value : *high;
    }
    return low;
}

static int64_t minmax(const emg_frontend_params *p, int32_t low, int32_t high, int64_t eps)
{
    int64_t reach = (int64_t)high - low + eps;
    return reach > 0 ? divide(p->gain, reach) : 0;
}

/* Mean of n values, halves up: the sum is made positive for the division. */
static int64_t mean_of(const int32_t *v, int32_t first, int32_t stride, int32_t n)
{
    int64_t bias = (int64_t)1 << 31;
    int64_t sum = bias * n + n / 2;
    for (int32_t i = 0; i < n; i++) {
        sum += v[first + i * stride];
    }
    return divide(sum, n) - bias;
}

static int64_t zscore(const emg_frontend_params *p, const int32_t *v, int32_t first, int32_t stride, int32_t n,
                      int64_t mean, int64_t far, int64_t eps)
{
    int32_t drop = length64(far) - (62 - length64(n)) / 2;
    int64_t total = 0;
    drop = drop > 0 ? drop : 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t d = v[first + i * stride] - mean;
        d = (d < 0 ? -d : d) >> drop;
        total += d * d;
    }
    int32_t up = total > 0 ? (62 - length64(total)) / 2 : 0;
    int64_t root = (int64_t)emg_isqrt64((uint64_t)divide(total << 2 * up, n - p->ddof));
    up = 8 + drop - up;
    int64_t deviation = (up >= 0 ? root << up : root >> -up) + eps;
    return divide(p->gain, deviation > 256 ? deviation : 256);
}

/* One group of a window: n values from element `first` of the ring, `stride` apart. */
static void find(const emg_frontend_params *p, const int32_t *v, int32_t c, int64_t *centre, int64_t *factor)
{
    int32_t first = p->whole ? 0 : c, stride = p->whole ? 1 : p->n_chans;
    int32_t n = p->whole ? p->n_times * p->n_chans : p->n_times;
    int32_t high;
    int32_t low = range_of(v, first, stride, n, &high);
    if (p->kind == EMG_MINMAX) {
        *centre = low;
        *factor = minmax(p, low, high, p->eps[c]);
        return;
    }
    *centre = mean_of(v, first, stride, n);
    int64_t above = high - *centre, below = *centre - low;
    *factor = zscore(p, v, first, stride, n, *centre, above > below ? above : below, p->eps[c]);
}

/* The ring of scaled values, oldest row first, as the network reads it. */
static void copy8(const emg_frontend_params *p, const int8_t *ring, int32_t head, int8_t *x)
{
    for (int32_t c = 0; c < p->n_chans; c++) {
        int8_t *to = x + p->place[c];
        for (int32_t row = head; row < p->n_times; row++, to += p->step) {
            *to = ring[row * p->n_chans + c];
        }
        for (int32_t row = 0; row < head; row++, to += p->step) {
            *to = ring[row * p->n_chans + c];
        }
    }
}

static void copy16(const emg_frontend_params *p, const int16_t *ring, int32_t head, int16_t *x)
{
    for (int32_t c = 0; c < p->n_chans; c++) {
        int16_t *to = x + p->place[c];
        for (int32_t row = head; row < p->n_times; row++, to += p->step) {
            *to = ring[row * p->n_chans + c];
        }
        for (int32_t row = 0; row < head; row++, to += p->step) {
            *to = ring[row * p->n_chans + c];
        }
    }
}

/* The ring of filtered values, every group by its own numbers. */
static void scale(const emg_frontend_params *p, const emg_frontend_state *s, void *x)
{
    const int32_t *ring = (const int32_t *)s->ring;
    int64_t centre = 0, factor = 0;
    for (int32_t c = 0; c < p->n_chans; c++) {
        if (c == 0 || !p->whole) {
            find(p, ring, c, &centre, &factor);
        }
        int32_t row = s->head;
        for (int32_t t = 0; t < p->n_times; t++) {
            int64_t v = (ring[row * p->n_chans + c] - centre) * factor + p->base;
            emg_store(x, p->out, p->place[c] + t * p->step, emg_rounding_shift(v, p->shift) + p->zero);
            row = row + 1 < p->n_times ? row + 1 : 0;
        }
    }
}

void emg_frontend_window(const emg_frontend_params *p, const emg_frontend_state *s, void *x)
{
    if (p->kind != EMG_AFFINE) {
        scale(p, s, x);
    } else if (p->out == EMG_INT8) {
        copy8(p, (const int8_t *)s->ring, s->head, (int8_t *)x);
    } else {
        copy16(p, (const int16_t *)s->ring, s->head, (int16_t *)x);
    }
    EMG_TRACE_LAYER(-2 - p->n_sections - (p->kind == EMG_AFFINE ? 1 : 0), x, p->n_chans * p->n_times * (int32_t)p->out);
}
