/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that runs beside this one and speaks by lines: what is sent to it comes from its
 * standard input, what it prints is received; what it prints as an error goes where ours goes. It
 * has a session of its own, default signals, no priority, none of this process's ambient
 * capabilities, and none of its open files; it is killed when this process ends, however that
 * happens.
 *
 * Nothing here waits longer than it is told to. Its standard input is a socket, so that writing to
 * one that is gone raises no SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

struct jk_child {
        pid_t pid;    /* 0: there is none */
        bool stopped; /* killed, and not reaped yet */
        int pid_fd, in_fd, out_fd;

        size_t line_max; /* a longer line is refused */
        bool no_input;   /* nothing is sent to it: its standard input is empty */
        struct jk_text outgoing;
        size_t sent; /* of it */
        char *incoming;
        size_t incoming_length, incoming_capacity;
        size_t taken;  /* of it: what was handed out */
        size_t looked; /* of it: up to here there is no newline */
};

#define JK_CHILD_NONE(max)                                                                         \
        {                                                                                          \
                .pid_fd = -1, .in_fd = -1, .out_fd = -1, .line_max = (max)                         \
        }

/* Start argv[0], looked for along PATH, with its arguments. 0; -EBUSY: the one before is not gone
 * yet; or another negative errno. That it cannot be run is found like any other end of it. */
int jk_child_start(struct jk_child *child, const char *const argv[], struct jk_error *err);

/* The line to send, to be filled (without its newline) before jk_child_send(); empty then. */
struct jk_text *jk_child_outgoing(struct jk_child *child);
void jk_child_send(struct jk_child *child);

/* Send what is to be sent, and wait for a line until then (monotonic): 1, and the line, NUL in
 * place of its newline, valid until the next call; 0: none until then; or with a message -EPIPE: it
 * has ended, -EMSGSIZE: a line is too long, -ENOMEM, or another negative errno: stop it. */
int jk_child_receive(struct jk_child *child, int64_t until_ns, char **ret_line, size_t *ret_length,
                     struct jk_error *err);

/* Ask it, and all that is in its session's process group, to end (SIGTERM), and wait so long at
 * most until it has. It is to be stopped after this. */
void jk_child_ask_to_end(struct jk_child *child, int ms);

/* Kill it with all that is in its session's process group, and free what it held. It is reaped now
 * or by a later call: returns whether it is gone. */
bool jk_child_stop(struct jk_child *child);

/* The same, waiting for a second at most; if it is not gone by then, a later start or close of any
 * child reaps it. */
void jk_child_close(struct jk_child *child);
