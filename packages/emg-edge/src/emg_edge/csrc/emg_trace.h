/* A hook behind every layer: define EMG_TRACE and provide emg_trace() to see each layer's output. */
#ifndef EMG_TRACE_H
#define EMG_TRACE_H

#include <stdint.h>

#ifdef EMG_TRACE
void emg_trace(int32_t layer, const void *values, int32_t nbytes);
#define EMG_TRACE_LAYER(layer, values, nbytes) emg_trace(layer, values, nbytes)
#else
#define EMG_TRACE_LAYER(layer, values, nbytes) ((void)0)
#endif

#endif
