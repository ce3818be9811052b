/* SPDX-License-Identifier: Apache-2.0
 *
 * The source `program`: a command of the shell that goes on printing what it measures, a line each
 * (line.h). It runs beside this program (base/child.h), with nothing to read, and ends with the
 * thread that reads it.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "reference/line.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define RUBBISH_MAX    10    /* so many lines in a row that say nothing: it is begun anew */
#define SILENCE_FACTOR 20    /* intervals without a line, or */
#define SILENCE_MIN_MS 60000 /* a minute: it hangs, and is begun anew */
#define GOODBYE_MS     300   /* between SIGTERM and SIGKILL */
#define REST_NS        (100 * JK_NS_PER_MS) /* for the rest of a line, or how it ended */

struct jk_reference {
        struct jk_child child;
        int silence_ms;
        int rubbish;
};

static int
program_open(const struct jk_reference_config *config, struct jk_reference **ret_reference,
             struct jk_error *err)
{
        const char *const argv[] = { "/bin/sh", "-c", config->command, NULL };
        jk_autofree struct jk_reference *program = calloc(1, sizeof *program);
        int r;

        if (!program)
                return jk_fail(err, ENOMEM, "wall: program: out of memory");

        program->child = (struct jk_child)JK_CHILD_NONE(LINE_MAX_BYTES);
        program->child.no_input = true;
        program->silence_ms = (int)(config->interval_ns / JK_NS_PER_MS * SILENCE_FACTOR);
        if (program->silence_ms < SILENCE_MIN_MS)
                program->silence_ms = SILENCE_MIN_MS;
        r = jk_child_start(&program->child, argv, err);
        if (r < 0) {
                jk_error_prefix(err, "wall: program: cannot be started: ");
                return r;
        }

        *ret_reference = jk_steal(program);
        return 0;
}

static void
program_close(struct jk_reference *program)
{
        jk_child_ask_to_end(&program->child, GOODBYE_MS);
        jk_child_close(&program->child);
        free(program);
}

/* Until it prints something. */
static int
wait_for_output(const struct jk_reference *program, int stop_fd, struct jk_error *err)
{
        struct pollfd fds[] = {
                { .fd = stop_fd, .events = POLLIN },
                { .fd = program->child.out_fd, .events = POLLIN },
        };
        int r = poll(fds, JK_COUNT(fds), program->silence_ms);

        if (r < 0)
                return errno == EINTR ? 0 : jk_fail(err, errno, "poll: %m");
        if (fds[0].revents)
                return -ECANCELED;
        if (r == 0)
                return jk_fail(err, ETIMEDOUT, "it has printed nothing for %d s",
                               program->silence_ms / 1000);

        return 0;
}

/* A line, valid until the next call. */
static int
next_line(struct jk_reference *program, int stop_fd, char **ret_line, size_t *ret_length,
          struct jk_error *err)
{
        for (;;) {
                int r = jk_child_receive(&program->child, jk_monotonic_ns() + REST_NS, ret_line,
                                         ret_length, err);

                if (r != 0)
                        return r < 0 ? r : 0;
                r = wait_for_output(program, stop_fd, err);
                if (r < 0)
                        return r;
        }
}

static int
program_read(struct jk_reference *program, int stop_fd, struct jk_reference_value *ret_value,
             struct jk_error *err)
{
        size_t length;
        char *line;

        for (;;) {
                int r = next_line(program, stop_fd, &line, &length, err);

                if (r == -ECANCELED)
                        return r;
                if (r < 0) {
                        struct jk_error why = *err;

                        return jk_fail(err, r, "wall: program: %s; it will be started again",
                                       why.message);
                }

                r = jk_reference_line(strlen(line) == length ? line : "?", ret_value, err);
                if (r == 0) {
                        program->rubbish = 0;
                        return 0;
                }
                if (++program->rubbish >= RUBBISH_MAX) {
                        jk_error_prefix(err, "wall: program: ");
                        return r;
                }
        }
}

const struct jk_reference_ops jk_reference_program = {
        .name = "program",
        .summary = "a command that goes on printing watts, a line each",
        .needs = { "wall-command" },
        .uncertainty_pct = 3,
        .streams = true,
        .open = program_open,
        .read = program_read,
        .close = program_close,
};
