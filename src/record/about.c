/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a recording: see about.h.
 */
#include "record/about.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/array.h"

#define DAY_NS          (24 * 3600 * JK_NS_PER_S)
#define ENDED_TASKS_MAX 1000000 /* as the configuration has it */
#define SMALL_MAX       (1 << 20)

/* What there is no "model name" of, as on ARM, stays empty. */
static void
find_cpu(const struct jk_root *root, struct jk_about *about)
{
        if (jk_cpu_identify(root, &about->identity, NULL) == 0)
                snprintf(about->cpu, sizeof about->cpu, "%s", about->identity.name);
}

void
jk_about_machine(struct jk_about *ret_about, const struct jk_root *root)
{
        struct utsname name;

        *ret_about = (struct jk_about){ 0 };
        snprintf(ret_about->program, sizeof ret_about->program, "joulekeeper " JK_VERSION);
        find_cpu(root, ret_about);
        if (uname(&name) < 0)
                return;
        snprintf(ret_about->host, sizeof ret_about->host, "%s", name.nodename);
        snprintf(ret_about->kernel, sizeof ret_about->kernel, "%s %s", name.sysname, name.release);
        snprintf(ret_about->machine, sizeof ret_about->machine, "%s", name.machine);
}

/* ---- as JSON ---- */

enum field_kind { STRING, NUMBER, SMALL, BOOLEAN };

static const struct field {
        const char *name;
        enum field_kind kind;
        size_t offset, size;
} fields[] = {
#define FIELD(kind, name, member)                                                                  \
        {                                                                                          \
                name, kind, offsetof(struct jk_about, member),                                     \
                        sizeof((struct jk_about *)0)->member                                       \
        }
        FIELD(STRING, "program", program),
        FIELD(STRING, "host", host),
        FIELD(STRING, "kernel", kernel),
        FIELD(STRING, "machine", machine),
        FIELD(STRING, "cpu", cpu),
        FIELD(STRING, "cpu_vendor", identity.vendor),
        FIELD(SMALL, "cpu_family", identity.family),
        FIELD(SMALL, "cpu_model", identity.model),
        FIELD(SMALL, "cpu_stepping", identity.stepping),
        FIELD(SMALL, "cpu_implementer", identity.implementer),
        FIELD(SMALL, "cpu_part", identity.part),
        FIELD(SMALL, "cpu_siblings", identity.siblings),
        FIELD(SMALL, "cpu_cores", identity.cores),
        FIELD(SMALL, "cpus", identity.n_cpus),
        FIELD(BOOLEAN, "guest", identity.hypervisor),
        FIELD(STRING, "activity", activity),
        FIELD(STRING, "model", model),
        FIELD(NUMBER, "interval_ns", interval_ns),
        FIELD(NUMBER, "ended_retention_ns", ledger.ended_retention_ns),
        FIELD(NUMBER, "ended_tasks_max", ledger.ended_tasks_max),
        FIELD(BOOLEAN, "anonymised", anonymised),
#undef FIELD
};

static json_t *
to_json(const struct field *field, const struct jk_about *about)
{
        const void *value = (const char *)about + field->offset;

        switch (field->kind) {
        case STRING:
                return json_string(value) ?: json_string("?"); /* not UTF-8 */
        case NUMBER:
                return json_integer(*(const int64_t *)value);
        case SMALL:
                return json_integer(*(const int *)value);
        case BOOLEAN:
                return json_boolean(*(const bool *)value);
        }
        return NULL;
}

/* From a colon to the next comma. */
static void
cut_arguments(char *spec)
{
        char *to = spec;

        for (const char *from = spec; *from; from++) {
                if (*from == ':')
                        from += strcspn(from, ",");
                if (!*from)
                        break;
                *to++ = *from;
        }
        *to = '\0';
}

void
jk_about_anonymise(struct jk_about *about)
{
        about->host[0] = '\0';
        cut_arguments(about->model);
        about->anonymised = true;
}

void
jk_about_write(const struct jk_about *about, struct jk_text *out)
{
        json_t *object = json_object();
        char *text;
        int r = json_object_set_new(object, "format", json_integer(JK_RECORDING_FORMAT));

        for (size_t i = 0; i < JK_COUNT(fields); i++)
                r |= json_object_set_new(object, fields[i].name, to_json(&fields[i], about));
        text = r == 0 ? json_dumps(object, JSON_COMPACT) : NULL;
        if (text)
                jk_text_string(out, text);
        else
                out->failed = true;
        free(text);
        json_decref(object);
}

/* Never a part of a character: what is read has to be writable as JSON again. */
static void
copy_utf8(char *to, size_t size, const char *from)
{
        size_t length = strlen(from);

        if (length >= size)
                for (length = size - 1; length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80;)
                        length--;
        memcpy(to, from, length);
        to[length] = '\0';
}

/* A field that is missing or of another type stays 0: what is needed is checked afterwards. */
static void
from_json(const struct field *field, const json_t *object, struct jk_about *about)
{
        const json_t *value = json_object_get(object, field->name);
        void *to = (char *)about + field->offset;

        switch (field->kind) {
        case STRING:
                if (json_is_string(value))
                        copy_utf8(to, field->size, json_string_value(value));
                break;
        case NUMBER:
                if (json_is_integer(value))
                        *(int64_t *)to = json_integer_value(value);
                break;
        case SMALL:
                if (json_is_integer(value) && json_integer_value(value) >= 0 &&
                    json_integer_value(value) <= SMALL_MAX)
                        *(int *)to = (int)json_integer_value(value);
                break;
        case BOOLEAN:
                *(bool *)to = json_is_true(value);
                break;
        }
}

int
jk_about_read(const char *json, struct jk_about *ret_about, struct jk_error *err)
{
        json_t *object = json_loads(json, 0, NULL);
        json_int_t format = json_integer_value(json_object_get(object, "format"));
        struct jk_about about = { 0 };

        for (size_t i = 0; i < JK_COUNT(fields); i++)
                from_json(&fields[i], object, &about);
        json_decref(object);

        if (format <= 0)
                return jk_fail(err, EBADMSG, "the header says no format");
        if (format != JK_RECORDING_FORMAT)
                return jk_fail(err, EPROTONOSUPPORT,
                               "it is of format %lld, and this is joulekeeper " JK_VERSION
                               ", which reads format %d; use a newer one",
                               (long long)format, JK_RECORDING_FORMAT);
        if (about.interval_ns <= 0 || about.interval_ns > DAY_NS ||
            about.ledger.ended_retention_ns < 0 || about.ledger.ended_retention_ns > DAY_NS ||
            about.ledger.ended_tasks_max > ENDED_TASKS_MAX)
                return jk_fail(err, EBADMSG, "the header has an absurd interval or limit");
        *ret_about = about;
        return 0;
}
