/* The streaming front end: raw codes in, windows for the network out. Integers only, all memory belongs to the caller. */
#ifndef EMG_FRONTEND_H
#define EMG_FRONTEND_H

#include "emg_types.h"

typedef enum { EMG_AFFINE, EMG_MINMAX, EMG_ZSCORE } emg_scaling;

typedef struct {
    int32_t n_chans, n_times, hop; /* of windows, in used frames */
    int32_t every;                 /* pushed frames for one that is used */
    int32_t n_sections;
    emg_type code;
    int32_t low, high, shift_in; /* codes saturate to low..high */
    const int32_t *offset;       /* [n_chans] */
    const int32_t *b;            /* [n_sections][3], units of 2**-(30 + shift_b) */
    const int32_t *a;            /* [n_sections][2], negatives, units of 2**-30 */
    const int32_t *shift_b;      /* [n_sections] */
    const int32_t *keep;         /* [n_sections]: 1, 0, -1: factor of a rest that enters the next sample */
    emg_scaling kind;
    const int32_t *mul; /* [n_chans], affine */
    const int64_t *add; /* [n_chans], affine */
    int32_t shift, zero;
    int64_t gain, base;   /* of a window's own numbers */
    const int64_t *eps;   /* [n_chans] */
    int32_t whole, ddof;  /* whole: one group of all channels */
    emg_type out;         /* of the network's input */
    const int32_t *place; /* [n_chans]: element of a channel's oldest sample */
    int32_t step;         /* elements between two samples of a channel */
} emg_frontend_params;

typedef struct {
    int32_t *newest, *older; /* [n_sections + 1][n_chans]: the last two values of every node */
    int32_t *rest;           /* [n_sections][n_chans]: what the last floor dropped */
    void *ring;              /* [n_times][n_chans] of `out`, or of int32_t for a window's own numbers */
    int64_t frames;          /* pushed so far */
    int32_t skip;            /* frames to drop before the next used one */
    int32_t head;            /* row of the ring that is written next */
    int32_t missing;         /* used frames until the next window */
} emg_frontend_state;

/* Forget everything. */
void emg_frontend_init(const emg_frontend_params *p, emg_frontend_state *s);

/* Take one frame, n_chans codes; 1: it completed a window. */
int32_t emg_frontend_step(const emg_frontend_params *p, emg_frontend_state *s, const void *frame);

/* Write the window that the last step completed as the network reads it. */
void emg_frontend_window(const emg_frontend_params *p, const emg_frontend_state *s, void *x);

#endif
