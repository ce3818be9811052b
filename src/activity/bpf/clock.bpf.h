/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * The scheduler's clocks: how long a thread that is on a CPU has run beyond what the kernel has
 * booked, and whether one that is not can have run since the last pass. A run queue's task
 * clock is the scheduler's clock less irq and stolen time, where the kernel accounts them; it is
 * brought up to date only at ticks and switches, and what has passed since is told by the monotonic
 * clock, set by the scheduler's at each pass.
 */
#pragma once

#define NS_PER_S 1000000000ULL

/* A CPU whose clock did not move for so long is not trusted to tell how long its task has run. Even
 * without a periodic tick (nohz_full) it moves once a second. */
#define CLOCK_STALE_NS (2 * NS_PER_S)

/* Rate of the scheduler's clock against the monotonic one, in units of 2^-30. */
#define RATE_SHIFT 30
#define RATE_MAX   (1LL << (RATE_SHIFT - 10)) /* 1,000 ppm: NTP slews by 500 at most */

/* Each CPU's task clock when this pass began, and the one before (by turns): a thread that
 * sleeps, and was last on its CPU before that, has used nothing since. 0 is not known. */
__u64 clock_marks[2][JK_BPF_CPUS_MAX];
__u64 marked_ns[JK_BPF_CPUS_MAX]; /* the pass that last set it: its began_ns */
__u64 began_boot_ns[2];
__u64 began_ns;
__u32 turn;

/* The scheduler's clock is not the monotonic one; this is how the two go together. */
__s64 clock_offset_ns;
__s64 clock_rate;
__u64 clock_set_at_ns;

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

/* The first thread of a CPU that a pass meets lends its run queue to mark that CPU's clock.
 * Some time has passed since the pass began; threads that were looked at meanwhile must not
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

/* Whether a thread cannot have run since the pass before. A sleeping thread's exec_start is
 * when it left its CPU, by that CPU's clock. */
static __always_inline bool
slept_on(const struct task_struct *task, __u32 cpu)
{
        __u32 previous = (turn & 1) ^ 1;

        if (task->on_rq || task->on_cpu || cpu >= JK_BPF_CPUS_MAX)
                return false;
        return task->se.exec_start <= clock_marks[previous][cpu] &&
               task->start_boottime < began_boot_ns[previous];
}
