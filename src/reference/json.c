/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers in JSON: see json.h.
 */
#include "reference/json.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/text.h"
#include "reference/line.h"

#define INDEX_DIGITS_MAX 6

static void
cleanup_json(json_t **json)
{
        json_decref(*json);
}

#define autojson __attribute__((cleanup(cleanup_json)))

/* ---- paths ---- */

/* A step of a path: a name, or a place in a list. */
struct step {
        const char *name; /* NULL: a place */
        size_t length;
        size_t index;
};

/* Whether there is a number in brackets; *rest is behind it. */
static bool
take_index(const char **rest, struct step *step)
{
        size_t digits = strspn(*rest, "0123456789");

        if (digits == 0 || digits > INDEX_DIGITS_MAX || (*rest)[digits] != ']')
                return false;

        step->index = 0;
        for (size_t i = 0; i < digits; i++)
                step->index = step->index * 10 + (size_t)((*rest)[i] - '0');
        *rest += digits + 1;
        return true;
}

static bool
take_quoted(const char **rest, struct step *step)
{
        const char *end = strstr(*rest, "\"]");

        if (!end)
                return false;

        step->name = *rest;
        step->length = (size_t)(end - *rest);
        *rest = end + 2;
        return true;
}

/* 1 with the next step, 0 at the end, -EINVAL. */
static int
next_step(const char **rest, bool first, struct step *ret_step)
{
        *ret_step = (struct step){ 0 };
        if (**rest == '\0')
                return 0;
        if (strncmp(*rest, "[\"", 2) == 0) {
                *rest += 2;
                return take_quoted(rest, ret_step) ? 1 : -EINVAL;
        }
        if (**rest == '[') {
                ++*rest;
                return take_index(rest, ret_step) ? 1 : -EINVAL;
        }
        if (!first) {
                if (**rest != '.')
                        return -EINVAL;
                ++*rest;
        }

        ret_step->name = *rest;
        ret_step->length = strcspn(*rest, ".[");
        *rest += ret_step->length;
        return ret_step->length > 0 ? 1 : -EINVAL;
}

int
jk_json_path_check(const char *path, struct jk_error *err)
{
        const char *rest = path;
        struct step step;
        int r;

        for (bool first = true; (r = next_step(&rest, first, &step)) > 0; first = false)
                ;
        if (r < 0)
                return jk_fail(err, EINVAL,
                               "'%s' is no path, as meters[0].power or [\"a.b\"].c, from '%s' on",
                               path, rest);
        return 0;
}

static const json_t *
go(const json_t *from, const struct step *step)
{
        const char *key;
        json_t *value;

        if (!step->name)
                return json_array_get(from, step->index);

        json_object_foreach((json_t *)from, key, value) {
                if (strlen(key) == step->length && memcmp(key, step->name, step->length) == 0)
                        return value;
        }
        return NULL;
}

/* NULL if it leads nowhere. */
static const json_t *
find(const json_t *root, const char *path)
{
        const char *rest = path;
        struct step step;
        bool first = true;

        while (root && next_step(&rest, first, &step) > 0) {
                root = go(root, &step);
                first = false;
        }

        return root;
}

/* ---- values ---- */

/* A number, or a text that is nothing else. */
static bool
is_number(const json_t *json, double *ret_value)
{
        const char *end;

        if (json_is_number(json)) {
                *ret_value = json_number_value(json);
                return isfinite(*ret_value);
        }

        return json_is_string(json) &&
               jk_reference_number(json_string_value(json), &end, ret_value) == 0 && *end == '\0';
}

static json_t *
parse(const char *text, size_t length, const char *source, struct jk_error *err)
{
        jk_autotext struct jk_text safe = { 0 };
        json_error_t why;
        json_t *json = json_loadb(text, length, JSON_DECODE_ANY, &why);

        if (!json) {
                jk_text_utf8(&safe, why.text);
                jk_fail(err, EBADMSG, "%s: the answer is no JSON: line %d: %.200s", source,
                        why.line, safe.data ? safe.data : "");
        }
        return json;
}

/* The number at the path. */
static int
value_at(const json_t *root, const char *path, const char *source, double *ret_value,
         struct jk_error *err)
{
        const json_t *json = find(root, path);

        if (!json)
                return jk_fail(err, EBADMSG, "%s: the answer has no '%s'", source, path);
        if (!is_number(json, ret_value))
                return jk_fail(err, EBADMSG, "%s: '%s' in the answer is no number%s", source, path,
                               *path ? "" : "; name it by wall.path");

        return 0;
}

/* ---- answers ---- */

static int
number_in(const char *text, size_t length, const char *path, const char *source,
          struct jk_reference_value *ret_value, struct jk_error *err)
{
        autojson json_t *root = parse(text, length, source, err);
        struct jk_reference_value value = { 0 };
        int r;

        if (!root)
                return -EBADMSG;
        r = value_at(root, path, source, &value.value, err);
        if (r < 0)
                return r;

        *ret_value = value;
        return 0;
}

int
jk_answer_http(const char *text, size_t length, const char *path,
               struct jk_reference_value *ret_value, struct jk_error *err)
{
        return number_in(text, length, path, "http", ret_value, err);
}

int
jk_answer_mqtt(const char *text, size_t length, const char *path,
               struct jk_reference_value *ret_value, struct jk_error *err)
{
        return number_in(text, length, path, "mqtt", ret_value, err);
}

/* [ SECONDS, "VALUE" ] */
static int
prometheus_pair(const json_t *pair, struct jk_reference_value *ret_value, struct jk_error *err)
{
        struct jk_reference_value value = { 0 };
        double seconds;

        if (json_array_size(pair) != 2 || !is_number(json_array_get(pair, 0), &seconds) ||
            !is_number(json_array_get(pair, 1), &value.value))
                return jk_fail(err, EBADMSG,
                               "prometheus: the value of the query is no finite number");

        value.realtime_ns = jk_reference_time(seconds);
        *ret_value = value;
        return 0;
}

int
jk_answer_prometheus(const char *text, size_t length, const char *path,
                     struct jk_reference_value *ret_value, struct jk_error *err)
{
        autojson json_t *root = parse(text, length, "prometheus", err);
        const json_t *result = find(root, "data.result");
        const char *type = json_string_value(find(root, "data.resultType"));
        const char *trouble = json_string_value(find(root, "error"));

        (void)path;
        if (!root)
                return -EBADMSG;
        if (trouble)
                return jk_fail(err, EBADMSG, "prometheus: it refuses the query: %.200s", trouble);
        if (!type || !result)
                return jk_fail(err, EBADMSG, "prometheus: the answer is none to a query");
        if (strcmp(type, "scalar") == 0)
                return prometheus_pair(result, ret_value, err);
        if (strcmp(type, "vector") != 0)
                return jk_fail(err, EBADMSG,
                               "prometheus: the query gives a %.20s; it must give one value", type);
        if (json_array_size(result) != 1)
                return jk_fail(err, EBADMSG,
                               "prometheus: the query gives %zu series; it must give one",
                               json_array_size(result));

        return prometheus_pair(json_object_get(json_array_get(result, 0), "value"), ret_value, err);
}

int
jk_answer_redfish(const char *text, size_t length, const char *path,
                  struct jk_reference_value *ret_value, struct jk_error *err)
{
        static const char *const places[] = {
                "PowerControl[0].PowerConsumedWatts", /* Power */
                "PowerWatts.Reading",                 /* EnvironmentMetrics */
        };
        autojson json_t *root = parse(text, length, "redfish", err);
        struct jk_reference_value value = { 0 };
        int r = -EBADMSG;

        if (!root)
                return -EBADMSG;
        if (*path) {
                r = value_at(root, path, "redfish", &value.value, err);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < JK_COUNT(places) && r < 0; i++)
                if (is_number(find(root, places[i]), &value.value))
                        r = 0;
        if (r < 0)
                return jk_fail(err, EBADMSG,
                               "redfish: the answer has neither %s nor %s; wall.url must end in "
                               "Chassis/ID/Power or Chassis/ID/EnvironmentMetrics",
                               places[0], places[1]);

        *ret_value = value;
        return 0;
}

int
jk_answer_kwollect(const char *text, size_t length, const char *path,
                   struct jk_reference_value *ret_value, struct jk_error *err)
{
        autojson json_t *root = parse(text, length, "kwollect", err);
        struct jk_reference_value latest = { 0 };
        const char *device = NULL;
        size_t i;
        json_t *row;

        (void)path;
        if (!root)
                return -EBADMSG;
        json_array_foreach(root, i, row) {
                const char *name = json_string_value(json_object_get(row, "device_id"));
                const char *time = json_string_value(json_object_get(row, "timestamp"));
                struct jk_reference_value value = { 0 };

                if (!name || !time || !is_number(json_object_get(row, "value"), &value.value))
                        continue;
                if (device && strcmp(device, name) != 0)
                        return jk_fail(err, EBADMSG,
                                       "kwollect: the answer is of more than one device; name one "
                                       "by nodes= in wall.url");
                device = name;
                value.realtime_ns = jk_reference_iso8601(time);
                if (value.realtime_ns > latest.realtime_ns)
                        latest = value;
        }
        if (latest.realtime_ns == 0)
                return jk_fail(err, EBADMSG, "kwollect: the answer has no value of the metric");

        *ret_value = latest;
        return 0;
}

/* ---- time ---- */

/* Seconds east of UTC from "Z", "+02:00" or "+0200"; false if there is nothing such. */
static bool
parse_zone(const char *text, long *ret_s)
{
        int hours, minutes, end = 0;

        if (strcmp(text, "Z") == 0) {
                *ret_s = 0;
                return true;
        }
        if ((*text != '+' && *text != '-') || !isdigit((unsigned char)text[1]) ||
            (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 &&
             sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &end) != 2) ||
            text[1 + end] != '\0')
                return false;

        *ret_s = (*text == '-' ? -1L : 1L) * (hours * 3600L + minutes * 60L);
        return true;
}

int64_t
jk_reference_iso8601(const char *text)
{
        struct tm tm = { 0 };
        const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        int64_t scale = JK_NS_PER_S, fraction_ns = 0;
        long zone_s = 0;
        time_t seconds;

        if (!rest)
                return 0;
        if (*rest == '.')
                for (rest++; isdigit((unsigned char)*rest); rest++) {
                        scale /= 10;
                        fraction_ns += (*rest - '0') * scale;
                }
        if (!parse_zone(rest, &zone_s))
                return 0;

        seconds = timegm(&tm);
        if (seconds == (time_t)-1 || jk_reference_time((double)seconds) == 0)
                return 0;
        return ((int64_t)seconds - zone_s) * JK_NS_PER_S + fraction_ns;
}
