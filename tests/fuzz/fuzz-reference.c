/* SPDX-License-Identifier: Apache-2.0
 *
 * What a meter outside answers: the first byte picks the form, a path goes up to the first newline
 * of the rest.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "base/array.h"
#include "reference/broker.h"
#include "reference/json.h"
#include "reference/line.h"

static void
hold_to_promise(int r, const struct jk_reference_value *value, const struct jk_error *err)
{
        PROMISE(r == 0 || r == -EBADMSG);
        PROMISE(r == 0 ? isfinite(value->value) && value->realtime_ns >= 0
                       : value->value == 1 && err->message[0]);
}

static void
try_broker(const char *url)
{
        struct jk_broker broker = { .port = 0 };
        struct jk_error err = { "" };
        int r = jk_broker_parse(url, &broker, &err);

        PROMISE(r == 0 ? broker.port > 0 && broker.port < 65536 && broker.host[0]
                       : r == -EINVAL && broker.port == 0 && err.message[0]);
}

/* A message of a broker is what a web server answers. */
static void
try_message(const char *text, const char *path, int wanted, const struct jk_reference_value *http)
{
        struct jk_reference_value value = { 1, 1 };
        struct jk_error err = { "" };

        PROMISE(jk_answer_mqtt(text, strlen(text), path, &value, &err) == wanted);
        PROMISE(value.value == http->value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static jk_answer *const answers[] = { jk_answer_http, jk_answer_prometheus,
                                              jk_answer_redfish, jk_answer_kwollect };
        struct jk_reference_value value = { 1, 1 };
        struct jk_error err = { "" };
        char *path, *text;
        int r;

        if (size == 0)
                return 0;

        path = fuzz_string(data + 1, size - 1);
        text = strchr(path, '\n');
        if (text)
                *text++ = '\0';
        else
                text = path;

        if (data[0] % 5 == 4) {
                r = jk_reference_line(text, &value, &err);
                hold_to_promise(r == -EINVAL ? -EBADMSG : r, &value, &err);
        } else if (jk_json_path_check(path, &err) == 0) {
                r = answers[data[0] % 5](text, strlen(text), path, &value, &err);
                hold_to_promise(r, &value, &err);
                if (data[0] % 5 == 0)
                        try_message(text, path, r, &value);
        }
        try_broker(text);
        PROMISE(jk_reference_iso8601(text) >= 0);
        free(path);
        return 0;
}
