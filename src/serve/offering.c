/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files that are read again while they are served: see offering.h.
 */
#include "serve/offering.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct jk_offering {
        struct jk_offers *offers;         /* the serving thread's */
        _Atomic(struct jk_offers *) next; /* NULL: nothing newer */

        pthread_mutex_t lock;    /* of what follows: one reads at a time */
        char *directory;         /* NULL: none */
        struct timespec changed; /* the directory, when it was read last; 0: not to be relied on */
};

/* Time stamps of files advance by steps of up to some milliseconds, on some file systems by
 * seconds: what changes right after it was read may bear the same. */
#define STEP_S 2

static struct timespec
changed_at(const char *directory)
{
        struct stat status;

        return stat(directory, &status) == 0 ? status.st_mtim : (struct timespec){ 0 };
}

static bool
is_same(struct timespec a, struct timespec b)
{
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* What to compare with the next time: nothing, if it may yet change without a trace. */
static struct timespec
to_rely_on(struct timespec changed)
{
        return time(NULL) - changed.tv_sec > STEP_S ? changed : (struct timespec){ 0 };
}

static int
read_directory(struct jk_offering *offering, struct jk_offers **ret_offers, struct jk_error *err)
{
        struct timespec changed = { 0 };
        int r;

        if (offering->directory)
                changed = changed_at(offering->directory);
        r = jk_offers_open(offering->directory, ret_offers, err);
        offering->changed = r == 0 ? to_rely_on(changed) : changed; /* failing is told once */
        return r;
}

int
jk_offering_open(const char *directory, struct jk_offering **ret_offering, struct jk_error *err)
{
        struct jk_offering *offering = calloc(1, sizeof *offering);
        int r = 0;

        if (!offering)
                return jk_fail(err, ENOMEM, "models: out of memory");
        pthread_mutex_init(&offering->lock, NULL);
        if (directory && *directory) {
                offering->directory = strdup(directory);
                if (!offering->directory)
                        r = jk_fail(err, ENOMEM, "models: out of memory");
        }
        if (r == 0)
                r = read_directory(offering, &offering->offers, err);
        if (r < 0) {
                jk_offering_close(offering);
                return r;
        }

        *ret_offering = offering;
        return 0;
}

void
jk_offering_close(struct jk_offering *offering)
{
        if (!offering)
                return;

        jk_offers_close(offering->offers);
        jk_offers_close(offering->next);
        pthread_mutex_destroy(&offering->lock);
        free(offering->directory);
        free(offering);
}

const struct jk_offers *
jk_offering_get(struct jk_offering *offering)
{
        struct jk_offers *next = atomic_exchange(&offering->next, NULL);

        if (next) {
                jk_offers_close(offering->offers);
                offering->offers = next;
        }
        return offering->offers;
}

static int
renew(struct jk_offering *offering, bool anyway, struct jk_error *err)
{
        struct jk_offers *fresh;
        int r;

        if (!offering->directory ||
            (!anyway && is_same(changed_at(offering->directory), offering->changed)))
                return 0;
        r = read_directory(offering, &fresh, err);
        if (r < 0)
                return r;

        jk_offers_close(atomic_exchange(&offering->next, fresh));
        return 1;
}

int
jk_offering_renew(struct jk_offering *offering, bool anyway, struct jk_error *err)
{
        int r;

        pthread_mutex_lock(&offering->lock);
        r = renew(offering, anyway, err);
        pthread_mutex_unlock(&offering->lock);
        return r;
}
