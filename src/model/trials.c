/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection in groups: see trials.h.
 */
#include "model/trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The best of a round so far. */
struct best {
        bool any;
        size_t candidate;
        double ratio; /* of the errors with it and without it */
        struct jk_selection_error with, without;
};

struct session {
        const struct jk_trial_ops *ops;
        const struct jk_selection_rule *rule;
        struct jk_error *err;
        struct jk_trials trials;
        size_t most_at_once; /* as far as is known */
        bool *out;           /* [candidates]: chosen, or not to be counted beside what was chosen */
        struct best best;
};

/* ---- a group ---- */

/* The error of these rows with CPU time, all that was chosen, and one more column (or 0). */
static int
judge(const struct session *session, const struct jk_trial_rows *rows, size_t n_events,
      size_t column, struct jk_selection_error *ret_error)
{
        struct jk_selection_rows selectable = { rows->n, 1 + n_events, rows->x, rows->y };
        struct jk_selection selection;
        bool used[JK_COUNTS_MAX] = { true };
        int r;

        for (size_t i = 0; i < session->trials.n; i++)
                used[1 + i] = true;
        used[column] = true;
        r = jk_select_these(&selectable, session->rule, used, &selection);
        if (r < 0)
                return jk_fail(session->err, r,
                               r == -ENOMEM ? "out of memory" : "too few ticks: %zu", rows->n);
        *ret_error = selection.before;
        return 0;
}

static int
judge_group(struct session *session, const size_t *group, size_t n,
            const struct jk_trial_rows *rows)
{
        struct jk_selection_error without, with;
        int r = judge(session, rows, n, 0, &without);

        for (size_t i = session->trials.n; r == 0 && i < n; i++) {
                double ratio;

                r = judge(session, rows, n, 1 + i, &with);
                ratio = without.rms_w > 0 ? with.rms_w / without.rms_w : 1;
                if (r < 0 || (session->best.any && ratio >= session->best.ratio))
                        continue;
                session->best = (struct best){ true, group[i], ratio, with, without };
        }
        return r;
}

static int
try_group(struct session *session, const size_t *group, size_t n)
{
        struct jk_trial_rows rows = { 0 };
        int r = session->ops->measure(session->ops->data, group, n, &rows, session->err);

        if (r < 0)
                return r;

        session->trials.n_groups++;
        if (n > session->trials.width)
                session->trials.width = n;
        return judge_group(session, group, n, &rows);
}

/* ---- a round ---- */

/* The next candidates from this place on: what was chosen and as many as there is room for. */
static size_t
fill_group(const struct session *session, size_t n_candidates, size_t from,
           size_t group[static JK_TRIAL_EVENTS_MAX], size_t *ret_next)
{
        size_t n = session->trials.n, at = from;

        memcpy(group, session->trials.chosen, n * sizeof *group);
        for (; at < n_candidates && n < session->most_at_once; at++)
                if (!session->out[at])
                        group[n++] = at;
        *ret_next = at;
        return n;
}

/* A group that is too large is halved, and so are all after it. One that cannot even have one more
 * than was chosen costs that candidate, as others may use another counter. */
static int
run_round(struct session *session, size_t n_candidates)
{
        size_t group[JK_TRIAL_EVENTS_MAX], n, next, from = 0;

        session->best = (struct best){ 0 };
        while ((n = fill_group(session, n_candidates, from, group, &next)) > session->trials.n) {
                int r = try_group(session, group, n);

                if (r == -ENOSPC && n > session->trials.n + 1) {
                        session->most_at_once = session->trials.n + (n - session->trials.n) / 2;
                        continue;
                }
                if (r == -ENOSPC)
                        session->out[group[n - 1]] = true;
                else if (r < 0)
                        return r;
                from = next;
        }
        return 0;
}

static size_t
count_left(const struct session *session, size_t n_candidates)
{
        size_t n = 0;

        for (size_t i = 0; i < n_candidates; i++)
                n += !session->out[i];
        return n;
}

static void
take_best(struct session *session)
{
        struct jk_trials *trials = &session->trials;

        session->out[session->best.candidate] = true;
        trials->chosen[trials->n] = session->best.candidate;
        trials->with[trials->n] = session->best.with;
        trials->without[trials->n] = session->best.without;
        trials->n++;
        /* Room for one beside the chosen is tried for, though the last group had less. */
        if (session->most_at_once <= trials->n && trials->n < JK_TRIAL_EVENTS_MAX)
                session->most_at_once = trials->n + 1;
}

static int
run_rounds(struct session *session, size_t n_candidates)
{
        size_t most = session->rule->most < JK_TRIAL_EVENTS_MAX ? session->rule->most
                                                                : JK_TRIAL_EVENTS_MAX;
        size_t left;

        while (session->trials.n < most && (left = count_left(session, n_candidates)) > 0) {
                int r;

                if (session->ops->begin)
                        session->ops->begin(session->ops->data, session->trials.n + 1, left);
                r = run_round(session, n_candidates);
                if (r < 0)
                        return r;
                if (!session->best.any || !(session->best.ratio < 1 - session->rule->least_gain))
                        return 0;
                take_best(session);
        }
        return 0;
}

int
jk_trials_run(const struct jk_trial_ops *ops, size_t n_candidates,
              const struct jk_selection_rule *rule, struct jk_trials *ret_trials,
              struct jk_error *err)
{
        jk_autofree bool *out = calloc(n_candidates + 1, sizeof *out);
        struct session session = {
                .ops = ops,
                .rule = rule,
                .err = err,
                .most_at_once = JK_TRIAL_EVENTS_MAX,
                .out = out,
        };
        int r;

        if (!out)
                return jk_fail(err, ENOMEM, "out of memory");
        r = run_rounds(&session, n_candidates);
        if (r == 0)
                *ret_trials = session.trials;
        return r;
}
