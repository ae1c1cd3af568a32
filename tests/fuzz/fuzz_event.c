/* A line of events.jsonl. What is taken is written again, and what was written comes back as the same; a copy of it says
 * the same, too. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/run/event_sum.h"
#include "thaw/base/mem.h"
#include "thaw/run/event.h"

const char fuzz_target[] = "event";

int fuzz_mutations(void)
{
    return 20000;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static char *written(const struct event *event)
{
    char *line = event_to_json(event);
    require(line[0] == '{' && !strchr(line, '\n'));
    return line;
}

static char *written_copy(const struct event *event)
{
    struct event copy = event_copy(event);
    char *line = written(&copy);
    event_finish(&copy);
    return line;
}

/* Behind any other line; and one whose text is not that of its sum is noticed. */
static void has_its_sum(const char *json, uint32_t before)
{
    char *line = event_sum_line(json, before);
    size_t length = strlen(line) - 1;
    struct event_sum sum = {.told = before};
    require(line[length] == '\n' && event_sum_next(&sum, line, length) && sum.has && sum.told == sum.found);
    line[before % (length - EVENT_SUM_TAIL)] ^= 1;
    sum = (struct event_sum){.told = before};
    require(!event_sum_next(&sum, line, length) && sum.has && sum.told != sum.found);
    mem_free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct event event, back;
    bool known, known_back;
    if (!event_from_json(&event, &known, (const char *)data, size, &error)) {
        require(error.kind == ERROR_FAILED && error.text[0]);
        return 0;
    }
    require(known == (event.kind < EVENT_KINDS));
    if (known) {
        char *first = written(&event), *copied = written_copy(&event);
        require(event_from_json(&back, &known_back, first, strlen(first), &error) && known_back);
        char *second = written(&back);
        require(back.kind == event.kind && strcmp(first, second) == 0 && strcmp(first, copied) == 0);
        has_its_sum(first, (uint32_t)(size * 0x9E3779B9u));
        event_finish(&back);
        mem_free(first);
        mem_free(copied);
        mem_free(second);
    }
    event_finish(&event);
    return 0;
}
