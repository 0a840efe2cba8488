/* Integer kernels: one function and one constant structure per operator.
 *
 * Every structure is const data that the compiler prints; kernels keep no state, allocate nothing and never recurse.
 * Buffers of one call must not overlap. `const void *` buffers hold elements of the type that the structure names
 * and are aligned for it.
 */
#ifndef EMG_KERNELS_H
#define EMG_KERNELS_H

#include <stdint.h>

typedef enum { EMG_INT8 = 1, EMG_INT16 = 2, EMG_INT32 = 4 } emg_type; /* value: bytes of one element */

typedef struct {
    const int8_t *weight; /* (outputs, depth) */
    const int32_t *bias;  /* (outputs) */
    const int32_t *mul;   /* (outputs) */
    const int8_t *table;  /* 256 entries, or NULL */
    int32_t rows, outputs, depth;
    int32_t shift, pre_zero;
    emg_type in, out;
} emg_linear_params;

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

typedef struct {
    const int32_t *gamma; /* (width) */
    const int32_t *beta;  /* (width) */
    uint64_t eps;
    int32_t rows, width;
    int32_t shift, zero;
    emg_type in, out;
} emg_layernorm_params;

typedef struct {
    int32_t size;
    int32_t mul_a, mul_b, shift;
    int32_t zero_a, zero_b, zero;
    emg_type a, b, out;
} emg_add_params;

typedef struct {
    const int32_t *value; /* (rows, width) */
    int32_t rows, repeat, width;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_add_constant_params;

typedef struct {
    const int8_t *table; /* 256 entries */
    int32_t size;
} emg_table_params;

typedef struct {
    int32_t size;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_requantise_params;

typedef struct {
    int32_t outer, axis, inner;
    int32_t mul, shift, zero_in, zero;
    emg_type in, out;
} emg_mean_params;

typedef struct {
    int32_t extent[4]; /* of the output */
    int32_t stride[4]; /* step in the input, in elements, for each axis of the output */
    emg_type type;
} emg_transpose_params;

void emg_linear(const emg_linear_params *p, const void *x, void *y);
void emg_attention(const emg_attention_params *p, const int8_t *q, const int8_t *k, const int8_t *v, int8_t *y,
                   void *scratch);
void emg_layernorm(const emg_layernorm_params *p, const void *x, void *y);
void emg_add(const emg_add_params *p, const void *a, const void *b, void *y);
void emg_add_constant(const emg_add_constant_params *p, const void *x, void *y);
void emg_table(const emg_table_params *p, const int8_t *x, int8_t *y);
void emg_requantise(const emg_requantise_params *p, const void *x, void *y);
void emg_mean(const emg_mean_params *p, const void *x, void *y);
void emg_transpose(const emg_transpose_params *p, const void *x, void *y);

#endif
