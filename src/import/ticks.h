/* SPDX-License-Identifier: Apache-2.0
 *
 * From observations to samples: all that was seen at one time is one tick. Amounts per second are
 * multiplied by the time that they span, counters are subtracted; where nothing was seen for longer
 * than a table's interval, a tick without anything stands at the end of the gap, so that nothing is
 * taken for known.
 */
#pragma once

#include "import/observations.h"

/* Bring them in order of time, once all are there. */
void jk_ticks_sort(struct jk_observations *seen);

/* What lies between two ticks, for a recording's header: what a table says, or the mean. */
int64_t jk_ticks_interval_ns(const struct jk_observations *seen);

/* Part by part, of what is observed as it happens: open; then, again and again, observe and feed
 * what belongs to whole ticks, in order of time, which takes the items away; close. Tasks, events
 * and series may be added in between. */
struct ticker;
int jk_ticks_open(struct jk_observations *seen,
                  void (*take)(void *data, const struct jk_sample *sample), void *data,
                  struct ticker **ret_ticker, struct jk_error *err);
int jk_ticks_feed(struct ticker *ticker, struct jk_error *err);
void jk_ticks_close(struct ticker *ticker);

/* The same of all there is, at once. Call `take` with each sample in turn; it borrows the
 * observations' zones. What is absurd is refused with its file and line. */
int jk_ticks_convert(struct jk_observations *seen,
                     void (*take)(void *data, const struct jk_sample *sample), void *data,
                     struct jk_error *err);
