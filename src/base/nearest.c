/* Levenshtein's distance over one row of the table. Called where a name that a user wrote is not known. */
#include "config.h"

#include "thaw/base/nearest.h"

#include <string.h>

enum { LETTERS_MAX = 64 };

int nearest_distance(const char *a, const char *b)
{
    int row[LETTERS_MAX + 1];
    int columns = (int)strnlen(b, LETTERS_MAX), rows = (int)strnlen(a, LETTERS_MAX);
    for (int j = 0; j <= columns; j++)
        row[j] = j;
    for (int i = 1; i <= rows; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= columns; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            int moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < moved ? replaced : moved;
        }
    }
    return row[columns];
}
