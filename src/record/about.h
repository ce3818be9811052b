/* SPDX-License-Identifier: Apache-2.0
 *
 * What a recording says of itself in its header: which program on which machine wrote it and how,
 * and what a replay needs to book as the run did. JSON, so that anybody can read it.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/root.h"
#include "base/text.h"
#include "ledger/ledger.h"
#include "meter/cpu-model.h"

#define JK_RECORDING_FORMAT 1

struct jk_about {
        char program[64];                /* "joulekeeper 0.1.0" */
        char host[65];                   /* nodename */
        char kernel[130];                /* "Linux 6.1.0-28-amd64" */
        char machine[65];                /* "x86_64" */
        char cpu[128];                   /* its model, by proc/cpuinfo */
        struct jk_cpu_identity identity; /* of its CPU; its name is `cpu`; 0: not told */
        char activity[32];               /* the collector: "bpf" */
        char model[256];                 /* that booked while it was recorded: a spec (model.h) */
        int64_t interval_ns;
        struct jk_ledger_options ledger;
        bool anonymised;
};

/* What can be known of this machine; the rest is left empty. */
void jk_about_machine(struct jk_about *ret_about, const struct jk_root *root);

/* Take out what says whose machine it is: its name, and what models were told (files, commands). */
void jk_about_anonymise(struct jk_about *about);

void jk_about_write(const struct jk_about *about, struct jk_text *out);

/* -EBADMSG: it is no header. -EPROTONOSUPPORT: of a format that is not known here. */
int jk_about_read(const char *json, struct jk_about *ret_about, struct jk_error *err);
