/* SPDX-License-Identifier: Apache-2.0
 *
 * Booking: see ledger.h. For each zone of a sample the model says what is idle and how the tasks
 * weigh; here that becomes whole microjoules, each in exactly one account of each dimension.
 */
#include "ledger/ledger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ledger/ledger-internal.h"

int
jk_ledger_open(const struct jk_ledger_options *options, struct jk_ledger **ret_ledger,
               struct jk_error *err)
{
        struct jk_ledger *ledger = calloc(1, sizeof *ledger);

        if (!ledger)
                return jk_fail(err, ENOMEM, "ledger: out of memory");

        ledger->options = *options;
        if (jk_accounts_open_fixed(ledger) < 0) {
                jk_ledger_close(ledger);
                return jk_fail(err, ENOMEM, "ledger: out of memory");
        }

        *ret_ledger = ledger;
        return 0;
}

void
jk_ledger_close(struct jk_ledger *ledger)
{
        if (!ledger)
                return;

        for (int i = 0; i < JK_DIMENSION_MAX; i++)
                jk_book_free(&ledger->books[i]);
        jk_map_free(&ledger->cgroup_paths);
        free(ledger->ended);
        free(ledger->task_slots);
        free(ledger->weights);
        free(ledger->shares);
        free(ledger->remainders);
        free(ledger);
}

int
jk_ledger_reconfigure(struct jk_ledger *ledger, const struct jk_ledger_options *options)
{
        int r = jk_accounts_limit_ended(ledger, options->ended_tasks_max);

        if (r < 0)
                return r;

        ledger->options = *options;
        return 0;
}

static int
reserve_zones(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        size_t n = sample->n_tasks + 2;

        for (int i = 0; i < JK_DIMENSION_MAX; i++)
                if (jk_book_widen(&ledger->books[i], sample->zones->count) < 0)
                        return -ENOMEM;

        if (jk_array_grow(&ledger->task_slots, &ledger->slots_capacity, n) < 0 ||
            jk_array_grow(&ledger->weights, &ledger->weights_capacity, n) < 0 ||
            jk_array_grow(&ledger->shares, &ledger->shares_capacity, n) < 0 ||
            jk_array_grow(&ledger->remainders, &ledger->remainders_capacity, n) < 0)
                return -ENOMEM;

        for (; ledger->n_zones < sample->zones->count; ledger->n_zones++)
                ledger->zones[ledger->n_zones].watts = NAN;
        return 0;
}

/* All that booking the sample may need: memory, and the accounts, still without anything of the
 * sample in them. Where it fails it is begun anew with the same sample and finds what is there. */
static int
reserve(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        if (reserve_zones(ledger, sample) < 0 || jk_accounts_appear(ledger, sample) < 0 ||
            jk_accounts_open_tasks(ledger, sample) < 0)
                return -ENOMEM;

        return 0;
}

static void
credit(struct jk_ledger *ledger, enum jk_dimension dimension, uint32_t slot, enum jk_book_part part,
       size_t zone, int64_t energy_uj, const struct jk_sample *sample)
{
        struct jk_book *book = &ledger->books[dimension];
        struct jk_account *account = &book->accounts[slot];

        jk_book_row(book, slot, part)[zone] += energy_uj;

        if (!ledger->zones[zone].counted)
                return;
        if (account->tick != sample->sequence)
                account->tick_uj = 0;
        account->tick = sample->sequence;
        account->tick_uj += energy_uj;
}

static void
credit_machine(struct jk_ledger *ledger, enum jk_machine_account account, size_t zone,
               int64_t energy_uj, const struct jk_sample *sample)
{
        enum jk_book_part part = account == JK_MACHINE_IDLE ? JK_PART_IDLE : JK_PART_DYNAMIC;

        credit(ledger, JK_DIMENSION_MACHINE, (uint32_t)account, part, zone, energy_uj, sample);
}

/* Energy of another time than this tick's: it is somebody's, but nobody's who can be named, and it
 * must not show as power now. */
static void
credit_gap(struct jk_ledger *ledger, size_t zone, int64_t energy_uj)
{
        struct jk_book *machine = &ledger->books[JK_DIMENSION_MACHINE];

        jk_book_row(machine, JK_MACHINE_UNATTRIBUTED, JK_PART_DYNAMIC)[zone] += energy_uj;
        ledger->zones[zone].gaps++;
}

static void
credit_task(struct jk_ledger *ledger, size_t i, size_t zone, int64_t energy_uj,
            const struct jk_sample *sample)
{
        uint32_t slot = ledger->task_slots[i];
        const struct jk_account *account;

        if (energy_uj == 0)
                return;
        if (slot == JK_NO_ACCOUNT) {
                credit_machine(ledger, JK_MACHINE_KERNEL_THREADS, zone, energy_uj, sample);
                return;
        }

        account = &ledger->books[JK_DIMENSION_TASK].accounts[slot];
        credit(ledger, JK_DIMENSION_TASK, slot, JK_PART_DYNAMIC, zone, energy_uj, sample);
        credit(ledger, JK_DIMENSION_CGROUP, account->cgroup, JK_PART_DYNAMIC, zone, energy_uj,
               sample);
        credit(ledger, JK_DIMENSION_USER, account->user, JK_PART_DYNAMIC, zone, energy_uj, sample);
}

static void
divide_dynamic(struct jk_ledger *ledger, const struct jk_sample *sample, size_t zone,
               const struct jk_split *split, int64_t dynamic_uj)
{
        size_t n = sample->n_tasks;
        int64_t divided;

        ledger->weights[n] = split->irq_weight;
        ledger->weights[n + 1] = split->softirq_weight;
        divided = jk_apportion(dynamic_uj, ledger->weights, n + 2, ledger->shares,
                               ledger->remainders);

        for (size_t i = 0; i < n; i++)
                credit_task(ledger, i, zone, ledger->shares[i], sample);
        credit_machine(ledger, JK_MACHINE_KERNEL_IRQ, zone, ledger->shares[n], sample);
        credit_machine(ledger, JK_MACHINE_KERNEL_SOFTIRQ, zone, ledger->shares[n + 1], sample);

        /* Nobody ran: then the zone would have used it anyway. Nobody can be told: then it is not
         * known whose it is. */
        if (divided < dynamic_uj)
                credit_machine(ledger, split->blind ? JK_MACHINE_UNATTRIBUTED : JK_MACHINE_IDLE,
                               zone, dynamic_uj - divided, sample);
}

/* How much of a reading belongs to this tick. */
static int64_t
present_part(const struct jk_sample *sample, size_t zone)
{
        const struct jk_zone_reading *reading = &sample->readings[zone];

        if (sample->flags & JK_SAMPLE_SUSPENDED)
                return 0;
        if (!jk_sample_has_gap(sample, zone))
                return reading->energy_uj;

        return jk_scale_i64(reading->energy_uj, sample->elapsed_ns, reading->elapsed_ns);
}

static void
book_present(struct jk_ledger *ledger, const struct jk_sample *sample,
             const struct jk_model_ops *ops, struct jk_model *model, size_t zone, int64_t energy_uj)
{
        const struct jk_zone_reading *reading = &sample->readings[zone];
        struct jk_split split = { .task_weights = ledger->weights };
        double idle_uj;
        int64_t idle;

        if (!(sample->flags & JK_SAMPLE_TASKS)) {
                credit_machine(ledger, JK_MACHINE_UNATTRIBUTED, zone, energy_uj, sample);
                return;
        }

        ops->split(model, sample, zone, &split);
        ledger->zones[zone].share_uncertainty_pct = split.uncertainty_pct;

        idle_uj = split.idle_uj * ((double)energy_uj / (double)reading->energy_uj);
        idle = idle_uj > 0 ? llround(fmin(idle_uj, (double)energy_uj)) : 0;
        credit_machine(ledger, JK_MACHINE_IDLE, zone, idle, sample);
        divide_dynamic(ledger, sample, zone, &split, energy_uj - idle);
}

/* Known by the meter, or else learned by the model. */
static struct jk_idle_estimate
idle_of(const struct jk_sample *sample, const struct jk_model_ops *ops,
        const struct jk_model *model, size_t i)
{
        const struct jk_zone *zone = &sample->zones->zones[i];

        if (isnan(zone->idle_w))
                return ops->idle(model, i);

        return (struct jk_idle_estimate){
                .power_w = zone->idle_w,
                .error_w = zone->idle_w * zone->uncertainty_pct / 100,
        };
}

/* A reading that spans more than the tick covers time in which other zones stood for this one in
 * the machine's total: what they have put there is not added again. */
static void
count_for_machine(struct jk_ledger *ledger, const struct jk_sample *sample, size_t zone)
{
        const struct jk_zone_reading *reading = &sample->readings[zone];
        const struct jk_zone_books *books = &ledger->zones[zone];
        int64_t energy_uj = reading->energy_uj;

        if (books->around_ns > 0 && reading->elapsed_ns > 0)
                energy_uj -=
                        jk_scale_i64(energy_uj,
                                     books->around_ns < reading->elapsed_ns ? books->around_ns
                                                                            : reading->elapsed_ns,
                                     reading->elapsed_ns);
        energy_uj -= books->inside_uj;
        if (energy_uj <= 0)
                return;

        ledger->machine_uj += energy_uj;
        for (int up = sample->zones->zones[zone].parent, depth = 0; up >= 0 && depth < JK_ZONES_MAX;
             up = sample->zones->zones[up].parent, depth++)
                ledger->zones[up].inside_uj += energy_uj;
}

/* Whether a zone around this one was counted in this tick. */
static bool
is_stood_for(const struct jk_ledger *ledger, const struct jk_sample *sample, size_t zone)
{
        int up = sample->zones->zones[zone].parent;

        for (int depth = 0; up >= 0 && depth < JK_ZONES_MAX; depth++) {
                if (ledger->zones[up].counted)
                        return true;
                up = sample->zones->zones[up].parent;
        }

        return false;
}

/* A reading, or a new baseline, begins the span of the next one. */
static void
note_spans(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        for (size_t z = 0; z < ledger->n_zones; z++) {
                struct jk_zone_books *books = &ledger->zones[z];

                if (sample->readings[z].flags & (JK_READING_SEEN | JK_READING_REBASED))
                        books->inside_uj = books->around_ns = 0;
                else if (is_stood_for(ledger, sample, z))
                        books->around_ns += sample->elapsed_ns + sample->suspended_ns;
        }
}

static void
book_zone(struct jk_ledger *ledger, const struct jk_sample *sample, const struct jk_model_ops *ops,
          struct jk_model *model, size_t zone)
{
        const struct jk_zone_reading *reading = &sample->readings[zone];
        struct jk_zone_books *books = &ledger->zones[zone];
        int64_t present;

        books->refused += (reading->flags & JK_READING_REFUSED) != 0;
        books->idle = idle_of(sample, ops, model, zone);
        books->expected = ops->expect ? ops->expect(model, zone) : JK_NO_EXPECTATION;
        books->watts = NAN;
        if (!(reading->flags & JK_READING_SEEN))
                return;

        books->watts = jk_power_w(reading->energy_uj, reading->elapsed_ns);
        books->measured_uj += reading->energy_uj;
        if (books->counted) {
                count_for_machine(ledger, sample, zone);
                ledger->machine_w += books->watts;
        }

        present = present_part(sample, zone);
        if (present < reading->energy_uj)
                credit_gap(ledger, zone, reading->energy_uj - present);
        if (present > 0)
                book_present(ledger, sample, ops, model, zone, present);
}

/* Whether any zone counts in this tick. */
static bool
find_counted(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        bool seen[JK_ZONES_MAX], any = false;

        for (size_t i = 0; i < ledger->n_zones; i++)
                seen[i] = sample->readings[i].flags & JK_READING_SEEN;
        for (size_t i = 0; i < ledger->n_zones; i++) {
                ledger->zones[i].counted = jk_zone_counts(sample->zones, seen, i);
                any |= ledger->zones[i].counted;
        }

        return any;
}

int
jk_ledger_book(struct jk_ledger *ledger, const struct jk_sample *sample,
               const struct jk_model_ops *ops, struct jk_model *model)
{
        if (reserve(ledger, sample) < 0)
                return -ENOMEM;

        /* From here on nothing can fail. */
        jk_accounts_add_activity(ledger, sample);
        if (!(sample->flags & JK_SAMPLE_FIRST))
                ops->observe(model, sample);

        ledger->machine_w = 0;
        if (!find_counted(ledger, sample))
                ledger->machine_w = NAN; /* nothing was read: that is not 0 W */
        for (size_t zone = 0; zone < ledger->n_zones; zone++)
                book_zone(ledger, sample, ops, model, zone);
        note_spans(ledger, sample);

        jk_accounts_settle(ledger, sample);
        return 0;
}

/* Of every zone at once, as the rows lie; a free slot's row is 0. */
static void
add_up_book(const struct jk_book *book, size_t n_zones, int64_t sums[static JK_ZONES_MAX])
{
        for (uint32_t slot = 0; n_zones > 0 && slot < book->length; slot++) {
                const int64_t *idle = jk_book_row(book, slot, JK_PART_IDLE);
                const int64_t *dynamic = jk_book_row(book, slot, JK_PART_DYNAMIC);

                for (size_t z = 0; z < n_zones; z++)
                        sums[z] += idle[z] + dynamic[z];
        }
}

void
jk_ledger_balance(const struct jk_ledger *ledger, struct jk_balance ret_balances[JK_ZONES_MAX])
{
        int64_t machine_uj[JK_ZONES_MAX] = { 0 };

        add_up_book(&ledger->books[JK_DIMENSION_MACHINE], ledger->n_zones, machine_uj);
        for (size_t z = 0; z < ledger->n_zones; z++)
                ret_balances[z].measured_uj = ledger->zones[z].measured_uj;

        for (int i = 0; i < JK_DIMENSION_MACHINE; i++) {
                int64_t sums[JK_ZONES_MAX];

                memcpy(sums, machine_uj, sizeof sums);
                add_up_book(&ledger->books[i], ledger->n_zones, sums);
                for (size_t z = 0; z < ledger->n_zones; z++)
                        ret_balances[z].booked_uj[i] = sums[z];
        }
}
