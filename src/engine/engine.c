/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: see engine.h. What is missing on a machine never stops it: a tick without tasks books
 * to `unattributed`, a machine without zones books nothing, and the status says why.
 */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "activity/enclaves.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/root.h"
#include "engine/engine-internal.h"
#include "model/curve-file.h"
#include "model/match.h"
#include "workload/epc.h"
#include "workload/user.h"

/* ---- opening ---- */

/* A tree below the given root, or the live one where the root has none: a fake or a fixture need
 * only hold what it replaces. */
static int
open_tree(const char *path, const char *needed, struct jk_root *ret_root, struct jk_error *err)
{
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        int r = jk_root_open(path, &root, err);

        if (r < 0)
                return r;
        if (!jk_root_exists(&root, needed))
                return jk_root_open("/", ret_root, err);

        *ret_root = root;
        root = (struct jk_root)JK_ROOT_CLOSED;
        return 0;
}

/* BPF sees the running kernel and nothing else. */
static bool
is_live_procfs(const struct jk_root *proc_root)
{
        struct stat given, live;

        return fstatat(proc_root->fd, "proc/self", &given, 0) == 0 &&
               stat("/proc/self", &live) == 0 && given.st_dev == live.st_dev &&
               given.st_ino == live.st_ino;
}

/* What was asked for and is not counted is told. */
static void
check_counting(const struct jk_engine *engine, const struct jk_engine_options *options,
               const char *why)
{
        if (!options->counters)
                jk_log_warning("events: none are counted, as counters is false");
        else if (!engine->collector || strcmp(engine->collector_ops->name, "bpf") != 0)
                jk_log_warning("events: none are counted, as only the activity source bpf can%s%s",
                               *why ? ": " : "", why);
}

static int
open_activity(struct jk_engine *engine, const struct jk_engine_options *options,
              struct jk_error *err)
{
        const char *wanted = options->activity ? options->activity : "auto";
        bool any = strcmp(wanted, "auto") == 0;
        struct jk_counted events[JK_COUNTERS_MAX];
        struct jk_activity_env env = {
                .proc_root = &engine->proc_root,
                .sys_root = &engine->root,
                .cgroups = engine->cgroups,
                .counters = options->counters,
                .events = events,
        };
        struct jk_error why = { "" };
        int r = jk_engine_find_events(&engine->root, options->events, events, &env.n_events, err);

        if (r < 0)
                return r;
        if (!is_live_procfs(&engine->proc_root)) {
                if (strcmp(wanted, "bpf") == 0)
                        return jk_fail(
                                err, EINVAL,
                                "activity bpf: it sees the running kernel, not the processes "
                                "below %s; use --activity=proc with this --root",
                                engine->proc_root.path);
                if (any)
                        wanted = "proc";
        }

        r = jk_collector_open(&env, wanted, &engine->collector_ops, &engine->collector, &why);
        if (r < 0 && !any)
                return jk_fail(err, r, "%s", why.message);
        if (r < 0)
                engine->collector_ops = NULL;

        if (env.n_events > 0)
                check_counting(engine, options, why.message);
        snprintf(engine->activity_missing, sizeof engine->activity_missing, "%s", why.message);
        return 0;
}

/* The curves of model files. */
static int
read_estimates(struct jk_engine *engine, const char *paths, struct jk_error *err)
{
        struct jk_estimates *estimates = &engine->estimates;
        jk_autofree char *list = paths ? strdup(paths) : NULL;
        struct jk_model_cpu here, *cpu = &here;
        char *rest = list, *path;
        int r = paths && !list ? jk_fail(err, ENOMEM, "engine: out of memory") : 0;

        if (!paths || strcmp(paths, "auto") == 0)
                return r;

        if (jk_model_cpu_here(&engine->proc_root, &here, NULL) < 0)
                cpu = NULL; /* nothing is known of it, and nothing to compare with */
        while (r == 0 && (path = strsep(&rest, ","))) {
                if (estimates->n_curves == JK_CURVES_MAX)
                        return jk_fail(err, E2BIG, "estimate-model: give up to %d files",
                                       JK_CURVES_MAX);
                r = jk_curve_read(path, cpu, &estimates->curves[estimates->n_curves], err);
                if (r < 0)
                        jk_error_prefix(err, "estimate-model: ");
                for (size_t i = 0; r == 0 && i < estimates->n_curves; i++)
                        if (estimates->curves[i].kind ==
                            estimates->curves[estimates->n_curves].kind)
                                r = jk_fail(err, EINVAL,
                                            "estimate-model: %s is of a zone that another file is "
                                            "of, too; give one for each",
                                            path);
                estimates->n_curves++;
        }
        return r;
}

static int
open_parts(struct jk_engine *engine, const struct jk_engine_options *options, struct jk_error *err)
{
        const char *path = options->root ? options->root : "/";
        struct jk_meter_env meter_env = {
                .root = &engine->root,
                .interval_ns = options->interval_ns,
                .estimates = &engine->estimates,
                .wall = options->wall,
        };
        struct jk_error why = { "" };
        int r;

        r = jk_model_check(options->model, err);
        if (r < 0)
                return r;
        snprintf(engine->model_label, sizeof engine->model_label, "%s",
                 jk_model_label(options->model));

        r = jk_root_open(path, &engine->root, err);
        if (r == 0)
                r = open_tree(path, "proc", &engine->proc_root, err);
        if (r == 0)
                r = read_estimates(engine, options->estimate_model, err);
        if (r == 0)
                r = open_tree(path, "sys/fs/cgroup", &engine->cgroup_root, err);
        if (r == 0)
                r = open_tree(path, "etc/passwd", &engine->users_root, err);
        if (r == 0)
                r = jk_meters_open(&meter_env, options->meters, &engine->meters, err);
        if (r == 0)
                r = jk_cgroups_open(&engine->cgroup_root, &engine->cgroups, err);
        if (r == 0)
                r = open_activity(engine, options, err);
        if (r == 0)
                r = jk_users_open(&engine->users_root, &engine->users, err);
        if (r == 0)
                r = jk_model_open(options->model, &engine->model_ops, &engine->model, err);
        if (r == 0)
                r = jk_ledger_open(&options->ledger, &engine->ledger, err);
        if (r < 0)
                return r;

        if (engine->collector &&
            jk_enclaves_open(&engine->root, &engine->proc_root, &engine->enclaves, &why) < 0)
                jk_log_warning("%s", why.message);
        if (engine->enclaves && jk_epc_open(engine->cgroups, &engine->epc) < 0)
                jk_log_warning("enclaves: out of memory for their memory by cgroup");
        r = jk_cpus_open(&engine->proc_root, &engine->root, &engine->cpus, &why);
        if (r < 0)
                jk_log_warning("%s", why.message);
        return 0;
}

int
jk_engine_open(const struct jk_engine_options *options, struct jk_engine **ret_engine,
               struct jk_error *err)
{
        struct jk_engine *engine;
        int r;

        if (options->interval_ns < JK_INTERVAL_MIN_NS || options->interval_ns > JK_INTERVAL_MAX_NS)
                return jk_fail(err, EINVAL, "interval: must lie between 10ms and 60s");

        engine = calloc(1, sizeof *engine);
        if (!engine)
                return jk_fail(err, ENOMEM, "engine: out of memory");

        engine->root = engine->proc_root = engine->cgroup_root = engine->users_root =
                (struct jk_root)JK_ROOT_CLOSED;
        engine->wake_fd = engine->statm_fd = -1;
        engine->current.interval_ns = options->interval_ns;
        engine->current.ledger = options->ledger;
        engine->wanted = engine->current;
        engine->started_realtime_ns = jk_now().realtime_ns;
        pthread_mutex_init(&engine->lock, NULL);
        jk_shelf_init(&engine->shelf);

        r = open_parts(engine, options, err);
        if (r == 0)
                r = jk_engine_open_timing(engine, err);
        if (r < 0) {
                jk_engine_close(engine);
                return r;
        }

        *ret_engine = engine;
        return 0;
}

void
jk_engine_close(struct jk_engine *engine)
{
        if (!engine)
                return;

        if (engine->collector)
                engine->collector_ops->close(engine->collector);
        if (engine->model)
                engine->model_ops->close(engine->model);
        jk_ledger_close(engine->ledger);
        jk_users_close(engine->users);
        jk_epc_close(engine->epc);
        jk_enclaves_close(engine->enclaves);
        jk_cpus_close(engine->cpus);
        jk_cgroups_close(engine->cgroups);
        jk_meters_close(engine->meters);
        jk_shelf_destroy(&engine->shelf);
        jk_sample_free(&engine->sample);
        jk_root_close(&engine->users_root);
        jk_root_close(&engine->cgroup_root);
        jk_root_close(&engine->proc_root);
        jk_root_close(&engine->root);
        jk_cleanup_close(&engine->statm_fd);
        jk_cleanup_close(&engine->wake_fd);
        pthread_mutex_destroy(&engine->lock);
        free(engine);
}

/* ---- the tick ---- */

/* Meters and tasks are read as near to each other as can be, so that energy and activity are of the
 * same time; CPUs come first because meters that estimate look at them. */
static void
collect(struct jk_engine *engine)
{
        struct jk_sample *sample = &engine->sample;
        struct jk_instant now = jk_now();
        struct jk_error err = { "" };

        jk_sample_begin(sample, &now);
        sample->flags |= JK_SAMPLE_LIVE;
        sample->zones = jk_meters_zones(engine->meters);

        if (engine->cpus && jk_cpus_read(engine->cpus, sample, &err) < 0)
                jk_engine_complain(engine, JK_COMPLAINT_CPUS, err.message);

        jk_meters_read(engine->meters, sample);

        if (engine->collector &&
            engine->collector_ops->collect(engine->collector, sample, &err) < 0)
                jk_engine_complain(engine, JK_COMPLAINT_TASKS, err.message);
        jk_meters_estimate(engine->meters, sample);
        jk_enclaves_mark(engine->enclaves, sample);

        if (jk_cgroups_publish(engine->cgroups, sample) < 0 || jk_epc_read(engine->epc, sample) < 0)
                jk_engine_complain(engine, JK_COMPLAINT_CGROUPS, "cgroups: out of memory");

        jk_users_refresh(engine->users);
}

static const char *
name_user(void *data, uid_t uid)
{
        return jk_users_name(data, uid);
}

static int
publish(struct jk_engine *engine)
{
        struct jk_snapshot *snapshot = jk_shelf_blank(&engine->shelf);
        int r;

        if (!snapshot)
                return -ENOMEM;

        r = jk_ledger_publish(engine->ledger, &engine->sample, name_user, engine->users, snapshot);
        if (r == 0)
                jk_engine_report(engine, &snapshot->status);

        /* Half a snapshot is not shown; the books are whole, and the next tick shows them. */
        if (r < 0)
                jk_shelf_discard(&engine->shelf, snapshot);
        else
                jk_shelf_publish(&engine->shelf, snapshot);
        return r;
}

static int
book(struct jk_engine *engine)
{
        int r = jk_ledger_book(engine->ledger, &engine->sample, engine->model_ops, engine->model);

        engine->unbooked = r < 0;
        if (r == 0 && engine->sink.take)
                engine->sink.take(engine->sink.data, &engine->sample, name_user, engine->users);
        return r;
}

int
jk_engine_tick(struct jk_engine *engine, struct jk_error *err)
{
        int64_t t0 = jk_thread_cpu_ns(), t1, t2;
        int r = 0;

        jk_engine_take_over(engine);
        /* A sample waits until it can be booked, and meters and tasks are not read before: their
         * next readings cover the time until then, and nobody's end is forgotten. */
        if (engine->unbooked)
                r = book(engine);
        if (r == 0)
                collect(engine);
        t1 = jk_thread_cpu_ns();
        if (r == 0)
                r = book(engine);
        if (r < 0)
                return jk_fail(
                        err, r,
                        "tick: out of memory; its energy is booked as soon as there is some");
        t2 = jk_thread_cpu_ns();
        r = publish(engine);
        if (r < 0)
                return jk_fail(err, r, "tick: out of memory; it is booked, but not shown yet");

        engine->ticks++;
        engine->collect_ns = t1 - t0;
        engine->attribute_ns = t2 - t1;
        engine->publish_ns = jk_thread_cpu_ns() - t2;
        return 0;
}

/* ---- for others ---- */

void
jk_engine_set_sink(struct jk_engine *engine, const struct jk_engine_sink *sink)
{
        engine->sink = *sink;
}

struct jk_shelf *
jk_engine_shelf(struct jk_engine *engine)
{
        return &engine->shelf;
}

const char *
jk_engine_model(const struct jk_engine *engine)
{
        return engine->model_label;
}

const char *
jk_engine_activity(const struct jk_engine *engine)
{
        return engine->collector ? engine->collector_ops->name : "none";
}

const struct jk_meters *
jk_engine_meters(const struct jk_engine *engine)
{
        return engine->meters;
}

const struct jk_sample *
jk_engine_sample(const struct jk_engine *engine)
{
        return &engine->sample;
}

struct jk_cgroups *
jk_engine_cgroups(struct jk_engine *engine)
{
        return engine->cgroups;
}
