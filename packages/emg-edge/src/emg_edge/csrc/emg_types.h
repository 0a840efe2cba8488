/* What every kernel shares: fixed-width integers and the type of a buffer's elements. */
#ifndef EMG_TYPES_H
#define EMG_TYPES_H

#include <stdint.h>

typedef enum { EMG_INT8 = 1, EMG_INT16 = 2, EMG_INT32 = 4 } emg_type; /* value: bytes of one element */

#endif
