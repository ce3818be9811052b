/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPF collector: once per tick a pass is made over all that lives, then the ring buffer is read
 * for what ended, and the table of threads makes differences of it. In that order: a thread that
 * the pass does not show any more has told its end by then.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "activity/bpf/collector.h"
#include "activity/bpf/ring.h"
#include "activity/bpf/skeleton.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"

/* The kernel hands over up to eight pages at once. */
#define BUFFER_BYTES (32 * 1024)

/* Threads that did not run are left out, and checked all the same now and then. */
#define FULL_EVERY_TICKS 64

/* A walk holds up its CPU. */
#define WALK_THREADS_MAX 20000

/* ---- events ---- */

static int
note_cgroup(struct jk_collector *collector, const struct jk_cgroup_path_event *event, bool created)
{
        struct jk_cgroup_change *change;
        int r;

        r = jk_array_grow(&collector->changes, &collector->changes_capacity,
                          collector->n_changes + 1);
        if (r < 0)
                return r;

        change = &collector->changes[collector->n_changes++];
        *change = (struct jk_cgroup_change){
                .id = event->id,
                .path = collector->paths.length,
                .created = created,
        };
        if (created)
                jk_text_bytes(&collector->paths, event->path,
                              strnlen(event->path, event->event.length) + 1);
        return collector->paths.failed ? -ENOMEM : 0;
}

static void
take_event(void *context, const void *data)
{
        struct jk_collector *collector = context;
        const struct jk_event_head *event = data;
        int r = 0;

        switch ((enum jk_event_kind)event->kind) {
        case JK_EVENT_SEEN:
                r = jk_threads_seen(&collector->threads,
                                    &((const struct jk_thread_event *)data)->thread);
                break;
        case JK_EVENT_EXIT:
                r = jk_threads_exited(&collector->threads,
                                      &((const struct jk_thread_event *)data)->thread);
                break;
        case JK_EVENT_FREE:
                jk_threads_gone(&collector->threads, data);
                break;
        case JK_EVENT_CGROUP_CREATED:
                r = note_cgroup(collector, data, true);
                break;
        case JK_EVENT_CGROUP_REMOVED:
                r = note_cgroup(collector, data, false);
                break;
        }
        if (r < 0)
                collector->failure = r;
}

static void
consume(struct jk_collector *collector)
{
        jk_ring_consume(collector->ring, take_event, collector);
}

/* The thread that sleeps until the ring is full by a quarter: with long ticks, or storms. Where ten
 * thousand processes end at once, it must not wait for all of them to have had their turn. */
static void *
read_events(void *data)
{
        struct jk_collector *collector = data;
        struct epoll_event event;

        jk_thread_take_precedence();
        for (;;) {
                int n = epoll_wait(collector->epoll_fd, &event, 1, -1);

                if (n < 0 && errno != EINTR)
                        return NULL;
                if (n == 1 && event.data.fd == collector->stop_fd)
                        return NULL;
                pthread_mutex_lock(&collector->lock);
                consume(collector);
                pthread_mutex_unlock(&collector->lock);
        }
}

/* The ring is always readable when there is anything in it; only what the programs wake us for
 * (EPOLLET) counts. */
static int
watch_ring(struct jk_collector *collector)
{
        int ring_fd = bpf_map__fd(collector->programs->maps.events);
        struct epoll_event woken = { .events = EPOLLIN | EPOLLET, .data.fd = ring_fd };
        struct epoll_event stopped = { .events = EPOLLIN, .data.fd = collector->stop_fd };

        collector->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (collector->epoll_fd < 0 ||
            epoll_ctl(collector->epoll_fd, EPOLL_CTL_ADD, ring_fd, &woken) < 0 ||
            epoll_ctl(collector->epoll_fd, EPOLL_CTL_ADD, collector->stop_fd, &stopped) < 0)
                return -errno;
        return 0;
}

static void
start_reader(struct jk_collector *collector)
{
        sigset_t all, before;
        int r = -watch_ring(collector);

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (r == 0)
                r = pthread_create(&collector->reader, NULL, read_events, collector);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0)
                collector->reading = true;
        else
                jk_log_warning("bpf: cannot start the thread that reads events between ticks: %s; "
                               "many exits within one tick may be lost",
                               strerror(r));
}

/* ---- the pass ---- */

/* Take the whole records in the buffer; returns the bytes taken, or a negative errno. What remains
 * is the beginning of the next one. */
static ssize_t
take_records(struct jk_collector *collector, const unsigned char *data, size_t length)
{
        size_t at = 0;

        size_t size = JK_SIZE_WITH(struct jk_thread_record, collector->n_counted);

        for (; length - at >= size; at += size) {
                int r = jk_threads_seen(&collector->threads,
                                        (const struct jk_thread_record *)(data + at));
                if (r < 0)
                        return r;
        }
        return (ssize_t)at;
}

static int
read_iterator(struct jk_collector *collector, int fd, bool all, struct jk_error *err)
{
        size_t kept = 0;

        for (;;) {
                ssize_t n = read(fd, collector->buffer + kept, BUFFER_BYTES - kept);
                ssize_t taken;

                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return jk_fail(err, errno, "bpf: reading the task iterator: %m");
                if (n == 0)
                        return 0;

                taken = take_records(collector, collector->buffer, kept + (size_t)n);
                if (taken < 0)
                        return jk_fail(err, (int)taken, "bpf: out of memory for %zu threads",
                                       collector->threads.n_threads);
                if (!all)
                        collector->ran += (size_t)taken / JK_SIZE_WITH(struct jk_thread_record,
                                                                       collector->n_counted);
                kept += (size_t)(n - taken);
                memmove(collector->buffer, collector->buffer + taken, kept);

                /* What ends meanwhile must not fill the ring. A thread in the part that is kept may
                 * be among it: its end would come before its life. */
                if (kept == 0)
                        consume(collector);
        }
}

static int
iterate(struct jk_collector *collector, bool all, struct jk_error *err)
{
        jk_autoclose int fd = bpf_iter_create(bpf_link__fd(collector->programs->links.jk_iterate));

        if (fd < 0)
                return jk_fail(err, errno, "bpf: starting the task iterator: %m");
        if (!all)
                collector->ran = 0;
        collector->programs->bss->want_all = all;
        return read_iterator(collector, fd, all, err);
}

/* Whether a walk is likely to have room in the ring buffer for what it has to tell, beside what
 * ends meanwhile. */
static bool
can_walk(const struct jk_collector *collector)
{
        return !collector->no_walk && bpf_program__fd(collector->programs->progs.jk_walk) >= 0 &&
               collector->threads.n_threads <= WALK_THREADS_MAX &&
               collector->ran <= collector->programs->rodata->walk_max;
}

/* Whether all that ran fitted into the ring buffer; if not, every thread has to be asked for. */
static bool
walk(struct jk_collector *collector)
{
        LIBBPF_OPTS(bpf_test_run_opts, run);
        int r, told;

        collector->programs->bss->want_all = false;
        r = bpf_prog_test_run_opts(bpf_program__fd(collector->programs->progs.jk_walk), &run);
        told = (int)run.retval;

        if (r < 0) {
                jk_log_warning(
                        "bpf: walking the tasks: %s; from now on the iterator is read, which "
                        "takes longer",
                        strerror(-r));
                collector->no_walk = true;
                return false;
        }

        collector->ran = told < 0 ? SIZE_MAX : (size_t)told;
        return told >= 0;
}

/* Whether threads that slept have to be reported as well: a pass was missed, moves between cgroups
 * cannot be seen, or ends were lost. */
static bool
want_all(struct jk_collector *collector)
{
        uint64_t lost = __atomic_load_n(&collector->programs->bss->lost_events, __ATOMIC_RELAXED);
        bool some_lost = lost != collector->lost;

        collector->lost = lost;
        return collector->first || collector->want_all || some_lost ||
               !collector->programs->links.jk_cgroup_attach ||
               collector->ticks % FULL_EVERY_TICKS == 0;
}

static int
pass(struct jk_collector *collector, struct jk_error *err)
{
        bool all = want_all(collector);
        int r;

        /* Asking for our own CPU time brings our CPU's scheduler clock up to date, by which the
         * pass sets its own. */
        (void)jk_thread_cpu_ns();

        if (!all && can_walk(collector)) {
                if (walk(collector)) {
                        consume(collector);
                        return 0;
                }
                all = true;
        }

        collector->want_all = true; /* unless this one is complete */
        r = iterate(collector, all, err);
        if (r < 0)
                return r;
        collector->want_all = false;
        consume(collector);
        if (all)
                jk_threads_settle(&collector->threads);
        return 0;
}

/* ---- the tick ---- */

/* Tell which cgroups came and went. One that has gone is kept while a task that ended in it may
 * still have something to book. */
static void
pass_on_cgroups(struct jk_collector *collector)
{
        size_t kept = 0;

        for (size_t i = 0; i < collector->n_changes; i++) {
                struct jk_cgroup_change change = collector->changes[i];

                if (change.created)
                        jk_cgroups_created(collector->cgroups, change.id,
                                           collector->paths.data + change.path);
                else if (jk_threads_ending_in(&collector->threads, change.id))
                        collector->changes[kept++] = change;
                else
                        jk_cgroups_removed(collector->cgroups, change.id);
        }
        collector->n_changes = kept;
        jk_text_clear(&collector->paths);
}

static void
describe_sample(const struct jk_collector *collector, struct jk_sample *sample)
{
        uint32_t features = collector->programs->bss->features;

        sample->flags |= JK_SAMPLE_TASKS;
        if (!(features & JK_KERNEL_IRQ_APART))
                sample->flags |= JK_SAMPLE_IRQ_IN_TASKS;
        sample->task_fields |= JK_TASK_CPU | JK_TASK_FAULTS | JK_TASK_RESIDENT | JK_TASK_THREADS;
        if (features & JK_KERNEL_IO)
                sample->task_fields |= JK_TASK_IO;
        sample->task_fields |= collector->fields;
        sample->lost_events = collector->lost;
}

static int
collect_locked(struct jk_collector *collector, struct jk_sample *sample, struct jk_error *err)
{
        int r;

        jk_threads_begin(&collector->threads, (uint64_t)(jk_monotonic_ns() / JK_NS_PER_MS),
                         collector->first);
        jk_topology_observe(&collector->topology, sample);
        if (collector->counters)
                jk_counters_flush(collector->counters);

        consume(collector);
        r = pass(collector, err);
        if (r < 0)
                return r;

        if (collector->events.count > 0)
                sample->events = &collector->events;
        r = jk_threads_flush(&collector->threads, sample);
        if (r < 0 || collector->failure < 0) {
                collector->failure = 0;
                collector->want_all = true;
                return jk_fail(err, ENOMEM, "bpf: out of memory for the tasks of the tick");
        }
        pass_on_cgroups(collector);
        describe_sample(collector, sample);
        return 0;
}

static int
collect(struct jk_collector *collector, struct jk_sample *sample, struct jk_error *err)
{
        int r;

        pthread_mutex_lock(&collector->lock);
        r = collect_locked(collector, sample, err);
        pthread_mutex_unlock(&collector->lock);
        if (r < 0)
                return r;

        if (collector->first)
                start_reader(collector);
        collector->first = false;
        collector->ticks++;
        return 0;
}

/* ---- opening and closing ---- */

static void
close_collector(struct jk_collector *collector)
{
        if (!collector)
                return;

        if (collector->reading) {
                (void)eventfd_write(collector->stop_fd, 1);
                pthread_join(collector->reader, NULL);
        }
        jk_cleanup_close(&collector->stop_fd);
        jk_cleanup_close(&collector->epoll_fd);
        jk_ring_close(collector->ring);
        jk_counters_close(collector->counters);
        jk_activity__destroy(collector->programs);
        jk_threads_free(&collector->threads);
        free(collector->counted);
        free(collector->changes);
        jk_text_free(&collector->paths);
        free(collector->buffer);
        pthread_mutex_destroy(&collector->lock);
        free(collector);
}

static void
cleanup_collector(struct jk_collector **collector)
{
        close_collector(*collector);
}

static void
write_description(struct jk_collector *collector)
{
        const struct jk_activity *programs = collector->programs;
        size_t length;

        snprintf(collector->description, sizeof collector->description,
                 "BPF task %s, exit tracepoint%s%s",
                 bpf_program__fd(programs->progs.jk_walk) >= 0 ? "walk" : "iterator",
                 programs->links.jk_free ? "" : " (CPU time after it not seen)",
                 programs->links.jk_cgroup_mkdir ? ", cgroup tracepoints" : "");
        for (size_t i = 0; i < collector->n_counted; i++) {
                length = strlen(collector->description);
                snprintf(collector->description + length, sizeof collector->description - length,
                         "%s %s", i == 0 ? ";" : "", collector->counted[i].name);
        }
}

static size_t
offset_of_field(enum jk_task_field field)
{
        switch (field) {
        case JK_TASK_CYCLES:
                return offsetof(struct jk_task_record, cycles);
        case JK_TASK_INSTRUCTIONS:
                return offsetof(struct jk_task_record, instructions);
        default:
                return offsetof(struct jk_task_record, llc_misses);
        }
}

/* Where each is told: in the record, or among the sample's events. */
static int
place_counters(struct jk_collector *collector)
{
        struct jk_threads *threads = &collector->threads;

        for (size_t i = 0; i < collector->n_counted; i++) {
                const struct jk_counted *counted = &collector->counted[i];
                struct jk_event event = { .package = -1 };
                int column;

                collector->fields |= (uint32_t)counted->field;
                if (counted->field) {
                        threads->counters[i].at = offset_of_field(counted->field);
                        continue;
                }
                memcpy(event.name, counted->name, sizeof event.name);
                threads->counters[i].is_event = true;
                column = jk_event_add(&collector->events, &event);
                if (column < 0)
                        return column;
                threads->counters[i].at = (size_t)column;
        }
        threads->n_counters = collector->n_counted;
        return 0;
}

static int
choose_counters(struct jk_collector *collector, const struct jk_activity_env *env, bool software)
{
        if (!env->counters)
                return 0;
        collector->counted = calloc(JK_COUNTERS_MAX, sizeof *collector->counted);
        if (!collector->counted)
                return -ENOMEM;
        collector->n_counted = jk_counters_choose(env, software, collector->counted);
        return 0;
}

static int
open_counters(struct jk_collector *collector, struct jk_error *err)
{
        int r;

        if (!collector->programs->links.jk_switch)
                collector->n_counted = 0; /* that program does not load here */
        if (collector->n_counted == 0)
                return 0;

        r = place_counters(collector);
        if (r < 0)
                return jk_fail(err, r, "bpf: too many events for a sample");
        return jk_counters_open(collector->programs, collector->counted, collector->n_counted,
                                &collector->counters, err);
}

int
jk_bpf_open(const struct jk_activity_env *env, const struct jk_bpf_options *options,
            struct jk_collector **ret_collector, struct jk_error *err)
{
        bool software = options && options->software_counters;
        __attribute__((cleanup(cleanup_collector))) struct jk_collector *collector = NULL;
        int r;

        collector = calloc(1, sizeof *collector);
        if (!collector)
                return jk_fail(err, ENOMEM, "bpf: out of memory");
        pthread_mutex_init(&collector->lock, NULL);
        if (env->sys_root)
                jk_topology_read(&collector->topology, env->sys_root);
        collector->events = collector->topology.events;
        jk_threads_init(&collector->threads, getpid(), &collector->topology);
        collector->cgroups = env->cgroups;
        collector->first = true;
        collector->epoll_fd = -1;
        collector->stop_fd = eventfd(0, EFD_CLOEXEC);
        collector->buffer = malloc(BUFFER_BYTES);
        if (collector->stop_fd < 0 || !collector->buffer ||
            choose_counters(collector, env, software) < 0)
                return jk_fail(err, ENOMEM, "bpf: out of memory");

        r = jk_bpf_load(env, options, collector->n_counted, &collector->programs, err);
        if (r < 0)
                return r;
        r = jk_ring_open(bpf_map__fd(collector->programs->maps.events),
                         sizeof(struct jk_cgroup_path_event), &collector->ring, err);
        if (r < 0)
                return r;
        r = open_counters(collector, err);
        if (r < 0)
                return r;

        write_description(collector);
        *ret_collector = jk_steal(collector);
        return 0;
}

static int
open_collector(const struct jk_activity_env *env, struct jk_collector **ret_collector,
               struct jk_error *err)
{
        return jk_bpf_open(env, NULL, ret_collector, err);
}

static const char *
describe(const struct jk_collector *collector)
{
        return collector->description;
}

const struct jk_collector_ops jk_collector_bpf = {
        .name = "bpf",
        .summary = "eBPF task iterator and exit tracepoint: every task, to the nanosecond",
        .open = open_collector,
        .collect = collect,
        .describe = describe,
        .close = close_collector,
};
