/* SPDX-License-Identifier: Apache-2.0
 *
 * The model files that an agent offers: see offers.h. They are looked at once; after that a reply
 * is a copy.
 */
#include "serve/offers.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sha256.h"
#include "model/file.h"
#include "model/shipped.h"

#define OFFERS_MAX  256 /* more is a mistake in the configuration */
#define TRAINED_MAX 64  /* of them: made from what others sent */
#define TRAINED     "trained-"

struct offer {
        char name[sizeof((struct jk_model_file *)0)->name];
        const char *text;
        char *owned; /* text, where it was read from the directory */
        size_t length;
};

struct jk_offers {
        struct offer *offers;
        size_t n, capacity;
        char *rendered;
};

static struct offer *
find(const struct jk_offers *offers, const char *name)
{
        for (size_t i = 0; i < offers->n; i++)
                if (strcmp(offers->offers[i].name, name) == 0)
                        return &offers->offers[i];
        return NULL;
}

/* ---- the list ---- */

/* What one needs to know to choose, as it stands in the file. */
static json_t *
describe(const struct offer *offer)
{
        static const char *const keys[] = {
                "name", "kind", "summary", "zone", "per", "cpu", "error"
        };
        char sha256[JK_SHA256_HEX_SIZE];
        json_t *file = json_loadb(offer->text, offer->length, 0, NULL);
        json_t *entry = file ? json_object() : NULL;

        for (size_t i = 0; entry && i < JK_COUNT(keys); i++) {
                json_t *value = json_object_get(file, keys[i]);

                if (value)
                        json_object_set(entry, keys[i], value);
        }
        jk_sha256_hex(offer->text, offer->length, sha256);
        if (entry) {
                json_object_set_new(entry, "bytes", json_integer((json_int_t)offer->length));
                json_object_set_new(entry, "sha256", json_string(sha256));
        }
        json_decref(file);
        return entry;
}

static int
render(struct jk_offers *offers, struct jk_error *err)
{
        json_t *list = json_array();
        json_t *all = json_pack("{s:o}", "models", list);

        for (size_t i = 0; all && i < offers->n; i++)
                json_array_append_new(list, describe(&offers->offers[i]));
        offers->rendered = all && json_array_size(list) == offers->n
                                   ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(10))
                                   : NULL;
        json_decref(all);
        return offers->rendered ? 0 : jk_fail(err, ENOMEM, "models: out of memory");
}

/* ---- files ---- */

static struct offer *
add(struct jk_offers *offers, const char *name, struct jk_error *err)
{
        struct offer *offer = find(offers, name);

        if (offer) {
                free(offer->owned);
                offer->owned = NULL;
                return offer;
        }
        if (jk_array_grow(&offers->offers, &offers->capacity, offers->n + 1) < 0) {
                jk_fail(err, ENOMEM, "models: out of memory");
                return NULL;
        }

        offer = &offers->offers[offers->n++];
        *offer = (struct offer){ 0 };
        snprintf(offer->name, sizeof offer->name, "%s", name);
        return offer;
}

static int
add_shipped(struct jk_offers *offers, struct jk_error *err)
{
        for (size_t i = 0; i < jk_n_shipped_models; i++) {
                struct offer *offer = add(offers, jk_shipped_models[i].name, err);

                if (!offer)
                        return -ENOMEM;
                offer->text = jk_shipped_models[i].text;
                offer->length = strlen(offer->text);
        }
        return 0;
}

/* A whole file of up to JK_MODEL_BYTES_MAX. */
static int
read_file(int at, const char *name, char **ret_text, size_t *ret_length, struct jk_error *err)
{
        jk_autoclose int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        jk_autofree char *text = NULL;
        struct stat status;
        size_t length = 0;
        ssize_t n;

        if (fd < 0 || fstat(fd, &status) < 0)
                return jk_fail(err, errno, "%s: %m", name);
        if (!S_ISREG(status.st_mode) || status.st_size > JK_MODEL_BYTES_MAX)
                return jk_fail(err, EFBIG, "%s: it is no file of at most %d bytes", name,
                               JK_MODEL_BYTES_MAX);

        text = malloc((size_t)status.st_size + 1);
        if (!text)
                return jk_fail(err, ENOMEM, "%s: out of memory", name);
        while (length < (size_t)status.st_size &&
               (n = read(fd, text + length, (size_t)status.st_size - length)) > 0)
                length += (size_t)n;
        if (length < (size_t)status.st_size)
                return jk_fail(err, EIO, "%s: it cannot be read whole", name);

        text[length] = '\0';
        *ret_text = jk_steal(text);
        *ret_length = length;
        return 0;
}

static int
add_file(struct jk_offers *offers, int at, const char *name, struct jk_error *err)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        jk_autofree char *text = NULL;
        struct offer *offer;
        size_t length = 0;
        int r;

        if (!file)
                return jk_fail(err, ENOMEM, "%s: out of memory", name);
        r = read_file(at, name, &text, &length, err);
        if (r == 0)
                r = jk_model_file_parse(name, text, length, file, err);
        if (r < 0)
                return r;
        if (offers->n >= OFFERS_MAX)
                return jk_fail(err, E2BIG, "%s: there are more than %d", name, OFFERS_MAX);

        offer = add(offers, file->name, err);
        if (!offer)
                return -ENOMEM;
        offer->text = offer->owned = jk_steal(text);
        offer->length = length;
        return 0;
}

static int
is_model_file(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return entry->d_name[0] != '.' && length > 5 &&
               strcmp(entry->d_name + length - 5, ".json") == 0;
}

static bool
is_trained(const char *name)
{
        return strncmp(name, TRAINED, strlen(TRAINED)) == 0;
}

/* Of the trained ones or of the others. */
static void
add_files(struct jk_offers *offers, const char *path, int at, struct dirent *const entries[], int n,
          bool trained)
{
        size_t most = trained ? TRAINED_MAX : OFFERS_MAX;

        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;
                struct jk_error why = { "" };
                int r;

                if (is_trained(name) != trained)
                        continue;
                if (most == 0) {
                        jk_log_warning("models: %s: there are more than %zu %s models; %s and "
                                       "those after it are not offered",
                                       path, trained ? (size_t)TRAINED_MAX : (size_t)OFFERS_MAX,
                                       trained ? "trained" : "other", name);
                        return;
                }
                r = add_file(offers, at, name, &why);
                if (r < 0)
                        jk_log_warning("models: %s/%s; it is not offered", path, why.message);
                else
                        most--;
        }
}

/* The operator's own come first, that no number of trained ones takes their place. Each in the
 * order of their names, so that the list is the same on every file system. */
static int
add_directory(struct jk_offers *offers, const char *path, struct jk_error *err)
{
        jk_autoclose int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent **entries;
        int n = at < 0 ? -1 : scandirat(at, ".", &entries, is_model_file, alphasort);

        if (n < 0)
                return jk_fail(err, errno, "models: %s: %m", path);

        add_files(offers, path, at, entries, n, false);
        add_files(offers, path, at, entries, n, true);
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
        return 0;
}

/* ---- interface ---- */

void
jk_offers_close(struct jk_offers *offers)
{
        if (!offers)
                return;

        for (size_t i = 0; i < offers->n; i++)
                free(offers->offers[i].owned);
        free(offers->offers);
        free(offers->rendered);
        free(offers);
}

int
jk_offers_open(const char *directory, struct jk_offers **ret_offers, struct jk_error *err)
{
        struct jk_offers *offers = calloc(1, sizeof *offers);
        int r;

        if (!offers)
                return jk_fail(err, ENOMEM, "models: out of memory");

        r = add_shipped(offers, err);
        if (r == 0 && directory && *directory)
                r = add_directory(offers, directory, err);
        if (r == 0)
                r = render(offers, err);
        if (r < 0) {
                jk_offers_close(offers);
                return r;
        }

        *ret_offers = offers;
        return 0;
}

const char *
jk_offers_list(const struct jk_offers *offers)
{
        return offers->rendered;
}

const char *
jk_offers_file(const struct jk_offers *offers, const char *name, size_t *ret_length)
{
        const struct offer *offer = find(offers, name);

        if (!offer)
                return NULL;

        *ret_length = offer->length;
        return offer->text;
}
