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
    const uint8_t *mask; /* a bit a key, set where it is visible, or NULL */
    const int32_t *bias; /* added to scores, or NULL */
    int32_t rows, keys, heads, group, width, period;
    int32_t apart;          /* of two features that turn together: 1 or width / 2 */
    int32_t layout[9];      /* base, head stride, row stride of q, k, v */
    int32_t reach[2];       /* smallest and largest key - row */
    int32_t mask_layout[2]; /* head stride, row stride in bytes */
    int32_t bias_layout[4]; /* base, head stride, row stride, key stride */
    int32_t index_shift, out_shift, zero, padding_zero;
} emg_attention_params;

/* padding: one value a key, invisible where it is padding_zero; or NULL. */
void emg_attention(const emg_attention_params *p, const int8_t *q, const int8_t *k, const int8_t *v,
                   const int8_t *padding, int8_t *y, void *scratch);

#endif
