/* Integer kernels: one function and one constant structure per operator, one header a family.
 *
 * Every structure is const data that the compiler prints; kernels keep no state, allocate nothing and never recurse.
 * Buffers of one call must not overlap. `const void *` buffers hold elements of the type that the structure names
 * and are aligned for it.
 */
#ifndef EMG_KERNELS_H
#define EMG_KERNELS_H

#include "emg_attention.h"
#include "emg_convolution.h"
#include "emg_elementwise.h"
#include "emg_layernorm.h"
#include "emg_linear.h"
#include "emg_matmul.h"
#include "emg_movement.h"
#include "emg_pairwise.h"
#include "emg_pool.h"
#include "emg_recurrent.h"
#include "emg_reduce.h"
#include "emg_rmsnorm.h"
#include "emg_softmax.h"

#endif
