/* Convolution over channel-last images: (rows, columns, channels); a signal is one row. */
#ifndef EMG_CONVOLUTION_H
#define EMG_CONVOLUTION_H

#include "emg_finish.h"
#include "emg_types.h"

#define EMG_CONV_BLOCK 16 /* outputs that are requantised together */

typedef struct {
    const int8_t *weight;  /* (outputs, kernel[0], kernel[1], channels / groups), or NULL;
                            * depthwise: (kernel[0], kernel[1], outputs) */
    const uint8_t *packed; /* the same as rows of nibbles, as emg_unpack4 reads them, or NULL */
    const int32_t *bias;   /* (outputs) */
    const int32_t *mul;    /* (outputs) */
    int32_t extent[2], channels;
    int32_t out_extent[2], outputs;
    int32_t kernel[2], stride[2], dilation[2], pad[2];
    int32_t groups; /* depthwise: equal to channels, more than 1 */
    int32_t zero_in;
    emg_type in;
    emg_finish_params finish;
} emg_conv_params;

/* scratch: two patches of one group, then EMG_CONV_BLOCK rows of bytes where the weights are packed;
 * depthwise: int32 (outputs), then all weights as bytes where they are packed. */
void emg_conv(const emg_conv_params *p, const void *x, void *y, void *scratch);

#endif
