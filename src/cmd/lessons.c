/* SPDX-License-Identifier: Apache-2.0
 *
 * Lessons that are put off: a few slots, searched by name.
 */
#include "cmd/lessons.h"

#include <string.h>

#include "base/array.h"
#include "base/clock.h"

#define FIRST_DELAY_NS (2 * JK_NS_PER_S)
#define DOUBLED_MAX    13

void
jk_delay_more(struct jk_delay *delay, int64_t now_ns)
{
        delay->until_ns = now_ns + (FIRST_DELAY_NS << delay->failures);
        if (delay->failures < DOUBLED_MAX)
                delay->failures++;
}

static bool
is_put_off(const struct jk_lesson *lesson)
{
        return lesson->name[0] != '\0';
}

static struct jk_lesson *
find(struct jk_lessons *lessons, const char *name, size_t length)
{
        for (size_t i = 0; i < JK_LESSONS_MAX; i++) {
                struct jk_lesson *lesson = &lessons->lessons[i];

                if (strlen(lesson->name) == length && strncmp(lesson->name, name, length) == 0)
                        return lesson;
        }
        return NULL;
}

/* An empty one, else the one that is due first. */
static struct jk_lesson *
take_slot(struct jk_lessons *lessons)
{
        struct jk_lesson *slot = &lessons->lessons[0];

        for (size_t i = 1; i < JK_LESSONS_MAX; i++)
                if (lessons->lessons[i].delay.until_ns < slot->delay.until_ns)
                        slot = &lessons->lessons[i];
        *slot = (struct jk_lesson){ .name = "" };
        return slot;
}

bool
jk_lessons_put_off(struct jk_lessons *lessons, const char *name, size_t length, int64_t now_ns)
{
        struct jk_lesson *lesson;

        if (length == 0 || length >= JK_LESSON_NAME_MAX)
                return false;

        lesson = find(lessons, name, length);
        if (!lesson) {
                lesson = take_slot(lessons);
                memcpy(lesson->name, name, length);
        }
        jk_delay_more(&lesson->delay, now_ns);
        return true;
}

void
jk_lessons_forget(struct jk_lessons *lessons, const char *name, size_t length)
{
        struct jk_lesson *lesson = length > 0 ? find(lessons, name, length) : NULL;

        if (lesson)
                *lesson = (struct jk_lesson){ .name = "" };
}

void
jk_lessons_forget_due(struct jk_lessons *lessons, int64_t then_ns)
{
        for (size_t i = 0; i < JK_LESSONS_MAX; i++)
                if (lessons->lessons[i].delay.until_ns <= then_ns)
                        lessons->lessons[i] = (struct jk_lesson){ .name = "" };
}

int64_t
jk_lessons_next_ns(const struct jk_lessons *lessons)
{
        int64_t next_ns = INT64_MAX;

        for (size_t i = 0; i < JK_LESSONS_MAX; i++) {
                const struct jk_lesson *lesson = &lessons->lessons[i];

                if (is_put_off(lesson) && lesson->delay.until_ns < next_ns)
                        next_ns = lesson->delay.until_ns;
        }
        return next_ns;
}

const char *
jk_lessons_list(const struct jk_lessons *lessons, int64_t now_ns, struct jk_text *text)
{
        for (size_t i = 0; i < JK_LESSONS_MAX; i++) {
                const struct jk_lesson *lesson = &lessons->lessons[i];

                if (is_put_off(lesson) && lesson->delay.until_ns > now_ns)
                        jk_text_printf(text, "%s,", lesson->name);
        }
        return text->data && !text->failed ? text->data : ",";
}
