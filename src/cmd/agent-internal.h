/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the agent share.
 */
#pragma once

#include <pthread.h>
#include <signal.h>

#include "cmd/agent.h"
#include "engine/engine.h"
#include "record/recording.h"
#include "serve/serve.h"

struct jk_agent {
        const struct jk_settings *settings;
        struct jk_config config; /* in force */
        const char *fetched;     /* the model file that estimates go by, or NULL */
        struct jk_reference_config wall;
        struct jk_engine *engine;
        struct jk_recorder *recorder;       /* NULL: nothing is recorded */
        struct jk_intake *intake;           /* NULL: no recordings are taken */
        struct jk_server *server;           /* NULL: listen is "off" */
        struct jk_agent_training *training; /* NULL: nothing is */
        pthread_t thread;
        bool ticking;      /* the thread runs */
        int64_t looked_ns; /* at models.directory, monotonic */
        int stop_fd;       /* eventfd: readable once the thread is to end */
        int signal_fd;     /* signalfd */
        sigset_t outside;  /* the signal mask before */
        bool on_terminal;  /* started on one whose closing is to stop us */
};

/* ---- memory (agent-memory.c) ---- */

/* How the C library allocates: to be called before anything large is. */
void jk_agent_keep_memory_small(void);

/* Give back what only starting took, once it is done: freed memory, and pages of the program and
 * its libraries, which come back from their files where they are needed again. */
void jk_agent_forget_start(void);
