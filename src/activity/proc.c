/* SPDX-License-Identifier: Apache-2.0
 *
 * The fallback collector: /proc, and cgroup accounting for what /proc cannot show. A tick lists
 * /proc, asks every process' CPU clock (0.5 µs), and reads files only of processes that ran. Those
 * that came and went between two readings are reported as the unseen time of their cgroups
 * (usage.h), which is why its samples are marked coarse.
 *
 * The cgroup of a process is read when it is new, when it has executed another program, and now and
 * then; in between, a group whose tasks used more than the group itself gives a move away.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "activity/activity.h"
#include "activity/irq.h"
#include "activity/proc-read.h"
#include "activity/tasks.h"
#include "activity/usage.h"
#include "base/cleanup.h"
#include "workload/cgroup-mounts.h"

#define CHECK_IDLE_EVERY   128 /* readings, for a task that does nothing */
#define CHECK_CGROUP_EVERY 8   /* readings in which it did something */
#define UNSEEN_LEAST_NS    (1 * JK_NS_PER_MS)
#define TICK_ERROR_NS      (20 * JK_NS_PER_MS) /* utime and stime are each cut to 10 ms */

/* A process that began longer ago than this before the previous reading, and was not seen then, was
 * hidden from us: what it did before is not this tick's. */
#define HIDDEN_NS JK_NS_PER_S

struct jk_collector {
        struct jk_proc proc;
        struct jk_cgroups *cgroups;
        struct jk_usage *usage;
        struct jk_tasks tasks;
        uint32_t irq_flag; /* JK_SAMPLE_IRQ_IN_TASKS, or 0 */
        int64_t n_cpus;
        uint64_t readings;
        int64_t usage_read_ns;        /* monotonic */
        int64_t previous_boottime_ns; /* of the previous reading */
        char description[160];
        char entries[32 * 1024]; /* of proc/ */
        char cgroup_text[8192];
};

/* ---- identity ---- */

/* Whether the cgroup is another one than before. A process that is gone, or whose cgroup cannot be
 * read or is not visible, keeps what it has. */
static bool
check_cgroup(struct jk_collector *collector, struct jk_task *task)
{
        const char *path;
        uint64_t id;

        task->unchecked = 0;
        if (jk_proc_read_cgroup(&collector->proc, task->pid, collector->cgroup_text,
                                sizeof collector->cgroup_text) < 0)
                return false;
        path = jk_cgroup_of_process(collector->cgroup_text, jk_cgroups_mode(collector->cgroups));
        if (!path)
                return false;

        if (jk_cgroups_id_of_process(collector->cgroups, path, &id) < 0 || id == task->cgroup)
                return false;

        task->left = task->cgroup;
        task->moved_in = collector->readings;
        task->cgroup = id;
        return true;
}

static bool
check_uid(const struct jk_collector *collector, struct jk_task *task, bool always)
{
        uid_t owner = task->owner, uid;

        if (jk_proc_read_owner(&collector->proc, task->pid, &owner) < 0)
                return false;
        if (!always && owner == task->owner)
                return false;

        task->owner = owner;
        if (jk_proc_read_uid(&collector->proc, task->pid, &uid) < 0)
                uid = owner;
        if (uid == task->uid)
                return false;

        task->uid = uid;
        return true;
}

/* Where a task is until its cgroup is known: the root. */
static uint64_t
root_cgroup(struct jk_collector *collector)
{
        uint64_t id = 0;

        (void)jk_cgroups_id(collector->cgroups, "/", &id);
        return id;
}

/* ---- records ---- */

static int
add_record(struct jk_sample *sample, const struct jk_task *task, uint32_t flags,
           const struct jk_task *before)
{
        struct jk_task_record *record = jk_sample_add_task(sample);

        if (!record)
                return -ENOMEM;

        *record = (struct jk_task_record){
                .pid = task->pid,
                .ppid = task->ppid,
                .start_ns = task->start_ns,
                .cgroup = task->cgroup,
                .uid = task->uid,
                .flags = task->flags | flags,
                .cpu_ns = task->cpu_ns - before->cpu_ns,
                .read_bytes = task->read_bytes - before->read_bytes,
                .write_bytes = task->write_bytes - before->write_bytes,
                .minor_faults = task->minor_faults - before->minor_faults,
                .major_faults = task->major_faults - before->major_faults,
                .resident_bytes = task->resident_bytes,
                .threads = task->threads,
        };
        memcpy(record->comm, task->comm, sizeof record->comm);
        return 0;
}

static int
end_task(struct jk_collector *collector, struct jk_sample *sample, struct jk_task *task)
{
        int r = add_record(sample, task, JK_TASK_ENDED, task);

        if (r == 0)
                jk_tasks_remove(&collector->tasks, task);
        return r;
}

/* ---- one task ---- */

static void
raise_to(uint64_t *counter, uint64_t now)
{
        if (now > *counter)
                *counter = now;
}

static void
take_stat(const struct jk_collector *collector, struct jk_task *task,
          const struct jk_proc_stat *stat, uint64_t clock_ns)
{
        const struct jk_proc *proc = &collector->proc;
        uint64_t read = 0, written = 0;

        raise_to(&task->cpu_ns, proc->clocks ? clock_ns : stat->cpu_ticks * proc->ns_per_tick);
        raise_to(&task->minor_faults, stat->minor_faults);
        raise_to(&task->major_faults, stat->major_faults);
        task->ppid = stat->ppid;
        task->threads = stat->threads;
        task->resident_bytes = stat->resident_pages * proc->page_size;

        if (proc->io && jk_proc_read_io(proc, task->pid, &read, &written) == 0) {
                raise_to(&task->read_bytes, read);
                raise_to(&task->write_bytes, written);
        }
}

static int
begin_task(struct jk_collector *collector, struct jk_sample *sample, pid_t pid,
           const struct jk_proc_stat *stat)
{
        static const struct jk_task nothing = { 0 };
        uint64_t clock_ns = 0;
        struct jk_task *task;
        bool hidden;

        if (collector->proc.clocks && jk_proc_clock(pid, &clock_ns) < 0)
                return 0; /* it ended: its cgroup has its time */
        task = jk_tasks_add(&collector->tasks, pid);
        if (!task)
                return -ENOMEM;

        task->start_ns = stat->start_ticks * collector->proc.ns_per_tick;
        task->seen_in = task->active_in = collector->readings;
        task->cgroup = root_cgroup(collector);
        task->uid = JK_UID_UNKNOWN;
        task->flags = (stat->flags & JK_PROC_KTHREAD ? JK_TASK_KERNEL : 0) |
                      (pid == collector->proc.self ? JK_TASK_SELF : 0);
        memcpy(task->comm, stat->comm, sizeof task->comm);
        take_stat(collector, task, stat, clock_ns);
        check_cgroup(collector, task);
        check_uid(collector, task, true);
        task->unchecked = CHECK_CGROUP_EVERY; /* a new task is often moved at once */

        hidden = (int64_t)task->start_ns < collector->previous_boottime_ns - HIDDEN_NS;
        if (collector->readings == 1 || hidden)
                return add_record(sample, task, JK_TASK_NEW, task);

        jk_usage_seen(collector->usage, task->cgroup, (int64_t)task->cpu_ns);
        return add_record(sample, task, JK_TASK_NEW, &nothing);
}

static int
update_task(struct jk_collector *collector, struct jk_sample *sample, struct jk_task *task,
            const struct jk_proc_stat *stat, uint64_t clock_ns)
{
        const struct jk_task before = *task;
        bool active, executed = memcmp(task->comm, stat->comm, sizeof task->comm) != 0;
        bool changed = executed;

        task->seen_in = collector->readings;
        memcpy(task->comm, stat->comm, sizeof task->comm);
        take_stat(collector, task, stat, clock_ns);
        active = task->cpu_ns != before.cpu_ns || task->minor_faults != before.minor_faults ||
                 task->major_faults != before.major_faults ||
                 task->read_bytes != before.read_bytes || task->write_bytes != before.write_bytes;

        if (executed || !active || ++task->unchecked >= CHECK_CGROUP_EVERY)
                changed |= check_cgroup(collector, task);
        changed |= check_uid(collector, task, executed);
        if (!active && !changed)
                return 0;

        task->active_in = collector->readings;
        if (task->cpu_ns != before.cpu_ns)
                jk_usage_seen(collector->usage, task->cgroup,
                              (int64_t)(task->cpu_ns - before.cpu_ns));
        return add_record(sample, task, 0, &before);
}

/* Whether a task that ran not at all is to be looked at nevertheless: some in each reading. */
static bool
is_due(const struct jk_collector *collector, const struct jk_task *task)
{
        return ((uint64_t)task->pid + collector->readings) % CHECK_IDLE_EVERY == 0;
}

static int
visit(struct jk_collector *collector, struct jk_sample *sample, pid_t pid)
{
        struct jk_task *task = jk_tasks_find(&collector->tasks, pid);
        struct jk_proc_stat stat;
        uint64_t clock_ns = 0;
        int r;

        if (task && collector->proc.clocks) {
                if (jk_proc_clock(pid, &clock_ns) < 0)
                        return 0;
                if (clock_ns == task->cpu_ns && !is_due(collector, task)) {
                        task->seen_in = collector->readings;
                        return 0;
                }
        }

        /* Gone meanwhile, or hidden from us: not seen. */
        if (jk_proc_read_stat(&collector->proc, pid, &stat) < 0)
                return 0;
        if (task && task->start_ns == stat.start_ticks * collector->proc.ns_per_tick)
                return update_task(collector, sample, task, &stat, clock_ns);

        if (task) { /* the pid was used again */
                r = end_task(collector, sample, task);
                if (r < 0)
                        return r;
        }
        return begin_task(collector, sample, pid, &stat);
}

/* ---- all of them ---- */

static pid_t
parse_pid(const char *name)
{
        long pid = 0;

        for (const char *p = name; *p; p++) {
                if (*p < '0' || *p > '9' || p - name > 8)
                        return 0;
                pid = pid * 10 + (*p - '0');
        }
        return (pid_t)pid;
}

static int
visit_all(struct jk_collector *collector, struct jk_sample *sample, size_t *ret_count)
{
        size_t count = 0;
        ssize_t n;

        if (lseek(collector->proc.fd, 0, SEEK_SET) < 0)
                return -errno;

        while ((n = getdents64(collector->proc.fd, collector->entries, sizeof collector->entries)) >
               0) {
                for (ssize_t at = 0; at < n;) {
                        const struct dirent64 *entry = (void *)(collector->entries + at);
                        pid_t pid = parse_pid(entry->d_name);
                        int r = pid > 0 ? visit(collector, sample, pid) : 0;

                        if (r < 0)
                                return r;
                        count += pid > 0;
                        at += entry->d_reclen;
                }
        }

        *ret_count = count;
        return n < 0 ? -errno : 0;
}

static int
end_vanished(struct jk_collector *collector, struct jk_sample *sample)
{
        for (size_t i = 0; i < collector->tasks.n_tasks; i++) {
                struct jk_task *task = &collector->tasks.tasks[i];
                int r;

                if (task->pid == 0 || task->seen_in == collector->readings)
                        continue;
                r = end_task(collector, sample, task);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Less than this may be the error of a reading. */
static int64_t
least_ns(const struct jk_collector *collector)
{
        return collector->proc.clocks ? UNSEEN_LEAST_NS : TICK_ERROR_NS;
}

/* What the CPUs can have done since the groups' time was read, which may be in the tasks' already.
 */
static int64_t
slack(const struct jk_collector *collector)
{
        int64_t elapsed_ns = jk_monotonic_ns() - collector->usage_read_ns;

        return elapsed_ns * collector->n_cpus + 10 * least_ns(collector);
}

/* Look again at the cgroup of a task in a group that is overdrawn. */
static void
check_overdrawn(struct jk_collector *collector, struct jk_task_record *record, struct jk_task *task)
{
        int64_t cpu_ns = (int64_t)record->cpu_ns;

        if (!jk_usage_is_overdrawn(collector->usage, record->cgroup, least_ns(collector)) ||
            !check_cgroup(collector, task))
                return;

        jk_usage_seen(collector->usage, record->cgroup, -cpu_ns);
        jk_usage_seen(collector->usage, task->cgroup, cpu_ns);
        record->cgroup = task->cgroup;
}

/* Settle what tasks that moved in this tick did in the group that they left. */
static void
find_moved(struct jk_collector *collector, struct jk_sample *sample, size_t first)
{
        for (size_t i = first; i < sample->n_tasks; i++) {
                struct jk_task_record *record = &sample->tasks[i];
                struct jk_task *task;

                if (record->cpu_ns == 0)
                        continue;
                task = jk_tasks_find(&collector->tasks, record->pid);
                if (!task || task->start_ns != record->start_ns)
                        continue;

                check_overdrawn(collector, record, task);
                if (task->moved_in == collector->readings && !(record->flags & JK_TASK_NEW))
                        jk_usage_moved(collector->usage, task->left, task->cgroup,
                                       (int64_t)record->cpu_ns);
        }
}

static int
collect(struct jk_collector *collector, struct jk_sample *sample, struct jk_error *err)
{
        size_t first = sample->n_tasks, count = 0;
        int r;

        collector->readings++;
        r = jk_cgroups_scan(collector->cgroups);
        if (r == 0)
                r = jk_usage_read(collector->usage);
        collector->usage_read_ns = jk_monotonic_ns();
        if (r == 0)
                r = visit_all(collector, sample, &count);
        if (r == 0 && count == 0)
                return jk_fail(err, ENOENT,
                               "activity proc: no process is listed in proc; "
                               "is it mounted?");
        if (r == 0)
                r = end_vanished(collector, sample);

        if (r == 0) {
                find_moved(collector, sample, first);
                r = jk_usage_settle(collector->usage, sample, slack(collector),
                                    least_ns(collector));
        }
        if (r < 0)
                return jk_fail(err, r, "activity proc: cannot list the processes: %m");

        collector->previous_boottime_ns = sample->time.boottime_ns;
        sample->flags |= JK_SAMPLE_TASKS | JK_SAMPLE_COARSE | collector->irq_flag;
        sample->task_fields |= JK_TASK_CPU | JK_TASK_FAULTS | JK_TASK_RESIDENT | JK_TASK_THREADS |
                               (collector->proc.io ? JK_TASK_IO : 0);
        return 0;
}

/* ---- open and close ---- */

static void
close_collector(struct jk_collector *collector)
{
        if (!collector)
                return;

        jk_proc_close(&collector->proc);
        jk_usage_close(collector->usage);
        jk_tasks_free(&collector->tasks);
        free(collector);
}

static void
set_description(struct jk_collector *collector)
{
        bool groups = jk_cgroups_mode(collector->cgroups) != JK_CGROUP_NONE;

        snprintf(collector->description, sizeof collector->description,
                 "/proc, CPU time %s; %s%s%s",
                 collector->proc.clocks ? "in nanoseconds" : "in steps of 10 ms",
                 groups ? "short-lived processes by cgroup " : "short-lived processes are not seen",
                 groups ? jk_cgroups_describe(collector->cgroups) : "",
                 collector->proc.io ? ""
                                    : "; no bytes read and written (that needs CAP_SYS_PTRACE)");
}

static int
open_collector(const struct jk_activity_env *env, struct jk_collector **ret_collector,
               struct jk_error *err)
{
        struct jk_collector *collector = calloc(1, sizeof *collector);
        int r;

        if (!collector)
                return jk_fail(err, ENOMEM, "out of memory");

        collector->proc.fd = -1;
        collector->cgroups = env->cgroups;
        collector->n_cpus = sysconf(_SC_NPROCESSORS_CONF);
        collector->irq_flag = jk_irq_time_is_in_tasks(env->proc_root) ? JK_SAMPLE_IRQ_IN_TASKS : 0;
        r = jk_proc_open(env->proc_root, &collector->proc, err);
        if (r == 0 && jk_usage_open(env->cgroups, &collector->usage) < 0)
                r = jk_fail(err, ENOMEM, "out of memory");
        if (r < 0) {
                close_collector(collector);
                return r;
        }

        set_description(collector);
        *ret_collector = collector;
        return 0;
}

static const char *
describe(const struct jk_collector *collector)
{
        return collector->description;
}

const struct jk_collector_ops jk_collector_proc = {
        .name = "proc",
        .summary = "procfs and cgroup accounting: works everywhere, coarser and dearer than bpf",
        .open = open_collector,
        .collect = collect,
        .describe = describe,
        .close = close_collector,
};
