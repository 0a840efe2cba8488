/* Convolution over channel-last images: (rows, columns, channels); a signal is one row. */
#ifndef EMG_CONVOLUTION_H
#define EMG_CONVOLUTION_H

#include "emg_types.h"

typedef struct {
    const int8_t *weight; /* (outputs, kernel[0], kernel[1], channels / groups); depthwise: (kernel[0], kernel[1], outputs) */
    const int32_t *bias;  /* (outputs) */
    const int32_t *mul;   /* (outputs) */
    const int8_t *table;  /* 256 entries, or NULL */
    int32_t extent[2], channels;
    int32_t out_extent[2], outputs;
    int32_t kernel[2], stride[2], dilation[2], pad[2];
    int32_t groups; /* depthwise: equal to channels, more than 1 */
    int32_t shift, pre_zero, zero_in;
    emg_type in, out;
} emg_conv_params;

/* scratch: two int8 patches or one int16 patch of one group; depthwise: int32 (outputs). */
void emg_conv(const emg_conv_params *p, const void *x, void *y, void *scratch);

#endif
