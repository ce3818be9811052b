/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning a curve from ticks in which the zone was measured: least squares with no weight below 0.
 * A rate, or a bend of the polygon over utilisation, is taken in only if that lowers the error on
 * ticks that were kept back. Those are contiguous blocks, as neighbouring ticks are alike. The
 * error that is told was measured on blocks, or on machines, that neither the weights nor the
 * choice have seen.
 */
#pragma once

#include "base/error.h"
#include "curve/curve.h"

#define JK_FIT_TICKS_MIN    60
#define JK_FIT_MACHINE_SIZE 65 /* of a machine's name */

struct jk_fit_options {
        const char *features; /* names, comma-separated: only these may be used; NULL: all */
        size_t n_folds;       /* ≥ 2 */
        size_t block;         /* ticks in a row in one fold; 0: by the number of ticks */
        bool by_machine;      /* keep back one machine in turn, where there are ticks of several */
};

/* On ticks that were kept back. */
struct jk_fit_errors {
        size_t machines; /* each kept back in turn; 0: blocks were, of so many ticks */
        size_t block;
        double mean_w; /* measured */
        double mae_w;
        double mape_pct;
        double bias_w;
        double p95_w; /* of |predicted − measured| */
        double rms_w;
};

struct jk_fit;

struct jk_fit *jk_fit_new(void); /* NULL: out of memory */
void jk_fit_free(struct jk_fit *fit);

/* A recording follows, of the machine of that name ("": nobody told, and that is one, too). */
void jk_fit_begin(struct jk_fit *fit, const char *machine);

/* Take in a tick, also one without a power (NaN): what was before a tick counts. 0 or -ENOMEM. */
int jk_fit_add(struct jk_fit *fit, const struct jk_sample *sample, double power_w);

size_t jk_fit_ticks(const struct jk_fit *fit);    /* that can be learned from */
size_t jk_fit_machines(const struct jk_fit *fit); /* that these are of */

/* Learn: levels, terms, cpus, busiest and error_pct of the curve are set, the rest stays. -ENODATA:
 * too few ticks; -EINVAL: a feature that was not seen; -ENOMEM. */
int jk_fit_learn(struct jk_fit *fit, const struct jk_fit_options *options,
                 struct jk_curve *ret_curve, struct jk_fit_errors *ret_errors,
                 struct jk_error *err);
