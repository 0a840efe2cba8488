/* Multi-head attention. */
#ifndef EMG_ATTENTION_H
#define EMG_ATTENTION_H

#include "emg_types.h"

typedef struct {
    const int32_t *index_mul; /* (heads) */
    const int32_t *out_mul;   /* (heads) */
    const uint8_t *table;     /* 256 entries */
    const int16_t *cosine;    /* (period, width / 2) in Q15, or NULL for no rotation */
    const int16_t *sine;
    int32_t rows, heads, width, period;
    int32_t layout[9]; /* base, head stride, row stride of q, k, v */
    int32_t index_shift, out_shift, zero;
} emg_attention_params;

void emg_attention(const emg_attention_params *p, const int8_t *q, const int8_t *k, const int8_t *v, int8_t *y,
                   void *scratch);

#endif
