/* Arithmetic of two computed values, broadcast by strides: one rounding each. */
#include "emg_pairwise.h"
#include "emg_storage.h"

/* Run `body` for every element i of the output, l and r being the centred operands. */
#define EMG_EACH_PAIR(p, a, b, body)                                                                                   \
    do {                                                                                                               \
        int32_t at[EMG_AXES] = {0};                                                                                    \
        int32_t ia = 0, ib = 0, i = 0;                                                                                 \
        const int32_t rows = emg_rows((p)->extent), count = (p)->extent[EMG_AXES - 1];                                 \
        const int32_t sa = (p)->stride_a[EMG_AXES - 1], sb = (p)->stride_b[EMG_AXES - 1];                              \
        for (int32_t row = 0; row < rows; row++) {                                                                     \
            for (int32_t k = 0; k < count; k++, i++) {                                                                 \
                const int32_t l = emg_load(a, (p)->a, ia + k * sa) - (p)->zero_a;                                      \
                const int32_t r = emg_load(b, (p)->b, ib + k * sb) - (p)->zero_b;                                      \
                body                                                                                                   \
            }                                                                                                          \
            emg_next_row((p)->extent, (p)->stride_a, (p)->stride_b, at, &ia, &ib);                                     \
        }                                                                                                              \
    } while (0)

void emg_add(const emg_add_params *p, const void *a, const void *b, void *y)
{
    EMG_EACH_PAIR(p, a, b, {
        int64_t total = (int64_t)l * p->mul_a + (int64_t)r * p->mul_b;
        emg_store(y, p->out, i, emg_rounding_shift(total, p->shift) + p->zero);
    });
}

void emg_maximum(const emg_maximum_params *p, const void *a, const void *b, void *y)
{
    EMG_EACH_PAIR(p, a, b, {
        int64_t left = (int64_t)l * p->mul_a;
        int64_t right = (int64_t)r * p->mul_b;
        emg_store(y, p->out, i, emg_rounding_shift(left > right ? left : right, p->shift) + p->zero);
    });
}

void emg_minimum(const emg_minimum_params *p, const void *a, const void *b, void *y)
{
    EMG_EACH_PAIR(p, a, b, {
        int64_t left = (int64_t)l * p->mul_a;
        int64_t right = (int64_t)r * p->mul_b;
        emg_store(y, p->out, i, emg_rounding_shift(left < right ? left : right, p->shift) + p->zero);
    });
}

void emg_mul(const emg_mul_params *p, const void *a, const void *b, void *y)
{
    EMG_EACH_PAIR(p, a, b, {
        int64_t product = (int64_t)l * r * p->mul; /* at most 2**32 * 2**30 */
        emg_store(y, p->out, i, emg_rounding_shift(product, p->shift) + p->zero);
    });
}

/* n / d with p->shift bits behind the point, rounded; d is not 0. */
static int64_t quotient(const emg_div_params *p, int32_t n, int32_t d)
{
    uint32_t size = (uint32_t)(d < 0 ? -d : d);
    uint64_t wide = (uint64_t)(n < 0 ? -(int64_t)n : n) * (uint64_t)p->mul + size / 2u;
    int64_t q = (int64_t)emg_divide64(wide, size);
    return (n < 0) == (d < 0) ? q : -q;
}

void emg_div(const emg_div_params *p, const void *a, const void *b, void *y)
{
    EMG_EACH_PAIR(p, a, b, {
        if (r != 0) {
            emg_store(y, p->out, i, emg_rounding_shift(quotient(p, l, r), p->shift) + p->zero);
        } else if (l != 0) {
            emg_store(y, p->out, i, l > 0 ? INT32_MAX : INT32_MIN);
        } else {
            emg_store(y, p->out, i, p->zero);
        }
    });
}
