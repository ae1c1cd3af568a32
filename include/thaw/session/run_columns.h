/* What can be asked of runs in a filter; see session/query.h. A row is a struct rundir_summary. */
#ifndef THAW_SESSION_RUN_COLUMNS_H
#define THAW_SESSION_RUN_COLUMNS_H

#include "thaw/session/query.h"

extern const struct query_column run_columns[];

#endif
