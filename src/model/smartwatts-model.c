/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of linear models: see smartwatts-model.h. Where this looks odd (no intercept until the
 * window is full, errors forgotten with every try to learn) the program does it so.
 */
#include "model/smartwatts-model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/elastic-net.h"

/* The latest values, oldest first from `next` once it is full. */
struct ring {
        double *values; /* room for `capacity` of `width` */
        size_t width, capacity, count, next;
};

struct jk_smartwatts_layer {
        uint64_t mhz;
        struct ring features, powers, errors;
        unsigned id;
        double intercept;
        double weights[]; /* n_features */
};

struct jk_smartwatts_model {
        const struct jk_smartwatts_learning *learning;
        size_t n_features;
        struct jk_smartwatts_layer *layers[JK_SMARTWATTS_LAYERS_MAX];
        double *scratch; /* of a fit: columns, powers, the solver's, weights; or sorted errors */
};

/* ---- rings ---- */

static void
push(struct ring *ring, const double *values)
{
        memcpy(ring->values + ring->next * ring->width, values, ring->width * sizeof *values);
        ring->next = (ring->next + 1) % ring->capacity;
        if (ring->count < ring->capacity)
                ring->count++;
}

/* The i-th, from the oldest. */
static const double *
at(const struct ring *ring, size_t i)
{
        size_t first = ring->count == ring->capacity ? ring->next : 0;

        return ring->values + (first + i) % ring->capacity * ring->width;
}

static void
forget(struct ring *ring)
{
        ring->count = ring->next = 0;
}

/* ---- layers ---- */

static struct jk_smartwatts_layer *
new_layer(const struct jk_smartwatts_model *model, uint64_t mhz)
{
        size_t k = model->n_features, history = model->learning->history_window;
        size_t errors = model->learning->error_window;
        struct jk_smartwatts_layer *layer =
                calloc(1, sizeof *layer + (k + history * (k + 1) + errors) * sizeof(double));
        double *room;

        if (!layer)
                return NULL;
        room = layer->weights + k;
        layer->mhz = mhz;
        layer->features = (struct ring){ room, k, history, 0, 0 };
        layer->powers = (struct ring){ room + history * k, 1, history, 0, 0 };
        layer->errors = (struct ring){ room + history * (k + 1), 1, errors, 0, 0 };
        return layer;
}

int
jk_smartwatts_model_open(const struct jk_smartwatts_learning *learning, size_t n_features,
                         struct jk_smartwatts_model **ret_model)
{
        struct jk_smartwatts_model *model = calloc(1, sizeof *model);
        size_t fit = learning->history_window * (n_features + 2) + 3 * n_features;
        size_t errors = learning->error_window;

        if (!model)
                return -ENOMEM;
        model->learning = learning;
        model->n_features = n_features;
        model->scratch = calloc(fit > errors ? fit : errors, sizeof *model->scratch);
        if (!model->scratch) {
                free(model);
                return -ENOMEM;
        }
        *ret_model = model;
        return 0;
}

void
jk_smartwatts_model_close(struct jk_smartwatts_model *model)
{
        if (!model)
                return;
        for (size_t i = 0; i < JK_SMARTWATTS_LAYERS_MAX; i++)
                free(model->layers[i]);
        free(model->scratch);
        free(model);
}

int
jk_smartwatts_model_layer(struct jk_smartwatts_model *model, double frequency_mhz,
                          struct jk_smartwatts_layer **ret_layer)
{
        uint64_t clock_mhz = model->learning->base_clock_mhz, ratio;
        struct jk_smartwatts_layer **layer;

        if (!(frequency_mhz >= (double)clock_mhz))
                return -ERANGE;
        ratio = frequency_mhz >= (double)(clock_mhz * JK_SMARTWATTS_LAYERS_MAX)
                        ? JK_SMARTWATTS_LAYERS_MAX
                        : (uint64_t)frequency_mhz / clock_mhz;
        layer = &model->layers[ratio - 1];
        if (!*layer)
                *layer = new_layer(model, ratio * clock_mhz);
        if (!*layer)
                return -ENOMEM;
        *ret_layer = *layer;
        return 0;
}

unsigned
jk_smartwatts_layer_id(const struct jk_smartwatts_layer *layer)
{
        return layer->id;
}

uint64_t
jk_smartwatts_layer_mhz(const struct jk_smartwatts_layer *layer)
{
        return layer->mhz;
}

double
jk_smartwatts_layer_intercept_w(const struct jk_smartwatts_layer *layer)
{
        return layer->intercept;
}

const double *
jk_smartwatts_layer_weights(const struct jk_smartwatts_layer *layer)
{
        return layer->weights;
}

double
jk_smartwatts_layer_power_w(const struct jk_smartwatts_layer *layer, const double *features)
{
        double power_w = 0;

        for (size_t j = 0; j < layer->features.width; j++)
                power_w += layer->weights[j] * features[j];
        return power_w + layer->intercept;
}

/* ---- learning ---- */

/* The weights change together or not at all. */
static void
fit(struct jk_smartwatts_model *model, struct jk_smartwatts_layer *layer)
{
        size_t n = layer->powers.count, k = model->n_features;
        double *x = model->scratch, *y = x + n * k, *weights = y + n, *scratch = weights + k;
        struct jk_elastic_net net = jk_elastic_net_defaults;
        double intercept;

        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < k; j++)
                        x[j * n + i] = at(&layer->features, i)[j];
                y[i] = *at(&layer->powers, i);
        }
        net.fit_intercept = n == layer->powers.capacity;
        jk_elastic_net_fit(&net, x, y, n, k, scratch, weights, &intercept);
        if (!(intercept >= 0 && intercept < model->learning->tdp_w))
                return;
        memcpy(layer->weights, weights, k * sizeof *weights);
        layer->intercept = intercept;
        layer->id++;
}

static void
learn(struct jk_smartwatts_model *model, struct jk_smartwatts_layer *layer)
{
        if (layer->powers.count >= model->learning->min_samples)
                fit(model, layer);
        forget(&layer->errors);
}

static int
by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double
typical_error_w(const struct jk_smartwatts_model *model, const struct jk_smartwatts_layer *layer)
{
        size_t n = layer->errors.count;
        double *errors = model->scratch, sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += errors[i] = *at(&layer->errors, i);
        if (model->learning->error_by_mean)
                return sum / (double)n;
        qsort(errors, n, sizeof *errors, by_value);
        return (errors[(n - 1) / 2] + errors[n / 2]) / 2;
}

void
jk_smartwatts_layer_observe(struct jk_smartwatts_model *model, struct jk_smartwatts_layer *layer,
                            const double *features, double power_w)
{
        double error_w;

        push(&layer->features, features);
        push(&layer->powers, &power_w);
        if (layer->id > 0) {
                error_w = fabs(power_w - jk_smartwatts_layer_power_w(layer, features));
                push(&layer->errors, &error_w);
                if (!(typical_error_w(model, layer) > model->learning->error_threshold_w))
                        return;
        }
        learn(model, layer);
}
