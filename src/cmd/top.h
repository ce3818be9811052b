/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper top, inside: the state that keys change and the screen shows.
 */
#pragma once

#include "cmd/format.h"
#include "cmd/history.h"
#include "cmd/source.h"
#include "cmd/view.h"

#define JK_TOP_FILTER_SIZE 64

/* The last minutes of a zone; kept by name, as an agent started anew may have other zones. */
struct jk_top_zone {
        char name[JK_ZONE_NAME_SIZE];
        struct jk_history *history;
};

struct jk_top {
        struct jk_source *source;
        struct jk_source_report report;
        struct jk_snapshot *snapshot; /* shown now; NULL before the first */
        struct jk_view view;
        const struct jk_glyphs *glyphs;

        /* what keys change */
        struct jk_view_options options;
        char filter[JK_TOP_FILTER_SIZE];
        bool editing; /* the filter */
        bool paused, help, zones, quit;
        int64_t interval_ns;
        struct jk_map collapsed;
        uint64_t selected;  /* key of the row; 0: the first, whichever it is */
        size_t cursor;      /* its index in the view */
        size_t scroll;      /* first row shown */
        size_t page;        /* rows that fit */
        size_t help_scroll; /* first line of the help shown */

        struct jk_history machine;
        struct jk_top_zone history[JK_ZONES_MAX];
};

/* ---- top.c ---- */

/* Arrange the view anew after its options changed, and find the selected row again. */
void jk_top_arrange(struct jk_top *top);

/* ---- top-keys.c ---- */

/* A key from curses: a KEY_ constant if `special`, else a character. */
void jk_top_key(struct jk_top *top, unsigned int key, bool special);

/* Line i of the help about keys: the keys and what they do; false after the last. */
bool jk_top_key_help(size_t i, const char **ret_keys, const char **ret_help);

/* ---- top-screen.c ---- */

void jk_top_draw(struct jk_top *top);

/* ---- top-power.c ---- */

void jk_top_draw_machine(const struct jk_top *top, int y);
void jk_top_draw_zone(const struct jk_top *top, int y, const struct jk_zone_view *zone);
