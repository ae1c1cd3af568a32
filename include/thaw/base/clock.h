/* Time: monotonic seconds for durations, processor seconds for work, wall seconds for records. */
#ifndef THAW_BASE_CLOCK_H
#define THAW_BASE_CLOCK_H

double clock_monotonic(void); /* seconds, only differences mean anything */
double clock_processor(void); /* seconds that this process has had of processors, all its threads together */
double clock_wall(void);      /* seconds since 1970, UTC */

#endif
