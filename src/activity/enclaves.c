/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tasks hold an SGX enclave: see enclaves.h.
 */
#include "activity/enclaves.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/map.h"

#define DEVICE "/dev/sgx_enclave"

#define LOOK_AGAIN_LEAST_NS JK_NS_PER_S
#define LOOK_AGAIN_MOST_NS  (10 * JK_NS_PER_S)
#define PER_LOOK_NS         (50 * JK_NS_PER_MS) /* so much time has to pass for each … */
#define PER_LOOK_BYTES      (16 * 1024)         /* … and again for so much more of maps, */
#define PER_LOOK_FDS        100                 /* and so many more files that are open */
#define LOOKS_SAVED_MAX     20
#define LOOKS_AT_START      500

/* Of one task; who has more than that before its enclave is not found out. */
#define FDS_MAX        1024
#define MAPS_BYTES_MAX (1U << 20) /* some 10,000 mappings */

/* A task that was listed in a sample. */
struct holder {
        pid_t pid;
        uint64_t start_ns;
        int64_t known_ns;  /* monotonic: since when we know it, under this name */
        int64_t looked_ns; /* … and when we looked last; 0: never */
        char comm[JK_COMM_SIZE];
        bool ran; /* since we looked last */
        bool enclave;
};

struct jk_enclaves {
        int proc_fd;
        struct holder *holders;
        size_t n_holders, capacity;
        struct jk_map by_pid; /* pid -> place in holders */

        int64_t saved_ns; /* time that passed and was not spent on looks; negative: overspent */
        size_t turn;      /* the place that is to be looked at next, if it is due */
        char buffer[32 * 1024];
};

bool
jk_enclaves_exist(const struct jk_root *root)
{
        /* A service may have a /dev of its own, where the device is not. */
        return jk_root_exists(root, "dev/sgx_enclave") ||
               jk_root_exists(root, "sys/class/misc/sgx_enclave");
}

int
jk_enclaves_open(const struct jk_root *root, const struct jk_root *proc_root,
                 struct jk_enclaves **ret_enclaves, struct jk_error *err)
{
        jk_autoclose int proc_fd = -1;
        struct jk_enclaves *enclaves;

        if (!jk_enclaves_exist(root)) {
                *ret_enclaves = NULL;
                return 0;
        }

        proc_fd = openat(proc_root->fd, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc_fd < 0)
                return jk_fail(err, errno, "enclaves: %s/proc: %m", proc_root->path);
        enclaves = calloc(1, sizeof *enclaves);
        if (!enclaves)
                return jk_fail(err, ENOMEM, "enclaves: out of memory");

        enclaves->proc_fd = jk_steal_fd(&proc_fd);
        enclaves->saved_ns = LOOKS_AT_START * PER_LOOK_NS;
        *ret_enclaves = enclaves;
        return 0;
}

void
jk_enclaves_close(struct jk_enclaves *enclaves)
{
        if (!enclaves)
                return;

        close(enclaves->proc_fd);
        free(enclaves->holders);
        jk_map_free(&enclaves->by_pid);
        free(enclaves);
}

/* ---- looking ---- */

static int
open_below(const struct jk_enclaves *enclaves, pid_t pid, const char *name, int flags)
{
        char path[32];

        snprintf(path, sizeof path, "%d/%s", (int)pid, name);
        return openat(enclaves->proc_fd, path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static bool
is_device(int directory, const char *name)
{
        char target[sizeof DEVICE + 1]; /* one more than it has, to tell a longer path */
        ssize_t n = readlinkat(directory, name, target, sizeof target);

        return n == sizeof DEVICE - 1 && memcmp(target, DEVICE, sizeof DEVICE - 1) == 0;
}

/* 1, 0, or -1 if the process has gone or is not ours to inspect. */
static int
has_open(struct jk_enclaves *enclaves, pid_t pid)
{
        jk_autoclose int fd = open_below(enclaves, pid, "fd", O_DIRECTORY);
        size_t seen = 0;
        ssize_t n;

        if (fd < 0)
                return -1;
        while (seen < FDS_MAX &&
               (n = getdents64(fd, enclaves->buffer, sizeof enclaves->buffer)) > 0)
                for (ssize_t at = 0; at < n && seen < FDS_MAX;) {
                        const struct dirent64 *entry = (void *)(enclaves->buffer + at);

                        if (entry->d_name[0] != '.' && is_device(fd, entry->d_name))
                                return 1;
                        at += entry->d_reclen;
                        if (++seen % PER_LOOK_FDS == 0)
                                enclaves->saved_ns -= PER_LOOK_NS;
                }

        return 0;
}

/* The same. The end of a read may lie within a line: so much of it is kept for the next one. */
static int
has_mapped(struct jk_enclaves *enclaves, pid_t pid)
{
        static const char line_end[] = " " DEVICE "\n";
        const size_t length = sizeof line_end - 1;
        jk_autoclose int fd = open_below(enclaves, pid, "maps", 0);
        char *buffer = enclaves->buffer;
        size_t kept = 0, total = 0;
        ssize_t n;

        if (fd < 0)
                return -1;
        while (total < MAPS_BYTES_MAX &&
               (n = read(fd, buffer + kept, sizeof enclaves->buffer - kept)) > 0) {
                size_t filled = kept + (size_t)n;

                if (memmem(buffer, filled, line_end, length))
                        return 1;
                enclaves->saved_ns -= n * PER_LOOK_NS / PER_LOOK_BYTES;
                total += (size_t)n;
                kept = filled < length - 1 ? filled : length - 1;
                memmove(buffer, buffer + filled - kept, kept);
        }

        return 0;
}

/* Whether it holds one: one that has gone is as it was. */
static bool
holds_one(struct jk_enclaves *enclaves, const struct holder *holder)
{
        int open = has_open(enclaves, holder->pid);
        int mapped = open > 0 ? 0 : has_mapped(enclaves, holder->pid);

        return open < 0 && mapped < 0 ? holder->enclave : open > 0 || mapped > 0;
}

/* ---- the table ---- */

static struct holder *
find(const struct jk_enclaves *enclaves, const struct jk_task_record *task)
{
        uint32_t place;

        if (!jk_map_get(&enclaves->by_pid, (uint64_t)task->pid, &place) ||
            enclaves->holders[place].start_ns != task->start_ns)
                return NULL;
        return &enclaves->holders[place];
}

static struct holder *
add(struct jk_enclaves *enclaves, pid_t pid)
{
        size_t n = enclaves->n_holders;
        uint32_t place;

        if (jk_map_get(&enclaves->by_pid, (uint64_t)pid, &place))
                return &enclaves->holders[place]; /* its pid was used before */
        if (jk_array_grow(&enclaves->holders, &enclaves->capacity, n + 1) < 0 ||
            jk_map_put(&enclaves->by_pid, (uint64_t)pid, (uint32_t)n) < 0)
                return NULL;
        enclaves->n_holders++;
        return &enclaves->holders[n];
}

static void
forget(struct jk_enclaves *enclaves, struct holder *holder)
{
        size_t place = (size_t)(holder - enclaves->holders);
        const struct holder *last = &enclaves->holders[--enclaves->n_holders];

        jk_map_remove(&enclaves->by_pid, (uint64_t)holder->pid);
        if (holder == last)
                return;
        *holder = *last;
        (void)jk_map_put(&enclaves->by_pid, (uint64_t)last->pid,
                         (uint32_t)place); /* it is there: cannot fail */
}

/* The task ran. One that has executed is a new one, but keeps its mark until it has been looked at.
 * Where memory runs out, it is not looked at. */
static void
meet(struct jk_enclaves *enclaves, const struct jk_task_record *task, int64_t now_ns)
{
        struct holder *holder = find(enclaves, task);
        bool enclave = holder && holder->enclave;

        if (holder && memcmp(holder->comm, task->comm, sizeof holder->comm) == 0) {
                holder->ran = true;
                return;
        }
        if (!holder)
                holder = add(enclaves, task->pid);
        if (!holder)
                return;

        *holder = (struct holder){
                .pid = task->pid,
                .start_ns = task->start_ns,
                .known_ns = now_ns,
                .ran = true,
                .enclave = enclave,
        };
        memcpy(holder->comm, task->comm, sizeof holder->comm);
}

/* ---- the tick ---- */

static bool
is_due(const struct holder *holder, int64_t now_ns)
{
        int64_t wait_ns = holder->looked_ns - holder->known_ns;

        if (!holder->ran || holder->looked_ns == 0)
                return holder->ran;
        if (wait_ns < LOOK_AGAIN_LEAST_NS)
                wait_ns = LOOK_AGAIN_LEAST_NS;
        if (wait_ns > LOOK_AGAIN_MOST_NS)
                wait_ns = LOOK_AGAIN_MOST_NS;
        return now_ns - holder->looked_ns >= wait_ns;
}

/* Those that are due, in turn, so that all have theirs where there are too many. */
static void
look_at_some(struct jk_enclaves *enclaves, const struct jk_sample *sample)
{
        int64_t now_ns = sample->time.monotonic_ns;

        enclaves->saved_ns += sample->elapsed_ns;
        if (!(sample->flags & JK_SAMPLE_FIRST) &&
            enclaves->saved_ns > LOOKS_SAVED_MAX * PER_LOOK_NS)
                enclaves->saved_ns = LOOKS_SAVED_MAX * PER_LOOK_NS;

        for (size_t i = 0; i < enclaves->n_holders && enclaves->saved_ns >= PER_LOOK_NS; i++) {
                struct holder *holder;

                if (enclaves->turn >= enclaves->n_holders)
                        enclaves->turn = 0;
                holder = &enclaves->holders[enclaves->turn++];
                if (!is_due(holder, now_ns))
                        continue;
                enclaves->saved_ns -= PER_LOOK_NS;
                holder->enclave = holds_one(enclaves, holder);
                holder->looked_ns = now_ns;
                holder->ran = false;
        }
}

static bool
may_hold_one(const struct jk_task_record *task)
{
        return !(task->flags & (JK_TASK_KERNEL | JK_TASK_UNSEEN));
}

void
jk_enclaves_mark(struct jk_enclaves *enclaves, struct jk_sample *sample)
{
        if (!enclaves)
                return;

        for (size_t i = 0; i < sample->n_tasks; i++)
                if (may_hold_one(&sample->tasks[i]) && !(sample->tasks[i].flags & JK_TASK_ENDED))
                        meet(enclaves, &sample->tasks[i], sample->time.monotonic_ns);
        look_at_some(enclaves, sample);
        for (size_t i = 0; i < sample->n_tasks; i++) {
                struct jk_task_record *task = &sample->tasks[i];
                struct holder *holder = may_hold_one(task) ? find(enclaves, task) : NULL;

                if (holder && holder->enclave)
                        task->flags |= JK_TASK_ENCLAVE;
                if (holder && task->flags & JK_TASK_ENDED)
                        forget(enclaves, holder);
        }
}
