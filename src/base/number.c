/* Called where settings are written down and where results are printed for programs. */
#include "config.h"

#include "thaw/base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool number_whole(const char *text, long least, long most, long *value, const char **end)
{
    char *stop;
    errno = 0;
    long number = strtol(text, &stop, 10);
    if (text[0] < '0' || text[0] > '9' || errno || (!end && *stop) || number < least || number > most)
        return false;
    *value = number;
    if (end)
        *end = stop;
    return true;
}

const char *number_text(char text[NUMBER_TEXT], double value)
{
    if (value == floor(value) && fabs(value) < 1e15) { /* "100", not "1e+02" */
        snprintf(text, NUMBER_TEXT, "%.0f", value);
        return text;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}
