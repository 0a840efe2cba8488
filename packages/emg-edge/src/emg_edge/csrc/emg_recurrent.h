/* LSTM and GRU. */
#ifndef EMG_RECURRENT_H
#define EMG_RECURRENT_H

#include "emg_types.h"

typedef struct {
    const int8_t *weight;       /* (directions, gates * units, inputs) */
    const int8_t *recurrent;    /* (directions, gates * units, units) */
    const int32_t *bias;        /* (directions, gates * units) */
    const int32_t *hidden_bias; /* (directions, gates * units) */
    const int32_t *input_mul;   /* (directions, gates * units) */
    const int32_t *hidden_mul;  /* (directions, gates * units) */
    const int16_t *state;       /* (directions, units) */
    const int8_t *hidden;       /* (directions, units) */
    const int16_t *sigmoid;     /* 257 entries */
    const int16_t *tanh;        /* 257 entries */
    int32_t steps, inputs, units, directions, reverse, last;
    int32_t shift, out_mul, out_shift, zero;
    int32_t cell_bits;   /* LSTM */
    int32_t reset_after; /* GRU */
    emg_type in, out;
} emg_recurrent_params;

typedef emg_recurrent_params emg_lstm_params;
typedef emg_recurrent_params emg_gru_params;

void emg_lstm(const emg_lstm_params *p, const void *x, void *y, void *scratch);
void emg_gru(const emg_gru_params *p, const void *x, void *y, void *scratch);

#endif
