/* SPDX-License-Identifier: Apache-2.0
 *
 * Bringing together what was meant to be read at one time: see join.h.
 */
#include "import/join.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
        const int64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static uint32_t
stream_of(const struct jk_observations *seen, const struct jk_observation *item)
{
        return seen->series[item->series].stream;
}

/* The stream of what was read first. */
static uint32_t
find_reference(const struct jk_observations *seen)
{
        return seen->n_items > 0 ? stream_of(seen, &seen->items[0]) : 0;
}

/* The times of a stream, in order; some may stand there more than once. */
static size_t
collect_times(const struct jk_observations *seen, uint32_t stream, int64_t *times)
{
        size_t n = 0;

        for (size_t i = 0; i < seen->n_items; i++)
                if (stream_of(seen, &seen->items[i]) == stream)
                        times[n++] = seen->items[i].time_ns;
        qsort(times, n, sizeof *times, compare);
        return n;
}

/* The nearest of n > 0 times; the earlier one of two. */
static int64_t
find_nearest(const int64_t *times, size_t n, int64_t time_ns)
{
        size_t low = 0, high = n;

        while (low < high) { /* the first that is not before it */
                size_t middle = low + (high - low) / 2;

                if (times[middle] < time_ns)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == n)
                return times[n - 1];
        if (low > 0 && time_ns - times[low - 1] <= times[low] - time_ns)
                return times[low - 1];
        return times[low];
}

int
jk_join(struct jk_observations *seen, int64_t tolerance_ns)
{
        uint32_t reference = find_reference(seen);
        int64_t *times;
        size_t n;

        if (seen->n_items == 0)
                return 0;
        times = calloc(seen->n_items, sizeof *times);
        if (!times)
                return -ENOMEM;
        n = collect_times(seen, reference, times);
        for (size_t i = 0; i < seen->n_items; i++) {
                struct jk_observation *item = &seen->items[i];
                int64_t nearest = find_nearest(times, n, item->time_ns);

                if (stream_of(seen, item) != reference &&
                    llabs(nearest - item->time_ns) <= tolerance_ns)
                        item->time_ns = nearest;
        }
        free(times);
        return 0;
}
