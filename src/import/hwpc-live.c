/* SPDX-License-Identifier: Apache-2.0
 *
 * Live reports: see hwpc-live.h.
 */
#include "import/hwpc-live.h"

#include <string.h>

#include "import/ticks.h"

enum {
        LATER = 5,             /* times that have to come before one is made */
        FIRST = 8,             /* times that have to be there before the first is made */
        COUNTS_MAX = 1U << 22, /* that wait: 256 MiB; more are made before their time */
};

struct live {
        struct jk_observations *seen;
        struct jk_hwpc_import *import;
        struct ticker *ticker;
        int64_t times_ns[FIRST + 1]; /* that wait, in order */
        size_t n_times;
        bool has_begun;
};

static int
make(struct live *live, int64_t until_ns, struct jk_error *err)
{
        size_t n = 0;
        int r = jk_hwpc_import_until(live->import, until_ns, err);

        live->has_begun = true;
        while (n < live->n_times && live->times_ns[n] <= until_ns)
                n++;
        live->n_times -= n;
        memmove(live->times_ns, live->times_ns + n, live->n_times * sizeof *live->times_ns);
        if (r < 0)
                return r;
        jk_ticks_sort(live->seen);
        return jk_ticks_feed(live->ticker, err);
}

/* Keep a time in its place among those that wait. */
static void
note(struct live *live, int64_t time_ns)
{
        size_t i = live->n_times;

        while (i > 0 && live->times_ns[i - 1] > time_ns)
                i--;
        if (i > 0 && live->times_ns[i - 1] == time_ns)
                return;
        memmove(live->times_ns + i + 1, live->times_ns + i,
                (live->n_times - i) * sizeof *live->times_ns);
        live->times_ns[i] = time_ns;
        live->n_times++;
}

static int
make_what_is_due(struct live *live, struct jk_error *err)
{
        size_t enough = live->has_begun ? LATER : FIRST, n = live->n_times;

        if (jk_hwpc_import_waiting(live->import) > COUNTS_MAX)
                return make(live, live->times_ns[n > 1 ? n - 2 : 0], err);
        return n > enough ? make(live, live->times_ns[n - 1 - LATER], err) : 0;
}

/* One report: 1; 0 at the end; or a negative errno. */
static int
take_next(struct live *live, struct jk_hwpc_reader *reader, struct jk_error *err)
{
        int64_t time_ns;
        int r = jk_hwpc_import_next(live->import, reader, &time_ns, err);

        if (r == -EFBIG)
                r = -EINVAL; /* no room for that report's targets: others go on */
        if (r == -EBADMSG || r == -EINVAL)
                r = jk_observations_refuse(live->seen, r, err) < 0 ? r : 1;
        else if (r > 0) {
                note(live, time_ns);
                r = make_what_is_due(live, err);
                r = r < 0 ? r : 1;
        }
        return r;
}

static int
run(struct live *live, struct jk_hwpc_reader *reader, const struct jk_hwpc_live_sink *sink,
    struct jk_error *err)
{
        int r;

        do {
                size_t n_bad = live->seen->n_bad;
                struct jk_error why = { "" };

                r = take_next(live, reader, &why);
                if (r < 0)
                        return jk_fail(err, r, "%s", why.message);
                if (live->seen->n_bad > n_bad)
                        sink->refused(sink->data, why.message);
        } while (r > 0 && !sink->is_over(sink->data));
        return make(live, INT64_MAX, err);
}

int
jk_hwpc_live(struct jk_observations *seen, struct jk_hwpc_names *names,
             struct jk_hwpc_reader *reader, const struct jk_hwpc_live_sink *sink,
             struct jk_error *err)
{
        struct live live = { .seen = seen };
        int r;

        seen->skip_bad = true;
        r = jk_hwpc_import_open(seen, names, &live.import, err);
        if (r == 0)
                r = jk_ticks_open(seen, sink->take, sink->data, &live.ticker, err);
        if (r == 0)
                r = run(&live, reader, sink, err);
        jk_ticks_close(live.ticker);
        jk_hwpc_import_close(live.import);
        return r;
}
