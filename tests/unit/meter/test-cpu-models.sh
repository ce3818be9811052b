#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether data/models is what tools/cpu-models.py makes of the data they were made from.
set -eu

if [ ! -d "$JK_SHARED/data/specpower" ]; then
        echo "skipped: no data of SPECpower results in JK_SHARED ($JK_SHARED)"
        exit 77
fi

"$JK_SOURCE_ROOT/tools/cpu-models.py" check "$JK_SHARED/data" "$JK_SOURCE_ROOT/data/models"
