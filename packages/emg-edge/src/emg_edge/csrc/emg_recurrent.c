/* LSTM and GRU, step by step: gates of all units, then the states of all units. */
#include <string.h>

#include "emg_recurrent.h"
#include "emg_storage.h"

/* One direction: its constants, and the parts of the working memory in the order in which they lie in it. */
typedef struct {
    const int8_t *weight;
    const int8_t *recurrent;
    const int32_t *bias;
    const int32_t *hidden_bias;
    const int32_t *input_mul;
    const int32_t *hidden_mul;
    int32_t *gates; /* (4, units) */
    int16_t *state;
    int8_t *hidden;
    int8_t *gated; /* the hidden state behind the reset gate */
} cell;

static cell prepare(const emg_recurrent_params *p, int32_t direction, int32_t rows, void *scratch)
{
    cell c;
    int32_t row = direction * rows;
    c.weight = p->weight + row * p->inputs;
    c.recurrent = p->recurrent + row * p->units;
    c.bias = p->bias + row;
    c.hidden_bias = p->hidden_bias + row;
    c.input_mul = p->input_mul + row;
    c.hidden_mul = p->hidden_mul + row;
    c.gates = (int32_t *)scratch;
    c.state = (int16_t *)(c.gates + 4 * p->units);
    c.hidden = (int8_t *)(c.gates + 4 * p->units + (p->units + 1) / 2);
    c.gated = c.hidden + (p->units + 3) / 4 * 4;
    memcpy(c.state, p->state + direction * p->units, (uint32_t)p->units * sizeof(int16_t));
    memcpy(c.hidden, p->hidden + direction * p->units, (uint32_t)p->units);
    return c;
}

/* Up to four rows of weights against one step of the input. */
static void input_sums(const emg_recurrent_params *p, const cell *c, const void *x, int32_t row, int32_t count,
                       int32_t sums[4])
{
    const int8_t *w = c->weight + row * p->inputs;
    if (p->in == EMG_INT8 && count == 4) {
        emg_dot_1x4((const int8_t *)x, w, p->inputs, p->inputs, sums);
    } else {
        for (int32_t i = 0; i < count; i++) {
            sums[i] = p->in == EMG_INT8 ? emg_dot((const int8_t *)x, w + i * p->inputs, p->inputs)
                                        : emg_dot_i16((const int16_t *)x, w + i * p->inputs, p->inputs);
        }
    }
    for (int32_t i = 0; i < count; i++) {
        sums[i] += c->bias[row + i];
    }
}

/* Up to four rows of recurrent weights against a hidden state. */
static void hidden_sums(const emg_recurrent_params *p, const cell *c, const int8_t *hidden, int32_t row, int32_t count,
                        int32_t sums[4])
{
    const int8_t *w = c->recurrent + row * p->units;
    if (count == 4) {
        emg_dot_1x4(hidden, w, p->units, p->units, sums);
    } else {
        for (int32_t i = 0; i < count; i++) {
            sums[i] = emg_dot(hidden, w + i * p->units, p->units);
        }
    }
    for (int32_t i = 0; i < count; i++) {
        sums[i] += c->hidden_bias[row + i];
    }
}

/* gates[row - base] = rescaled sum of rows `first` to `end`; x or hidden may be NULL and then counts as nothing. */
static void gate_rows(const emg_recurrent_params *p, const cell *c, const void *x, const int8_t *hidden, int32_t first,
                      int32_t end, int32_t *gates)
{
    for (int32_t row = first; row < end; row += 4) {
        int32_t count = end - row < 4 ? end - row : 4;
        int32_t ax[4] = {0, 0, 0, 0};
        int32_t ah[4] = {0, 0, 0, 0};
        if (x != NULL) {
            input_sums(p, c, x, row, count, ax);
        }
        if (hidden != NULL) {
            hidden_sums(p, c, hidden, row, count, ah);
        }
        for (int32_t i = 0; i < count; i++) {
            int64_t total = (int64_t)ax[i] * c->input_mul[row + i] + (int64_t)ah[i] * c->hidden_mul[row + i];
            gates[row - first + i] = emg_saturate32(emg_rounding_shift(total, p->shift));
        }
    }
}

/* The table's function of a gate that is saturated to 16 bits, Q15. */
static int32_t gate_function(const int16_t *table, int64_t gate)
{
    int32_t place = emg_saturate16(gate) + 32768;
    int32_t low = table[place >> 8];
    int32_t rise = table[(place >> 8) + 1] - low;
    return low + ((rise * (place & 255) + 128) >> 8);
}

static void lstm_step(const emg_recurrent_params *p, const cell *c, const void *x)
{
    int32_t n = p->units;
    int32_t bits = p->cell_bits;
    gate_rows(p, c, x, c->hidden, 0, 4 * n, c->gates);
    for (int32_t j = 0; j < n; j++) {
        int32_t i = gate_function(p->sigmoid, c->gates[j]);
        int32_t o = gate_function(p->sigmoid, c->gates[n + j]);
        int32_t f = gate_function(p->sigmoid, c->gates[2 * n + j]);
        int32_t g = gate_function(p->tanh, c->gates[3 * n + j]);
        int64_t kept = (int64_t)(f * c->state[j]) * ((int32_t)1 << (15 - bits));
        int32_t state = emg_saturate16(emg_rounding_shift(kept + i * g, 30 - bits));
        int64_t v = bits <= 12 ? (int64_t)state * (1 << (12 - bits)) : emg_rounding_shift(state, bits - 12);
        c->state[j] = (int16_t)state;
        c->hidden[j] = emg_saturate8(emg_rounding_shift(o * gate_function(p->tanh, v), 23));
    }
}

/* The candidate's gate of every unit into gates[0..units); the reset gates, already behind their function, stand in
 * reset[0..units). */
static void gru_candidate(const emg_recurrent_params *p, const cell *c, const void *x, const int32_t *reset,
                          int32_t *gates, int32_t *spare)
{
    int32_t n = p->units;
    if (p->reset_after != 0) {
        gate_rows(p, c, x, NULL, 2 * n, 3 * n, gates);
        gate_rows(p, c, NULL, c->hidden, 2 * n, 3 * n, spare);
        for (int32_t j = 0; j < n; j++) {
            int64_t value = gates[j] + emg_rounding_shift((int64_t)reset[j] * spare[j], 15);
            gates[j] = emg_saturate16(value);
        }
        return;
    }
    for (int32_t j = 0; j < n; j++) {
        c->gated[j] = emg_saturate8(emg_rounding_shift(reset[j] * c->state[j], 23));
    }
    gate_rows(p, c, x, c->gated, 2 * n, 3 * n, gates);
}

static void gru_step(const emg_recurrent_params *p, const cell *c, const void *x)
{
    int32_t n = p->units;
    int32_t *candidate = c->gates + 2 * n;
    gate_rows(p, c, x, c->hidden, 0, 2 * n, c->gates);
    for (int32_t j = 0; j < 2 * n; j++) {
        c->gates[j] = gate_function(p->sigmoid, c->gates[j]);
    }
    gru_candidate(p, c, x, c->gates + n, candidate, c->gates + 3 * n);
    for (int32_t j = 0; j < n; j++) {
        int32_t z = c->gates[j];
        int32_t value = gate_function(p->tanh, candidate[j]);
        int32_t state = (z * c->state[j] + (32768 - z) * value + 16384) >> 15;
        c->state[j] = (int16_t)state;
        c->hidden[j] = emg_saturate8(emg_rounding_shift(state, 8));
    }
}

/* Hidden state of one step to the output's grid. */
static void write_hidden(const emg_recurrent_params *p, const int8_t *hidden, void *y, int32_t first)
{
    for (int32_t j = 0; j < p->units; j++) {
        int64_t scaled = (int64_t)hidden[j] * p->out_mul;
        emg_store(y, p->out, first + j, emg_rounding_shift(scaled, p->out_shift) + p->zero);
    }
}

static void run(const emg_recurrent_params *p, const void *x, void *y, void *scratch, int32_t gates)
{
    for (int32_t d = 0; d < p->directions; d++) {
        cell c = prepare(p, d, gates * p->units, scratch);
        int32_t backwards = p->reverse != 0 || d != 0;
        for (int32_t i = 0; i < p->steps; i++) {
            int32_t t = backwards != 0 ? p->steps - 1 - i : i;
            const int8_t *now = (const int8_t *)x + t * p->inputs * (int32_t)p->in;
            if (gates == 4) {
                lstm_step(p, &c, now);
            } else {
                gru_step(p, &c, now);
            }
            if (p->last == 0) {
                write_hidden(p, c.hidden, y, (t * p->directions + d) * p->units);
            }
        }
        if (p->last != 0) {
            write_hidden(p, c.hidden, y, d * p->units);
        }
    }
}

void emg_lstm(const emg_lstm_params *p, const void *x, void *y, void *scratch)
{
    run(p, x, y, scratch, 4);
}

void emg_gru(const emg_gru_params *p, const void *x, void *y, void *scratch)
{
    run(p, x, y, scratch, 3);
}
