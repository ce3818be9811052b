/* SPDX-License-Identifier: Apache-2.0
 *
 * Which model file fits a machine's CPU. First counts how near the CPU is, then how wide the error
 * bar gets: the file's own, and in quadrature what it costs that the CPU is another, and that power
 * has to be scaled to other threads and another frequency. docs/models.md has the figures.
 */
#pragma once

#include "base/root.h"
#include "meter/cpu-model.h"
#include "model/file.h"

/* From near to far. */
enum jk_model_nearness {
        JK_NEAR_CPU,    /* the same CPU, by its name */
        JK_NEAR_MODEL,  /* the same family, model and stepping */
        JK_NEAR_FAMILY, /* the same micro-architecture */
        JK_NEAR_REST,   /* made for those that no other model is for, and this is one */
        JK_NEAR_VENDOR,
        JK_NEAR_OTHER,
        JK_NEAR_MAX,
};

struct jk_model_match {
        enum jk_model_nearness nearness;
        double scale;   /* of power, to this machine's threads; 1 where watts are per thread */
        double own_pct; /* error bar that the file tells, or that is taken for it */
        double error_pct;
};

/* What this machine is: proc/cpuinfo and the base frequency below a root. */
int jk_model_cpu_here(const struct jk_root *root, struct jk_model_cpu *ret_cpu,
                      struct jk_error *err);

/* What proc/cpuinfo alone tells. */
void jk_model_cpu_of(const struct jk_cpu_identity *identity, struct jk_model_cpu *ret_cpu);

struct jk_model_match jk_model_match(const struct jk_model_cpu *cpu,
                                     const struct jk_model_file *file);

/* < 0: a is the better one, for qsort and the like. */
int jk_model_match_compare(const struct jk_model_match *a, const struct jk_model_match *b);

/* "the same CPU" … "another vendor's" */
const char *jk_model_nearness_name(enum jk_model_nearness near);
