/* SPDX-License-Identifier: Apache-2.0
 *
 * Where `top` and `ps` get their snapshots: from the agent that runs on this machine, else from an
 * engine of their own. Either way they appear on a shelf, refreshed by a thread of the source, so
 * that the one who shows them never waits.
 */
#pragma once

#include "engine/engine.h"

struct jk_source_options {
        const char *agent; /* "ADDR:PORT"; "off": do not ask; NULL: the default address, if an agent
                              answers there */
        size_t wanted;     /* accounts of each dimension to ask an agent for at first; 0: all */
        struct jk_engine_options engine; /* interval_ns is also how often an agent is asked */
};

struct jk_source;

/* Find the agent, or open an engine. Fails if an agent was named and does not answer. */
int jk_source_open(const struct jk_source_options *options, struct jk_source **ret_source,
                   struct jk_error *err);
void jk_source_close(struct jk_source *source);

struct jk_shelf *jk_source_shelf(struct jk_source *source);

/* Put a new snapshot on the shelf, now, on the calling thread: `ps`. */
int jk_source_refresh(struct jk_source *source, struct jk_error *err);

/* Refresh at every interval from a thread of its own: `top`. A failure is retried at the next one
 * and stands in the report; signals are not for this thread. */
int jk_source_start(struct jk_source *source, struct jk_error *err);

/* Becomes readable when there is something new: a snapshot, or another report. Read 8 bytes. */
int jk_source_fd(const struct jk_source *source);

void jk_source_set_interval(struct jk_source *source, int64_t interval_ns);

/* How many accounts of a dimension to ask an agent for, by watts, from the next refresh on; the
 * rest then is one account (see remote.h). By itself there are always all. */
void jk_source_set_wanted(struct jk_source *source, enum jk_dimension dimension, size_t wanted);

struct jk_source_report {
        bool agent;        /* else by itself */
        bool failing;      /* the latest refresh failed: what is on the shelf grows old */
        char where[64];    /* the agent's address */
        char message[512]; /* why it fails; or, by itself, why no agent is asked */
};
void jk_source_report(struct jk_source *source, struct jk_source_report *ret_report);
