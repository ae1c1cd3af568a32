/* Tables in text: CSV, TSV and lists. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/data/table.h"

const char fuzz_target[] = "table";

/* Two copies of the text, and a place of four bytes for each of its cells, which may be empty, as it grows. */
size_t fuzz_budget(size_t size)
{
    return 40 * size + (1 << 20);
}

int fuzz_mutations(void)
{
    return 3000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct table table;
    if (table_read(&table, data, size, &error)) {
        size_t length = 0;
        if (table.rows == 0 || table.columns == 0 || table.columns > TABLE_COLUMNS_MAX)
            abort();
        for (size_t row = 0; row < table.rows; row++)
            for (size_t column = 0; column < table.columns; column++)
                length += strlen(table_cell(&table, row, column)) + 1;
        if (length > 2 * size + 2) /* no cell shares its bytes with another */
            abort();
    } else if (error.kind != ERROR_DATA || !error.text[0]) {
        abort();
    }
    table_finish(&table);
    return 0;
}
