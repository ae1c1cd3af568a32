/* Called where settings are written down and where results are printed for programs. */
#include "config.h"

#include "thaw/base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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
