/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of events as people write them, and terms, formats and CPU lists as sysfs has them. The
 * first byte says which.
 */
#include "tests/fuzz/fuzz.h"

#include "activity/events/text.h"
#include "sample/sample.h"

static void
fuzz_list(const char *text)
{
        char name[JK_EVENT_NAME_SIZE], pmu[JK_PMU_NAME_SIZE];
        const char *list = text, *terms;
        uint64_t config;
        size_t length;

        for (;;) {
                const char *before = list;

                if (jk_event_next_name(&list, name, sizeof name) <= 0)
                        return;
                PROMISE(list > before && list <= text + strlen(text)); /* or it would never end */
                PROMISE(*name && strlen(name) < sizeof name);
                if (jk_event_split(name, pmu, &terms, &length) == 0)
                        PROMISE(*pmu && length > 0 && terms + length < name + strlen(name));
                (void)jk_event_raw(name, &config);
        }
}

static void
fuzz_terms(const char *text)
{
        const char *terms = text;
        struct jk_event_term term;

        for (;;) {
                const char *before = terms;

                if (jk_event_next_term(&terms, &term) <= 0)
                        return;
                PROMISE(terms > before && terms <= text + strlen(text));
                PROMISE(*term.name && strlen(term.name) < sizeof term.name);
        }
}

static void
fuzz_format(const char *text)
{
        uint64_t configs[JK_EVENT_CONFIGS] = { 1, 2, 3 }, before[JK_EVENT_CONFIGS] = { 1, 2, 3 };
        cpu_set_t cpus;

        if (jk_event_put(text, 0xdeadbeef, configs) < 0)
                PROMISE(memcmp(configs, before, sizeof before) == 0);
        (void)jk_event_cpus(text, &cpus);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text;

        if (size == 0)
                return 0;

        text = fuzz_string(data + 1, size - 1);
        if (*data == 'l')
                fuzz_list(text);
        else if (*data == 't')
                fuzz_terms(text);
        else
                fuzz_format(text);
        free(text);
        return 0;
}
