/* SPDX-License-Identifier: Apache-2.0
 *
 * The power model of SmartWatts 2.4.1, for one meter of one socket: a linear model per layer of
 * 100 MHz (or whatever the base clock is), each with the latest samples and errors of its own.
 * Numbers in, numbers out; docs/smartwatts.md tells it as text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        JK_SMARTWATTS_LAYERS_MAX = 100,   /* the program's greatest ratio */
        JK_SMARTWATTS_FEATURES_MAX = 64,  /* more events than any PMU counts at once */
        JK_SMARTWATTS_WINDOW_MAX = 10000, /* samples of a layer */
};

struct jk_smartwatts_learning {
        uint64_t base_clock_mhz;  /* the width of a layer */
        uint64_t min_samples;     /* before the first fit */
        uint64_t history_window;  /* samples kept */
        uint64_t error_window;    /* errors kept */
        bool error_by_mean;       /* or median */
        double error_threshold_w; /* learn again above it */
        double tdp_w;             /* an intercept has to be below it */
};

struct jk_smartwatts_layer;
struct jk_smartwatts_model;

/* 0 or -ENOMEM. The learning must outlive the model. */
int jk_smartwatts_model_open(const struct jk_smartwatts_learning *learning, size_t n_features,
                             struct jk_smartwatts_model **ret_model);
void jk_smartwatts_model_close(struct jk_smartwatts_model *model);

/* The layer of a frequency, the greatest that is not above it: 0; -ERANGE if the frequency is below
 * the first; -ENOMEM. */
int jk_smartwatts_model_layer(struct jk_smartwatts_model *model, double frequency_mhz,
                              struct jk_smartwatts_layer **ret_layer);

/* How often the layer learned; 0: it cannot estimate yet. */
unsigned jk_smartwatts_layer_id(const struct jk_smartwatts_layer *layer);
uint64_t jk_smartwatts_layer_mhz(const struct jk_smartwatts_layer *layer);
double jk_smartwatts_layer_intercept_w(const struct jk_smartwatts_layer *layer);

/* Watts per feature: n_features of them, until the layer observes. */
const double *jk_smartwatts_layer_weights(const struct jk_smartwatts_layer *layer);

/* Power by these features, intercept included. */
double jk_smartwatts_layer_power_w(const struct jk_smartwatts_layer *layer, const double *features);

/* Keep what was measured, and learn from it: at once while there is no model, else when the errors
 * in the window are above the threshold. */
void jk_smartwatts_layer_observe(struct jk_smartwatts_model *model,
                                 struct jk_smartwatts_layer *layer, const double *features,
                                 double power_w);
