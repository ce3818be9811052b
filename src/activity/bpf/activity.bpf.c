/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * The kernel's side of the BPF collector. The task iterator, read once per tick, tells what every
 * living thread has used; the exit tracepoint tells the last slice of those that end, and the free
 * tracepoint what they used after that. All values are cumulative since the thread's birth, so user
 * space books differences and nothing is counted twice. No state is kept per task here, except for
 * the hardware counters, which have to be read at every context switch.
 *
 * A running thread's sum_exec_runtime lags by up to a scheduler tick. What is missing is the run
 * queue's clock now, less exec_start: see thread_cpu_ns().
 */
#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NS_PER_S 1000000000ULL

/* A CPU whose clock did not move for so long is not trusted to tell how long its task has run. Even
 * without a periodic tick (nohz_full) it moves once a second. */
#define CLOCK_STALE_NS (2 * NS_PER_S)

/* Rate of the scheduler's clock against the monotonic one, in units of 2^-30. */
#define RATE_SHIFT 30
#define RATE_MAX   (1LL << (RATE_SHIFT - 10)) /* 1,000 ppm: NTP slews by 500 at most */

/* ---- set by user space ---- */

const volatile bool use_v1 = false; /* report the cgroup of the cpuacct hierarchy, not v2 */
const volatile int hierarchy = 0;   /* its id: whose cgroups' coming and going to report */
const volatile bool use_counters = false;
const volatile __u32 wake_bytes = 128 * 1024; /* unread events that wake up user space */

bool want_all; /* the next iteration reports every thread, idle or not */

/* ---- read by user space ---- */

__u32 features;    /* enum jk_kernel_feature */
__u64 lost_events; /* the ring buffer was full */
__u64 moves;       /* tasks were moved to other cgroups, perhaps while asleep */

/* ---- clocks ---- */

/* Each CPU's task clock when this iteration began, and the one before (by turns): a thread that
 * sleeps, and was last on its CPU before that, has used nothing since. 0 is not known. */
__u64 clock_marks[2][JK_BPF_CPUS_MAX];
__u64 marked_ns[JK_BPF_CPUS_MAX]; /* the iteration that last set it: its began_ns */
__u64 began_boot_ns[2];
__u64 began_ns;
__u32 turn;

/* The scheduler's clock is not the monotonic one; this is how the two go together. */
__s64 clock_offset_ns;
__s64 clock_rate;
__u64 clock_set_at_ns;

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __always_inline __u64
scheduler_clock_ns(void)
{
        __u64 now = bpf_ktime_get_ns();
        __s64 since = now - clock_set_at_ns;

        return now + clock_offset_ns + ((since >> 10) * clock_rate >> (RATE_SHIFT - 10));
}

/* User space has just made the kernel bring this CPU's clock up to date (it asked for its own CPU
 * time), so the difference to the monotonic clock is their offset. */
static __always_inline void
calibrate(const struct rq *rq)
{
        __u64 now = bpf_ktime_get_ns();
        __s64 offset = rq->clock - now;
        __s64 span = (now - clock_set_at_ns) >> 10;
        __s64 drift = offset - clock_offset_ns;
        __s64 rate = 0;

        if (clock_set_at_ns && span > 0 && drift < (__s64)NS_PER_S && drift > -(__s64)NS_PER_S) {
                bool negative = drift < 0;
                __u64 scaled = (__u64)(negative ? -drift : drift) << (RATE_SHIFT - 10);

                scaled /= (__u64)span;
                if (scaled > RATE_MAX)
                        scaled = 0;
                rate = negative ? -(__s64)scaled : (__s64)scaled;
        }

        clock_offset_ns = offset;
        clock_rate = rate;
        clock_set_at_ns = now;
}

/* The task clock of a run queue now. Its two clocks are read in the order that makes a race with
 * their update give too little, never too much. */
static __always_inline __u64
task_clock_ns(const struct rq *rq)
{
        __u64 task_clock = *(volatile const __u64 *)&rq->clock_task;
        __u64 clock = *(volatile const __u64 *)&rq->clock;
        __s64 ahead = scheduler_clock_ns() - clock;

        if (ahead < 0 || ahead > (__s64)CLOCK_STALE_NS)
                ahead = 0;
        return task_clock + ahead;
}

static __always_inline __u32
task_cpu(const struct task_struct *task)
{
        const struct task_struct___cpu *old = (const void *)task;

        if (bpf_core_field_exists(old->cpu))
                return old->cpu;
        return task->thread_info.cpu;
}

/* The run queue of a living task's CPU, or NULL. The way through the fair class' queue, rather than
 * the per-CPU variable, works on kernels that do not list variables in kallsyms; what is found is
 * checked, as the task may move while we look. */
static __always_inline const struct rq *
task_rq(const struct task_struct *task)
{
        const struct rq *rq;

        if (!bpf_core_field_exists(task->se.cfs_rq) || task->exit_state)
                return NULL;

        rq = task->se.cfs_rq->rq;
        return rq && (__u32)rq->cpu == task_cpu(task) ? rq : NULL;
}

/* CPU time of a thread up to now. While it is on a CPU, the time since exec_start is not in
 * sum_exec_runtime yet; if the kernel adds it between our looks at the two, it is left out: too
 * little is made up for next time, too much would have to be taken back. */
static __always_inline __u64
thread_cpu_ns(const struct task_struct *task)
{
        __u64 before = *(volatile const __u64 *)&task->se.sum_exec_runtime;
        __u64 start, sum, now;
        const struct rq *rq;

        if (!task->on_cpu)
                return before;
        rq = task_rq(task);
        if (!rq)
                return before;

        start = *(volatile const __u64 *)&task->se.exec_start;
        now = task_clock_ns(rq);
        sum = *(volatile const __u64 *)&task->se.sum_exec_runtime;
        if (sum != before || now <= start || now - start > CLOCK_STALE_NS)
                return sum;
        return sum + (now - start);
}

/* ---- hardware counters ---- */

/* The running totals of a process, in the storage of its leader. */
struct process_counters {
        __u64 values[JK_COUNTERS];
};

struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct process_counters);
} counted SEC(".maps");

/* The counters of each CPU: user space opens them. */
#define COUNTER_MAP(name)                                                                          \
        struct {                                                                                   \
                __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                       \
                __uint(key_size, sizeof(__u32));                                                   \
                __uint(value_size, sizeof(__u32));                                                 \
        } name SEC(".maps")

COUNTER_MAP(counter_0);
COUNTER_MAP(counter_1);
COUNTER_MAP(counter_2);

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, JK_COUNTERS);
        __type(key, __u32);
        __type(value, struct bpf_perf_event_value);
} readings SEC(".maps");

/* What the counter counted on this CPU since the last time; scaled up if it was not on the PMU all
 * the time because others shared it. */
static __always_inline __u64
counter_delta(void *map, __u32 which)
{
        struct bpf_perf_event_value now, *last = bpf_map_lookup_elem(&readings, &which);
        __u64 counted_now, enabled, running;

        if (!last || bpf_perf_event_read_value(map, BPF_F_CURRENT_CPU, &now, sizeof now) < 0)
                return 0;

        counted_now = now.counter - last->counter;
        enabled = now.enabled - last->enabled;
        running = now.running - last->running;

        /* A counter that was opened again (its CPU was away) starts below where it was. */
        if (now.counter < last->counter || now.running < last->running || !last->enabled)
                counted_now = 0;
        *last = now;
        if (running && running < enabled && counted_now < 1ULL << 40)
                counted_now = counted_now * (enabled >> 10) / ((running >> 10) + 1);
        return counted_now;
}

/* Give what this CPU counted since the last time to the task that ran. */
static __always_inline void
count(struct task_struct *task)
{
        __u64 deltas[JK_COUNTERS];
        struct process_counters *process;

        deltas[0] = counter_delta(&counter_0, 0);
        deltas[1] = counter_delta(&counter_1, 1);
        deltas[2] = counter_delta(&counter_2, 2);
        if (!task->pid)
                return; /* the idle task */

        process = bpf_task_storage_get(&counted, task->group_leader, 0,
                                       BPF_LOCAL_STORAGE_GET_F_CREATE);
        if (!process)
                return;
        for (int i = 0; i < JK_COUNTERS; i++)
                __sync_fetch_and_add(&process->values[i], deltas[i]);
}

SEC("tp_btf/sched_switch")
int
BPF_PROG(jk_switch, bool preempt, struct task_struct *prev)
{
        count(prev);
        return 0;
}

/* Run on each CPU before an iteration, so that a task which keeps its CPU is seen as well. */
SEC("raw_tp/sched_switch")
int
jk_flush(void *ctx)
{
        count(bpf_get_current_task_btf());
        return 0;
}

static __always_inline void
read_counters(struct task_struct *leader, __u64 values[JK_COUNTERS])
{
        struct process_counters *process;

        if (!use_counters)
                return;
        process = bpf_task_storage_get(&counted, leader, 0, 0);
        if (!process)
                return;
        for (int i = 0; i < JK_COUNTERS; i++)
                values[i] = process->values[i];
}

/* ---- a thread, as user space gets it ---- */

static __always_inline __u64
resident_pages(const struct mm_struct *mm)
{
        /* File, anonymous and shared memory: 0, 1 and 3; 2 is swap. */
        __s64 pages = 0;

        if (bpf_core_field_exists(((struct mm_struct___array *)0)->rss_stat.count)) {
                const struct mm_struct___array *old = (const void *)mm;

                pages = old->rss_stat.count[0].counter + old->rss_stat.count[1].counter +
                        old->rss_stat.count[3].counter;
        } else {
                pages = mm->rss_stat[0].count + mm->rss_stat[1].count + mm->rss_stat[3].count;
        }
        return pages > 0 ? pages : 0;
}

static __always_inline __u64
process_cgroup(const struct task_struct *leader)
{
        if (use_v1) {
                const struct css_set *set = leader->cgroups;
                struct cgroup_subsys_state *state = NULL;
                __u32 id = bpf_core_enum_value(enum cgroup_subsys_id, cpuacct_cgrp_id);

                bpf_probe_read_kernel(&state, sizeof state, &set->subsys[id & 15]);
                return state ? BPF_CORE_READ(state, cgroup, kn, id) : 0;
        }
        return leader->cgroups->dfl_cgrp->kn->id;
}

static __always_inline __u32
thread_state(const struct task_struct *task)
{
        __u32 state = 0;

        if (task->flags & PF_KTHREAD)
                state |= JK_THREAD_KERNEL;
        if (!task->signal->live.counter)
                state |= JK_THREAD_LAST;
        if (task->exit_state) {
                state |= JK_THREAD_EXITED;
                if (!task->on_rq && !task->on_cpu)
                        state |= JK_THREAD_SETTLED;
        }
        return state;
}

static __always_inline void
fill_record(struct jk_thread_record *record, struct task_struct *task)
{
        struct task_struct *leader = task->group_leader;
        const struct mm_struct *mm = task->mm;

        record->id.address = (__u64)task;
        record->id.start_ns = task->start_boottime;
        record->leader = (__u64)leader;
        record->process_start_ns = leader->start_boottime;
        record->cpu_ns = thread_cpu_ns(task);
        if (bpf_core_field_exists(task->ioac.read_bytes)) {
                record->read_bytes = task->ioac.read_bytes;
                record->write_bytes = task->ioac.write_bytes;
        }
        record->minor_faults = task->min_flt;
        record->major_faults = task->maj_flt;
        record->tid = task->pid;
        record->tgid = task->tgid;
        record->ppid = task->real_parent->tgid;
        record->uid = leader->cred->uid.val;
        record->threads = task->signal->nr_threads;
        record->state = thread_state(task);
        record->cgroup = process_cgroup(leader);
        if (mm) {
                record->resident_pages = resident_pages(mm);
                record->state |= JK_THREAD_RESIDENT;
        }
        bpf_probe_read_kernel(record->comm, sizeof record->comm, leader->comm);
        read_counters(leader, record->counters);
}

/* ---- the living ---- */

static __always_inline void
note_features(const struct rq *rq)
{
        __u32 found = 0;

        if (bpf_core_field_exists(((struct task_struct *)0)->ioac.read_bytes))
                found |= JK_KERNEL_IO;
        if (rq)
                found |= JK_KERNEL_RUN_QUEUES;
        if (rq && bpf_core_field_exists(rq->prev_irq_time) && rq->prev_irq_time)
                found |= JK_KERNEL_IRQ_APART;
        features |= found;
}

static __always_inline void
begin_iteration(void)
{
        const struct rq *rq = task_rq(bpf_get_current_task_btf());

        turn ^= 1;
        began_ns = bpf_ktime_get_ns();
        began_boot_ns[turn & 1] = bpf_ktime_get_boot_ns();
        note_features(rq);
        if (rq)
                calibrate(rq);
}

/* The first thread of a CPU that an iteration meets lends its run queue to mark that CPU's clock.
 * Some time has passed since the iteration began; threads that were looked at meanwhile must not
 * seem to have slept through it. A mark that is not renewed is merely too early. */
static __always_inline void
mark_clock(const struct task_struct *task, __u32 cpu)
{
        const struct rq *rq;
        __u64 passed, clock;

        if (cpu >= JK_BPF_CPUS_MAX)
                return;
        if (marked_ns[cpu] == began_ns)
                return;
        rq = task_rq(task);
        if (!rq)
                return;

        passed = bpf_ktime_get_ns() - began_ns;
        clock = rq->clock_task;
        if (clock <= passed)
                return;
        clock_marks[turn & 1][cpu] = clock - passed;
        marked_ns[cpu] = began_ns;
}

/* Whether a thread cannot have run since the iteration before. A sleeping thread's exec_start is
 * when it left its CPU, by that CPU's clock. */
static __always_inline bool
slept_on(const struct task_struct *task, __u32 cpu)
{
        __u32 previous = (turn & 1) ^ 1;

        if (want_all || task->on_rq || task->on_cpu || cpu >= JK_BPF_CPUS_MAX)
                return false;
        return task->se.exec_start <= clock_marks[previous][cpu] &&
               task->start_boottime < began_boot_ns[previous];
}

SEC("iter/task")
int
jk_iterate(struct bpf_iter__task *ctx)
{
        struct task_struct *task = ctx->task;
        struct jk_thread_record record;
        __u32 cpu;

        if (!task)
                return 0;
        if (ctx->meta->seq_num == 0)
                begin_iteration();

        cpu = task_cpu(task);
        mark_clock(task, cpu);
        if (slept_on(task, cpu)) {
                struct jk_thread_id id = {
                        .address = (__u64)((const char *)task + JK_IDLE),
                        .start_ns = task->start_boottime,
                };

                bpf_seq_write(ctx->meta->seq, &id, sizeof id);
                return 0;
        }

        __builtin_memset(&record, 0, sizeof record);
        fill_record(&record, task);
        bpf_seq_write(ctx->meta->seq, &record, sizeof record);
        return 0;
}

/* ---- the ending ---- */

static __always_inline void
lose_event(void)
{
        __sync_fetch_and_add(&lost_events, 1);
}

/* User space reads the events at its tick; only a ring that fills up between two wakes it. */
static __always_inline __u64
wakeup(void)
{
        return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= wake_bytes ? BPF_RB_FORCE_WAKEUP
                                                                           : BPF_RB_NO_WAKEUP;
}

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(jk_exit, struct task_struct *task)
{
        struct jk_exit_event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);

        if (!event) {
                lose_event();
                return 0;
        }
        __builtin_memset(event, 0, sizeof *event);
        event->event.kind = JK_EVENT_EXIT;
        fill_record(&event->thread, task);
        event->thread.state |= JK_THREAD_EXITED;
        bpf_ringbuf_submit(event, wakeup());
        return 0;
}

/* Called when nobody refers to the task any more, some milliseconds after its last switch: what it
 * used since the exit tracepoint (its memory is torn down there) is in sum_exec_runtime by now. */
SEC("tp_btf/sched_process_free")
int
BPF_PROG(jk_free, struct task_struct *task)
{
        struct jk_free_event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);

        if (!event) {
                lose_event();
                return 0;
        }
        __builtin_memset(event, 0, sizeof *event);
        event->event.kind = JK_EVENT_FREE;
        event->id.address = (__u64)task;
        event->id.start_ns = task->start_boottime;
        event->cpu_ns = task->se.sum_exec_runtime;
        if (task->pid == task->tgid)
                read_counters(task, event->counters);
        bpf_ringbuf_submit(event, wakeup());
        return 0;
}

/* ---- cgroups ---- */

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct jk_cgroup_path_event);
} cgroup_scratch SEC(".maps");

static __always_inline void
tell_cgroup(struct cgroup *cgroup, const char *path, __u32 kind)
{
        struct jk_cgroup_path_event *event;
        __u32 zero = 0;
        long length;

        if (cgroup->root->hierarchy_id != hierarchy)
                return;

        event = bpf_map_lookup_elem(&cgroup_scratch, &zero);
        if (!event)
                return;
        length = bpf_probe_read_kernel_str(event->path, sizeof event->path, path);
        if (length < 0 || length > (long)sizeof event->path)
                return;

        event->event.kind = kind;
        event->event.length = length;
        event->id = cgroup->kn->id;
        if (bpf_ringbuf_output(&events, event,
                               __builtin_offsetof(struct jk_cgroup_path_event, path) + length,
                               wakeup()) < 0)
                lose_event();
}

SEC("tp_btf/cgroup_mkdir")
int
BPF_PROG(jk_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
        tell_cgroup(cgroup, path, JK_EVENT_CGROUP_CREATED);
        return 0;
}

SEC("tp_btf/cgroup_rmdir")
int
BPF_PROG(jk_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
        tell_cgroup(cgroup, path, JK_EVENT_CGROUP_REMOVED);
        return 0;
}

/* A task may be moved while it sleeps, and the iterator would pass over it. */
SEC("tp_btf/cgroup_attach_task")
int
BPF_PROG(jk_cgroup_attach, struct cgroup *cgroup)
{
        if (cgroup->root->hierarchy_id == hierarchy)
                __sync_fetch_and_add(&moves, 1);
        return 0;
}
