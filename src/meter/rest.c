/* SPDX-License-Identifier: Apache-2.0
 *
 * The fit of the rest: see rest.h. Where inside power hardly changes, its slope cannot be seen, and
 * k stays near what is usual.
 */
#include "meter/rest.h"

#include <math.h>

#define HALF_LIFE_S 600.0
#define LEAST_S     5.0 /* of values, before anything is said */

#define K_MIN   1.0
#define K_MAX   1.6
#define K_USUAL 1.14 /* median of servers: power supply, voltage regulators, fans */

/* How much the usual k counts: as if inside power were seen to spread by so much, for so long. */
#define USUAL_SPREAD_W 1.0
#define USUAL_S        60.0

void
jk_rest_add(struct jk_rest *rest, double inside_w, double wall_w, double seconds)
{
        double fade = exp2(-seconds / HALF_LIFE_S);

        rest->s = rest->s * fade + seconds;
        rest->x = rest->x * fade + seconds * inside_w;
        rest->y = rest->y * fade + seconds * wall_w;
        rest->xx = rest->xx * fade + seconds * inside_w * inside_w;
        rest->xy = rest->xy * fade + seconds * inside_w * wall_w;
        rest->yy = rest->yy * fade + seconds * wall_w * wall_w;
}

bool
jk_rest_fit(const struct jk_rest *rest, struct jk_rest_fit *ret_fit)
{
        double x = rest->x / rest->s, y = rest->y / rest->s;
        double xx = rest->xx / rest->s - x * x, xy = rest->xy / rest->s - x * y;
        double yy = rest->yy / rest->s - y * y;
        double usual = USUAL_SPREAD_W * USUAL_SPREAD_W * USUAL_S / rest->s;
        double k, base_w, left;

        if (!(rest->s >= LEAST_S))
                return false;

        k = (fmax(xx, 0) * (xx > 0 ? xy / xx : 0) + usual * K_USUAL) / (fmax(xx, 0) + usual);
        k = fmin(fmax(k, K_MIN), K_MAX);
        if (y - k * x < 0) /* no base at all: what is above inside is loss alone */
                k = fmax(y / x, K_MIN);
        base_w = k > K_MIN ? fmax(y - k * x, 0) : y - k * x;
        left = yy - 2 * k * xy + k * k * xx;

        *ret_fit = (struct jk_rest_fit){
                .base_w = base_w,
                .k = k,
                .error_w = sqrt(fmax(left, 0)),
                .inside_w = x,
                .wall_w = y,
        };
        return true;
}
