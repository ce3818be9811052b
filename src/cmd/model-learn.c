/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model learn: from recordings that others sent to models that are offered. The agent
 * runs it in a process of its own, so that what strangers sent is read neither in the agent's
 * memory nor in its time.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "cmd/command.h"
#include "cmd/learn.h"

#define CPU_MAX_S      600
#define CPU_GRACE_S    5 /* between SIGXCPU, by which it is known, and SIGKILL */
#define MEMORY_MAX     ((rlim_t)160 << 20)
#define FILE_MAX       ((rlim_t)64 << 20) /* of what it writes: models and lists */
#define IOPRIO_PROCESS 1
#define IOPRIO_IDLE    (3 << 13)

struct request {
        const char *recordings, *output, *only, *skip;
        bool check, background;
};

static const struct jk_option options[] = {
        { 'r', "recordings", "DIR", "where recordings lie, and new ones in DIR/incoming" },
        { 'o', "output", "DIR", "write models there" },
        { 'c', "check", NULL, "only check what is new" },
        { 'i', "only", "ID", "of what is new, check only that" },
        { 'k', "skip", "NAME,…", "leave these models as they are" },
        { 'b', "background", NULL, "run when nothing else does, with 160 MB at most" },
};

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        switch (option->letter) {
        case 'r':
                request->recordings = value;
                return 0;
        case 'o':
                request->output = value;
                return 0;
        case 'i':
                request->only = value;
                return 0;
        case 'k':
                request->skip = value;
                return 0;
        case 'c':
                request->check = true;
                return 0;
        default:
                request->background = true;
                return 0;
        }
}

/* AddressSanitizer takes terabytes of address space, most of which it never uses. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef HAS_ADDRESS_SANITIZER
#define HAS_ADDRESS_SANITIZER 0
#endif

/* What strangers sent is never read without these. */
static int
limit(struct jk_error *err)
{
        static const struct {
                const char *name;
                int resource;
                struct rlimit limit;
        } limits[] = {
                { "CPU time", RLIMIT_CPU, { CPU_MAX_S, CPU_MAX_S + CPU_GRACE_S } },
                { "dumps", RLIMIT_CORE, { 0, 0 } },
                { "file size", RLIMIT_FSIZE, { FILE_MAX, FILE_MAX } },
                { "memory", RLIMIT_DATA, { MEMORY_MAX, MEMORY_MAX } },
        };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return jk_fail(err, errno, "no_new_privs cannot be set: %m");
        for (size_t i = 0; i < JK_COUNT(limits); i++) {
                struct rlimit set = limits[i].limit, now;

                if (HAS_ADDRESS_SANITIZER && limits[i].resource == RLIMIT_DATA)
                        continue;
                if (getrlimit(limits[i].resource, &now) == 0 && now.rlim_max < set.rlim_max)
                        set.rlim_max = now.rlim_max; /* a stricter one stays */
                if (set.rlim_cur > set.rlim_max)
                        set.rlim_cur = set.rlim_max;
                if (setrlimit(limits[i].resource, &set) < 0)
                        return jk_fail(err, errno, "its %s cannot be limited: %m", limits[i].name);
        }
        return 0;
}

/* Where it is not permitted, it runs with the precedence that it has. */
static void
step_back(void)
{
        const struct sched_param idle = { 0 };

        (void)setpriority(PRIO_PROCESS, 0, 19);
        (void)sched_setscheduler(0, SCHED_IDLE, &idle);
        (void)syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, IOPRIO_IDLE);
}

static int
learn_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { 0 };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);
        int r = 0;

        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "it takes no argument '%s'", argv[first]);
        if (!request.recordings)
                return jk_usage_error(command, "say where recordings lie: --recordings DIR");
        if (!request.check && !request.output)
                return jk_usage_error(command, "say where models are to be: --output DIR");

        if (request.background) {
                step_back();
                r = limit(&err);
        }
        if (r == 0)
                r = jk_learn_check(request.recordings, request.only, stdout, &err);
        if (r == 0 && !request.check)
                r = jk_learn_train(request.recordings, request.output, request.skip, stdout, &err);
        if (r == 0)
                return JK_EXIT_OK;
        fprintf(stderr, "joulekeeper model learn: %s\n", err.message);
        return JK_EXIT_FAILURE;
}

const struct jk_command jk_command_model_learn = {
        .name = "model learn",
        .arguments = "--recordings DIR --output DIR [OPTION…]",
        .summary = "trains models by recordings that others sent",
        .main = learn_main,
        .details = "New recordings are checked; then a model is trained for each CPU and each kind "
                   "of zone that was measured, by all recordings of that CPU, if there are new "
                   "ones. A model file that was not made so is left alone. An agent with "
                   "models.accept runs this by itself.\n"
                   "\n"
                   "exit status:\n"
                   "  0  all was looked at; what was refused or left is said\n"
                   "  1  a directory cannot be read",
};
