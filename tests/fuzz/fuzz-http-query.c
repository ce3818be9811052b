/* SPDX-License-Identifier: Apache-2.0
 *
 * The query of a URL, from any client.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "base/array.h"
#include "serve/query.h"

static const char *const dimensions[] = { "task", "cgroup", "user", "machine", NULL };

static int
set_dimension(const char *value, void *data)
{
        (void)data;
        for (size_t i = 0; dimensions[i]; i++)
                if (strcmp(dimensions[i], value) == 0)
                        return 0;
        return -EINVAL;
}

static int
set_any(const char *value, void *data)
{
        *(size_t *)data += strlen(value); /* reads all of it */
        return 0;
}

static const struct jk_parameter parameters[] = {
        { .name = "dimension", .values = dimensions, .set = set_dimension },
        { .name = "top", .range = "a number", .set = set_any },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *query = fuzz_string(data, size);
        struct jk_query_error error = { 0 };
        size_t length = 0;
        int r = jk_query_parse(query, parameters, JK_COUNT(parameters), &length, &error);

        PROMISE(r == 0 || r == -EINVAL);
        PROMISE(length <= size); /* decoding never makes it longer */
        if (r < 0) {
                PROMISE(memchr(error.message, '\0', sizeof error.message));
                PROMISE(memchr(error.parameter, '\0', sizeof error.parameter));
                PROMISE(error.message[0] != '\0');
        }
        free(query);
        return 0;
}
