/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of a recording, each as its kind (one byte), the length of its body (LEB128) and the
 * body, without the checksums, which would only be in the way. What is read as a tick is booked:
 * the books have to balance whatever it says, and the reports made of it have to be whole ones.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "hwpc/export.h"
#include "hwpc/reader.h"
#include "ledger/ledger.h"
#include "record/about.h"
#include "record/codec.h"

struct replay {
        struct jk_decoder *decoder;
        struct jk_ledger *ledger;
        struct jk_model *model;
        struct jk_sample sample;
        struct jk_hwpc_names names, read_names;
        struct jk_hwpc_export *export;
        struct jk_hwpc_report read;
        struct jk_text document;
};

/* Every count is there to be read. */
static void
check_events(const struct jk_sample *sample)
{
        size_t n = jk_sample_n_events(sample);

        PROMISE(n <= JK_EVENTS_MAX);
        for (size_t e = 0; e < n; e++)
                PROMISE(jk_event_find(sample->events, sample->events->events[e].name,
                                      sample->events->events[e].package) == (int)e);
        for (size_t i = 0; i < sample->n_tasks; i++)
                for (size_t e = 0; e < n; e++)
                        PROMISE(jk_sample_task_events(sample, i)[e] <= JK_RECORDED_MAX);
}

static void
check_sample(const struct jk_sample *sample)
{
        PROMISE(sample->elapsed_ns >= 0 && sample->suspended_ns >= 0);
        for (size_t i = 0; i < sample->zones->count; i++)
                PROMISE(sample->readings[i].energy_uj >= 0 && sample->readings[i].elapsed_ns >= 0);
        for (size_t i = 0; i < sample->n_cgroups; i++)
                PROMISE(sample->cgroups[i].path < sample->strings_length);
        for (size_t i = 0; i < sample->n_tasks; i++)
                PROMISE(memchr(sample->tasks[i].comm, '\0', sizeof sample->tasks[i].comm));
        check_events(sample);
}

static void
check_books(const struct jk_ledger *ledger, size_t n_zones)
{
        struct jk_balance balances[JK_ZONES_MAX];

        jk_ledger_balance(ledger, balances);
        for (size_t zone = 0; zone < n_zones; zone++)
                for (int dimension = 0; dimension < JK_DIMENSION_MACHINE; dimension++)
                        PROMISE(balances[zone].booked_uj[dimension] == balances[zone].measured_uj);
}

/* What is written is read again, unless an event is called as what stands beside it. */
static int
check_report(void *data, const struct jk_hwpc_report *report, struct jk_error *err)
{
        struct replay *replay = data;
        int r;

        jk_text_clear(&replay->document);
        jk_hwpc_write_json(report, &replay->names, &replay->document);
        r = jk_hwpc_parse(replay->document.data, replay->document.length, &replay->read_names,
                          &replay->read, err);
        PROMISE(r == 0 || strstr(err->message, "duplicate"));
        PROMISE(r < 0 || (replay->read.n_rows == report->n_rows &&
                          replay->read.n_values == report->n_values));
        return 0;
}

static void
check_reports(struct replay *replay)
{
        struct jk_error err = { "" };
        int r = jk_hwpc_export_sample(replay->export, &replay->sample, check_report, replay, &err);

        PROMISE(r == 0 || err.message[0] != '\0');
}

/* The options of the books are the recording's, too. */
static void
take_header(struct replay *replay)
{
        struct jk_error err = { "" };
        struct jk_about about;
        int r = jk_about_read(jk_decoder_header(replay->decoder), &about, &err);

        PROMISE(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r == 0)
                PROMISE(jk_ledger_reconfigure(replay->ledger, &about.ledger) == 0);
}

static void
take(struct replay *replay, enum jk_message kind, const void *body, size_t length)
{
        struct jk_error err = { "" };
        int r = jk_decode(replay->decoder, kind, body, length, &replay->sample, &err);

        PROMISE(r == 0 || r == 1 || r == -EBADMSG || r == -ENOMEM);
        PROMISE(r >= 0 || err.message[0] != '\0');
        if (r == 0 && kind == JK_MESSAGE_HEADER)
                take_header(replay);
        if (r != 1)
                return;
        check_sample(&replay->sample);
        PROMISE(jk_ledger_book(replay->ledger, &replay->sample, &jk_model_adaptive,
                               replay->model) == 0);
        check_books(replay->ledger, replay->sample.zones->count);
        check_reports(replay);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct jk_ledger_options options = { .ended_retention_ns = JK_NS_PER_S,
                                             .ended_tasks_max = 8 };
        struct replay replay = { .decoder = jk_decoder_new() };
        struct jk_wire in = { .at = data, .end = data + size };

        PROMISE(replay.decoder);
        PROMISE(jk_ledger_open(&options, &replay.ledger, NULL) == 0);
        PROMISE(jk_model_adaptive.open(NULL, &replay.model, NULL) == 0);
        PROMISE(jk_hwpc_export_open("fuzz", &replay.names, &replay.export, NULL) == 0);
        while (jk_wire_left(&in) > 0) {
                enum jk_message kind = (enum jk_message) * in.at++;
                size_t length;
                const void *body = jk_wire_get_bytes(&in, size, &length);

                if (!in.fault)
                        take(&replay, kind, body, length);
        }

        jk_hwpc_export_close(replay.export);
        jk_hwpc_names_free(&replay.names);
        jk_hwpc_names_free(&replay.read_names);
        jk_hwpc_report_free(&replay.read);
        jk_text_free(&replay.document);
        jk_model_adaptive.close(replay.model);
        jk_ledger_close(replay.ledger);
        jk_decoder_free(replay.decoder);
        jk_sample_free(&replay.sample);
        return 0;
}
