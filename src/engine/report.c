/* SPDX-License-Identifier: Apache-2.0
 *
 * How the agent itself is doing: its status, and what it says when something fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/root.h"
#include "engine/engine-internal.h"

static const char *const meter_states[JK_METER_STATE_MAX] = {
        [JK_METER_WORKING] = "working",
        [JK_METER_ABSENT] = "absent",
        [JK_METER_FAILED] = "failed",
        [JK_METER_UNUSED] = "unused",
};

void
jk_engine_complain(struct jk_engine *engine, enum jk_complaint complaint, const char *message)
{
        uint64_t *last = &engine->complained_tick[complaint];

        if (*last == 0 || *last != engine->ticks)
                jk_log_warning("%s", message);
        *last = engine->ticks + 1;
}

static uint64_t
resident_bytes(struct jk_engine *engine)
{
        unsigned long size, resident;
        char buffer[128];

        /* Kept open: reading it costs a tick two microseconds. */
        if (engine->statm_fd < 0)
                engine->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        if (engine->statm_fd < 0 || jk_fd_read(engine->statm_fd, buffer, sizeof buffer) < 0 ||
            sscanf(buffer, "%lu %lu", &size, &resident) != 2)
                return 0;

        return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int64_t
cpu_ns(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * JK_NS_PER_S +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * JK_NS_PER_US;
}

static void
report_meters(const struct jk_engine *engine, struct jk_status *status)
{
        const struct jk_meter_status *meters;
        size_t n = jk_meters_status(engine->meters, &meters);

        status->n_meters = 0;
        for (size_t i = 0; i < n && i < JK_STATUS_METERS_MAX; i++) {
                struct jk_meter_report *report = &status->meters[status->n_meters++];

                report->name = meters[i].ops->name;
                report->state = meter_states[meters[i].state];
                report->n_zones = meters[i].n_zones;
                report->failures = meters[i].failures;
                report->offset_s = meters[i].lag.offset_s;
                report->offset_error_s = meters[i].lag.error_s;
                snprintf(report->message, sizeof report->message, "%s",
                         jk_meter_status_text(&meters[i]));
        }
}

void
jk_engine_report(struct jk_engine *engine, struct jk_status *ret_status)
{
        *ret_status = (struct jk_status){
                .activity = jk_engine_activity(engine),
                .interval_ns = engine->current.interval_ns,
                .started_realtime_ns = engine->started_realtime_ns,
                .ticks = engine->ticks + 1,
                .late_ticks = engine->late_ticks,
                .missed_ticks = engine->missed_ticks,
                .lost_events = engine->sample.lost_events,
                .collect_ns = engine->collect_ns,
                .attribute_ns = engine->attribute_ns,
                .publish_ns = engine->publish_ns,
                .self_cpu_ns = cpu_ns(),
                .self_resident_bytes = resident_bytes(engine),
        };

        snprintf(ret_status->model, sizeof ret_status->model, "%s", engine->model_label);
        snprintf(ret_status->activity_detail, sizeof ret_status->activity_detail, "%s",
                 engine->collector ? engine->collector_ops->describe(engine->collector)
                                   : "tasks cannot be seen: all energy is unattributed");
        snprintf(ret_status->activity_missing, sizeof ret_status->activity_missing, "%s",
                 engine->activity_missing);
        snprintf(ret_status->cgroups, sizeof ret_status->cgroups, "%s",
                 jk_cgroups_describe(engine->cgroups));
        report_meters(engine, ret_status);
}
