/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * The kernel's side of the BPF collector. A pass over all threads, once per tick, tells what those
 * that ran have used; the exit tracepoint tells the last slice of those that end, and the free
 * tracepoint what they used after that. All values are cumulative since the thread's birth, so user
 * space books differences and nothing is counted twice. No state is kept per task here, except for
 * the hardware counters, which have to be read at every context switch.
 *
 * There are two ways to make the pass. The walk follows the list of tasks within one run of a
 * program, and writes to the ring buffer; it needs Linux 6.7, and is what an ordinary tick does.
 * The iterator is read from a file, which takes three times as long per thread and has no bound; it
 * tells of all threads, where that is wanted, and of any number of busy ones.
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

/* ---- set by user space ---- */

const volatile bool use_v1 = false;  /* report the cgroup of the cpuacct hierarchy, not v2 */
const volatile int hierarchy = 0;    /* its id: whose cgroups' coming and going to report */
const volatile __u32 n_counters = 0; /* JK_COUNTERS_MAX at most */
const volatile __u32 wake_bytes = 0; /* so many unread bytes of events wake up user space */
const volatile __u32 walk_max = 0;   /* threads that a walk may tell */

/* Given a value, and so laid first in both builds: see skeleton.h. */
bool want_all = false; /* the next pass reports every thread, idle or not */

/* ---- read by user space ---- */

__u32 features = 0;    /* enum jk_kernel_feature */
__u64 lost_events = 0; /* the ring buffer was full */

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 512 * 1024);
} events SEC(".maps");

#include "clock.bpf.h"
#include "counters.bpf.h"

/* ---- a thread, as user space gets it ---- */

static __always_inline __u64
resident_pages(const struct mm_struct *mm)
{
        /* File, anonymous and shared memory: 0, 1 and 3; 2 is swap. The verifier of old kernels
         * does not walk into an array of typedefs, so the old one is read by a helper. */
        __s64 pages = 0;

        if (bpf_core_field_exists(((struct mm_struct___array *)0)->rss_stat.count)) {
                const struct mm_struct___array *old = (const void *)mm;

                pages = BPF_CORE_READ(old, rss_stat.count[0].counter) +
                        BPF_CORE_READ(old, rss_stat.count[1].counter) +
                        BPF_CORE_READ(old, rss_stat.count[3].counter);
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
        if (task->exit_state && !task->on_rq && !task->on_cpu)
                state |= JK_THREAD_SETTLED;
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
        record->cpu = task_cpu(task);
        record->cgroup = process_cgroup(leader);
        if (mm) {
                record->resident_pages = resident_pages(mm);
                record->state |= JK_THREAD_RESIDENT;
        }
        bpf_probe_read_kernel(record->comm, sizeof record->comm, leader->comm);
        read_counters(leader, true, record->counters);
}

/* ---- events ---- */

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

/* An event whose last member is the counters, as many as there are; zeroed. The verifier knows
 * their number, and so the size. */
#define RESERVE_EVENT(event)                                                                       \
        ({                                                                                         \
                (event) = bpf_ringbuf_reserve(&events, JK_SIZE_WITH(*(event), n_counters), 0);     \
                if (event)                                                                         \
                        __builtin_memset((event), 0, JK_SIZE_WITH(*(event), 0));                   \
                (event);                                                                           \
        })

/* Whether there was room. */
static __always_inline bool
tell_thread(struct task_struct *task, __u32 kind)
{
        struct jk_thread_event *event;

        if (!RESERVE_EVENT(event))
                return false;
        event->event.kind = kind;
        fill_record(&event->thread, task);
        bpf_ringbuf_submit(event, wakeup());
        return true;
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
begin_pass(void)
{
        const struct rq *rq = task_rq(bpf_get_current_task_btf());

        turn ^= 1;
        began_ns = bpf_ktime_get_ns();
        began_boot_ns[turn & 1] = bpf_ktime_get_boot_ns();
        note_features(rq);
        if (rq)
                calibrate(rq);
}

/* Whether a thread that the pass meets is to be told. */
static __always_inline bool
is_wanted(const struct task_struct *task)
{
        __u32 cpu = task_cpu(task);

        mark_clock(task, cpu);
        return want_all || !slept_on(task, cpu);
}

SEC("iter/task")
int
jk_iterate(struct bpf_iter__task *ctx)
{
        struct task_struct *task = ctx->task;
        struct jk_thread_record record;

        if (!task)
                return 0;
        if (ctx->meta->seq_num == 0)
                begin_pass();
        if (!is_wanted(task))
                return 0;

        __builtin_memset(&record, 0, sizeof record);
        fill_record(&record, task);
        bpf_seq_write(ctx->meta->seq, &record, JK_SIZE_WITH(record, n_counters));
        return 0;
}

/* In memory, as the verifier would follow a count in a register through every value. */
__u32 walk_told;

#ifdef JK_WALK

/* Run by user space. Returns the threads told, or -1 if they are too many for the ring buffer. */
SEC("raw_tp/sched_switch")
int
jk_walk(void *ctx)
{
        struct bpf_iter_task walk;
        struct task_struct *task;
        bool fits = true;

        begin_pass();
        walk_told = 0;
        bpf_iter_task_new(&walk, NULL, BPF_TASK_ITER_ALL_THREADS);
        while (fits && (task = bpf_iter_task_next(&walk))) {
                if (!task->pid || !is_wanted(task))
                        continue; /* the idle task, or one that idles */
                fits = ++walk_told <= walk_max && tell_thread(task, JK_EVENT_SEEN);
        }
        bpf_iter_task_destroy(&walk);
        return fits ? walk_told : -1;
}

#else

SEC("raw_tp/sched_switch")
int
jk_walk(void *ctx)
{
        return -1; /* in its place, so that both have the same programs; never loaded */
}

#endif

/* ---- the ending ---- */

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(jk_exit, struct task_struct *task)
{
        if (!tell_thread(task, JK_EVENT_EXIT))
                lose_event();
        return 0;
}

/* Called when nobody refers to the task any more, some milliseconds after its last switch: what it
 * used since the exit tracepoint (its memory is torn down there) is in sum_exec_runtime by now. */
SEC("tp_btf/sched_process_free")
int
BPF_PROG(jk_free, struct task_struct *task)
{
        struct jk_free_event *event;

        if (!RESERVE_EVENT(event)) {
                lose_event();
                return 0;
        }
        event->event.kind = JK_EVENT_FREE;
        event->id.address = (__u64)task;
        event->id.start_ns = task->start_boottime;
        event->cpu_ns = task->se.sum_exec_runtime;
        read_counters(task, task->pid == task->tgid, event->counters);
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

/* A task may be moved while it sleeps, and the pass would leave it out. */
SEC("tp_btf/cgroup_attach_task")
int
BPF_PROG(jk_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
        if (cgroup->root->hierarchy_id == hierarchy && !tell_thread(task, JK_EVENT_SEEN))
                lose_event();
        return 0;
}
