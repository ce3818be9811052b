/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring for a calibration: see calibrate.h.
 */
#include "cmd/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/interrupt.h"
#include "cmd/stressor.h"
#include "model/load.h"

#define TICKS_PER_POINT 4
#define SETTLE_NS       (JK_NS_PER_S / 2) /* clocks and regulators, and whoever ended before */
#define CONTRAST        0.5               /* between idle and all CPUs, as a part of these */
#define OTHERS_MAX      256
#define OTHERS_NAMED    3
#define EACH_UP_TO      8 /* so many CPUs spin one by one more, then twice as many each time */

/* A process that is none of ours, and the CPU time that it used at this point. */
struct other {
        pid_t pid;
        char comm[JK_COMM_SIZE];
        uint64_t cpu_ns;
};

struct session {
        const struct jk_calibrate_options *options;
        struct jk_measurements *measurements;
        struct jk_engine *engine;
        int signal_fd;
        unsigned cpus[JK_CPUS_MAX];
        size_t n_cpus;
        struct jk_stress stress;

        /* of the point at hand */
        double elapsed_s;
        double counts[JK_COUNTS_MAX];
        double energy_uj[JK_ZONES_MAX], span_ns[JK_ZONES_MAX];
        bool unread[JK_ZONES_MAX];
        struct other others[OTHERS_MAX];
        size_t n_others;
        double others_ns, machine_ns;
};

/* ---- who else ---- */

static bool
is_ours(const struct session *session, const struct jk_task_record *task)
{
        if (task->flags & JK_TASK_SELF)
                return true;
        for (size_t i = 0; i < session->stress.n; i++)
                if (session->stress.pids[i] == task->pid)
                        return true;

        return false;
}

/* Those that are too many are added up, but not named. */
static void
note_other(struct session *session, const struct jk_task_record *task)
{
        session->others_ns += (double)task->cpu_ns;
        for (size_t i = 0; i < session->n_others; i++) {
                if (session->others[i].pid != task->pid)
                        continue;
                session->others[i].cpu_ns += task->cpu_ns;
                return;
        }
        if (session->n_others < OTHERS_MAX) {
                struct other *other = &session->others[session->n_others++];

                *other = (struct other){ .pid = task->pid, .cpu_ns = task->cpu_ns };
                memcpy(other->comm, task->comm, sizeof other->comm);
        }
}

static int
by_time(const void *left, const void *right)
{
        const struct other *a = left, *b = right;

        return (a->cpu_ns < b->cpu_ns) - (a->cpu_ns > b->cpu_ns);
}

static int
refuse_others(struct session *session, const struct jk_point *point, double load_pct,
              struct jk_error *err)
{
        jk_autotext struct jk_text names = { 0 };

        qsort(session->others, session->n_others, sizeof *session->others, by_time);
        for (size_t i = 0; i < session->n_others && i < OTHERS_NAMED; i++) {
                jk_text_printf(&names, "%s", i ? ", " : "");
                jk_text_utf8(&names, session->others[i].comm);
                jk_text_printf(&names, " (%d) %.1f %%", (int)session->others[i].pid,
                               100 * (double)session->others[i].cpu_ns / session->machine_ns);
        }
        if (load_pct < 100 * CONTRAST)
                jk_text_printf(&names, "; or bear as much: --other-load %.0f", ceil(load_pct) + 1);
        return jk_fail(err, EBUSY,
                       "the machine is busy: while it was to run '%s' others used %.1f %% of all "
                       "CPU time. Stop them: %s",
                       point->name, load_pct, names.data ? names.data : "?");
}

/* ---- a point ---- */

static void
clear(struct session *session)
{
        session->elapsed_s = session->others_ns = session->machine_ns = 0;
        session->n_others = 0;
        memset(session->counts, 0, sizeof session->counts);
        memset(session->energy_uj, 0, sizeof session->energy_uj);
        memset(session->span_ns, 0, sizeof session->span_ns);
        memset(session->unread, 0, sizeof session->unread);
}

static void
add_zones(struct session *session, const struct jk_sample *sample)
{
        for (size_t i = 0; i < sample->zones->count; i++) {
                const struct jk_zone_reading *reading = &sample->readings[i];

                if (!(reading->flags & JK_READING_SEEN) || jk_sample_has_gap(sample, i)) {
                        session->unread[i] = true;
                        continue;
                }
                session->energy_uj[i] += (double)reading->energy_uj;
                session->span_ns[i] += (double)reading->elapsed_ns;
        }
}

static void
add_tasks(struct session *session, const struct jk_sample *sample)
{
        const struct jk_measurements *measurements = session->measurements;
        struct jk_load load = jk_load_of(sample);

        for (size_t i = 0; i < measurements->n_counts; i++)
                session->counts[i] += jk_load_with_interrupts(&load) *
                                      jk_count_sum(&measurements->counts[i], sample);
        for (size_t i = 0; i < sample->n_tasks; i++)
                if (sample->tasks[i].cpu_ns > 0 && !is_ours(session, &sample->tasks[i]))
                        note_other(session, &sample->tasks[i]);
        session->elapsed_s += (double)sample->elapsed_ns / 1e9;
        session->machine_ns += (double)sample->elapsed_ns * (double)session->n_cpus;
}

static int
tick(struct session *session, struct jk_error *err)
{
        const struct jk_sample *sample = jk_engine_sample(session->engine);
        int r = jk_engine_tick(session->engine, err);

        if (r < 0)
                return r;
        if (!(sample->flags & JK_SAMPLE_TASKS))
                return jk_fail(err, ENODATA, "tasks cannot be seen; joulekeeper doctor says why");
        if (sample->flags & JK_SAMPLE_SUSPENDED)
                return jk_fail(err, EAGAIN, "the machine slept meanwhile; calibrate again");
        return 0;
}

/* What was added up becomes the point. */
static int
conclude(struct session *session, struct jk_point *point, struct jk_error *err)
{
        struct jk_measurements *measurements = session->measurements;
        double load_pct = 100 * session->others_ns / session->machine_ns;

        if (load_pct > session->options->other_load_pct)
                return refuse_others(session, point, load_pct, err);

        for (size_t i = 0; i < measurements->n_counts; i++)
                point->rates[i] = session->counts[i] / session->elapsed_s;
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                measurements->power_w[measurements->n][i] =
                        session->unread[i] || !(session->span_ns[i] > 0)
                                ? NAN
                                : session->energy_uj[i] * 1e3 / session->span_ns[i];
        measurements->n++;
        return 0;
}

static int
measure(struct session *session, struct jk_point *point, struct jk_error *err)
{
        int64_t step_ns = (int64_t)(session->options->seconds * 1e9 / TICKS_PER_POINT), due_ns;
        int r = jk_interrupt_wait(session->signal_fd, jk_monotonic_ns() + SETTLE_NS, err);

        if (r == 0)
                r = tick(session, err); /* what came before */
        clear(session);
        due_ns = jk_monotonic_ns();
        for (int i = 0; r == 0 && i < TICKS_PER_POINT; i++) {
                due_ns += step_ns;
                r = jk_interrupt_wait(session->signal_fd, due_ns, err);
                if (r == 0)
                        r = tick(session, err);
                if (r == 0) {
                        add_zones(session, jk_engine_sample(session->engine));
                        add_tasks(session, jk_engine_sample(session->engine));
                }
        }
        return r < 0 ? r : conclude(session, point, err);
}

/* stressor: NULL for idle. */
static int
run_point(struct session *session, const struct jk_stressor *stressor, size_t n_cpus,
          struct jk_error *err)
{
        struct jk_point *point = &session->measurements->points[session->measurements->n];
        int r = 0;

        *point = (struct jk_point){ .cpus = (unsigned)n_cpus };
        snprintf(point->name, sizeof point->name, "%s", stressor ? stressor->name : JK_POINT_IDLE);
        if (session->options->begin)
                session->options->begin(point->name, point->cpus);
        if (stressor)
                r = jk_stress_start(&session->stress, stressor, session->cpus, n_cpus, err);
        if (r == 0)
                r = measure(session, point, err);
        jk_stress_stop(&session->stress);
        return r;
}

/* ---- all points ---- */

/* Loads that get their CPUs from others change nothing, and then nothing can be learned of them. */
static int
check_contrast(const struct session *session, struct jk_error *err)
{
        const struct jk_measurements *measurements = session->measurements;
        double idle = measurements->points[0].rates[0];
        double full = measurements->points[measurements->n - 1].rates[0];

        if (strcmp(measurements->counts[0].name, "cpu") != 0 ||
            full - idle > CONTRAST * (double)session->n_cpus)
                return 0;

        return jk_fail(
                err, EBUSY,
                "the machine is too busy: %.2f CPUs were in use while it was to be idle, and "
                "%.2f of %zu while all were to spin",
                idle, full, session->n_cpus);
}

static int
run_spins(struct session *session, struct jk_error *err)
{
        size_t n = 1;
        int r = 0;

        while (r == 0 && n < session->n_cpus) {
                r = run_point(session, &jk_stressors[0], n, err);
                n = n < EACH_UP_TO ? n + 1 : 2 * n;
        }
        if (r == 0)
                r = run_point(session, &jk_stressors[0], session->n_cpus, err);
        return r < 0 ? r : check_contrast(session, err);
}

static int
run_points(struct session *session, struct jk_error *err)
{
        int r = run_point(session, NULL, 0, err);

        if (r == 0)
                r = run_spins(session, err);
        for (size_t i = 1; r == 0 && i < jk_n_stressors; i++) {
                if (session->n_cpus > 1)
                        r = run_point(session, &jk_stressors[i], 1, err);
                if (r == 0)
                        r = run_point(session, &jk_stressors[i], session->n_cpus, err);
        }
        return r < 0 ? r : run_point(session, NULL, 0, err);
}

/* Two ticks, and what they show: an estimate is no measurement. */
static int
look(struct session *session, struct jk_error *err)
{
        struct jk_measurements *measurements = session->measurements;
        const struct jk_sample *sample = jk_engine_sample(session->engine);
        int r = tick(session, err);

        if (r == 0)
                r = jk_interrupt_wait(session->signal_fd, jk_monotonic_ns() + SETTLE_NS, err);
        if (r == 0)
                r = tick(session, err);
        if (r < 0)
                return r;

        measurements->zones = *sample->zones;
        measurements->n_counts = jk_count_list(sample, -1, measurements->counts);
        for (size_t i = 0; i < sample->zones->count; i++)
                if ((sample->readings[i].flags & JK_READING_SEEN) &&
                    sample->zones->zones[i].provenance == JK_MEASURED)
                        return 0;

        return jk_fail(err, ENODEV,
                       "no zone of this machine is measured, so there is nothing to calibrate by; "
                       "joulekeeper doctor says what is missing");
}

static int
open_session(struct session *session, struct jk_error *err)
{
        const char *path = session->options->engine.root;
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        int r = jk_root_open(path ? path : "/", &root, err);

        if (r < 0)
                return r;
        session->n_cpus = jk_cpu_order(&root, session->cpus);
        if (session->n_cpus == 0)
                return jk_fail(err, EINVAL, "cannot tell which CPUs this process may run on");
        session->signal_fd = jk_interrupt_open();
        if (session->signal_fd < 0)
                return jk_fail(err, errno, "signals: %m");

        return jk_engine_open(&session->options->engine, &session->engine, err);
}

int
jk_calibrate_measure(const struct jk_calibrate_options *options,
                     struct jk_measurements *ret_measurements, struct jk_error *err)
{
        jk_autofree struct session *session = calloc(1, sizeof *session);
        int r;

        if (!session)
                return jk_fail(err, ENOMEM, "out of memory");

        session->options = options;
        session->measurements = ret_measurements;
        session->signal_fd = -1;
        r = open_session(session, err);
        if (r == 0)
                r = look(session, err);
        if (r == 0)
                r = run_points(session, err);
        jk_engine_close(session->engine);
        jk_cleanup_close(&session->signal_fd);
        return r;
}
