/* Elements of a buffer whose type is known at run time. */
#ifndef EMG_STORAGE_H
#define EMG_STORAGE_H

#include "emg_primitives.h"
#include "emg_types.h"

/* Element `index`, widened. */
static inline int32_t emg_load(const void *buffer, emg_type type, int32_t index)
{
    switch (type) {
    case EMG_INT8:
        return ((const int8_t *)buffer)[index];
    case EMG_INT16:
        return ((const int16_t *)buffer)[index];
    default:
        return ((const int32_t *)buffer)[index];
    }
}

/* Saturate to the type and store. */
static inline void emg_store(void *buffer, emg_type type, int32_t index, int64_t value)
{
    switch (type) {
    case EMG_INT8:
        ((int8_t *)buffer)[index] = emg_saturate8(value);
        break;
    case EMG_INT16:
        ((int16_t *)buffer)[index] = emg_saturate16(value);
        break;
    default:
        ((int32_t *)buffer)[index] = emg_saturate32(value);
        break;
    }
}

#endif
