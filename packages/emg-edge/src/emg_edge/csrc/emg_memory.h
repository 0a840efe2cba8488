/* Which memory holds a static object: put EMG_L1, EMG_L2 or EMG_L3 in front of a definition that starts as zeros,
 * EMG_CONST_L2 or EMG_CONST_L3 in front of a constant one.
 *
 * Devices get a section of the memory's name (.bss.emg_l2, .rodata.emg_l3), which any linker script that takes .bss.*
 * and .rodata.* places, and that a device's own script can send where it belongs. Elsewhere there is one memory.
 */
#ifndef EMG_MEMORY_H
#define EMG_MEMORY_H

#if defined(__riscv) && defined(__ELF__)
#define EMG_PLACED(name) __attribute__((section(name), aligned(4)))
#define EMG_L1 EMG_PLACED(".bss.emg_l1")
#define EMG_L2 EMG_PLACED(".bss.emg_l2")
#define EMG_L3 EMG_PLACED(".bss.emg_l3")
#define EMG_CONST_L2 EMG_PLACED(".rodata.emg_l2")
#define EMG_CONST_L3 EMG_PLACED(".rodata.emg_l3")
#else
#define EMG_L1
#define EMG_L2
#define EMG_L3
#define EMG_CONST_L2
#define EMG_CONST_L3
#endif

#endif
