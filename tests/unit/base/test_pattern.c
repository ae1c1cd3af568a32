/* Patterns: what they find, as Python's re does (the figures are its), and what is no pattern. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/mem.h"
#include "thaw/base/pattern.h"

static void finds_as_others_do(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        int begin, end; /* -1: no match, or its group is not in it */
    } rows[] = {
        {"(.+?)_\\d+", "great_pyrenees_101.jpg", 0, 14},
        {"(.+)_\\d+", "a_1_22_x", 0, 3},
        {"^(cat|dog)\\.", "dog.12.jpg", 0, 3},
        {"^(cat|dog)\\.", "xdog.12.jpg", -1, -1},
        {"[^/]+$", "a/b/c.png", 4, 9},
        {"(\\w+)-(\\d+)", "x foo-12", 2, 5},
        {"a{2,3}", "aaaa", 0, 3},
        {"a{2,3}?", "aaaa", 0, 2},
        {"(a|ab)(c|bcd)", "abcd", 0, 1},
        {"x*", "aaa", 0, 0},
        {"(?:ab)+", "xababab", 1, 7},
        {"((a)|b)+", "ab", 1, 2},
        {"[]a]+", "x]a]", 1, 4},
        {"[^\\d_]+", "12_ab3", 3, 5},
        {"(\\d{4})-?(\\d{2})", "id-202311", 3, 7},
        {"(.*)-\\d", "k-1-2", 0, 3},
        {"(.*?)-\\d", "k-1-2", 0, 1},
        {"a|b|c", "zc", 1, 2},
        {"(|x)y", "xy", 0, 1},
        {"^$", "", 0, 0},
        {"$", "ab", 2, 2},
        {"\\.", "a.b", 1, 2},
        {"a.c", "abc", 0, 3},
        {"(p\\d+)_", "scan_p12_3.png", 5, 8},
        {"a{0}b", "ab", 1, 2},
        {"[a-c]{2}$", "zabc", 2, 4},
        {"\\D+", "12ab", 2, 4},
        {"(a{1,2}){2}", "aaa", 2, 3},
        {"(^a|b)c", "bc", 0, 1},
        {"[\\w-]+", "--a b", 0, 3},
        {"\303\251+", "caf\303\251\303\251", 3, 5},
        {"(a*?)(b|$)", "aab", 0, 2},
        {"a{3}", "aaaa", 0, 3},
        {"(a|b){2,}?c", "ababc", 3, 4},
        {"x{", "ax{b", 1, 3},
        {"(?:a?){3}b", "aab", 0, 3},
        {"(?:a|b)*?c", "abc", 0, 3},
        {"(\\w+?)\\d*$", "img007", 0, 3},
        {"(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", -1, -1},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        struct pattern *pattern = pattern_create(rows[i].pattern, &error);
        size_t begin, end;
        if (!pattern)
            fail_msg("%s: %s", rows[i].pattern, error.text);
        for (int again = 0; again < 2; again++) {
            bool found = pattern_find(pattern, rows[i].name, &begin, &end);
            if (found != (rows[i].begin >= 0) || (found && ((int)begin != rows[i].begin || (int)end != rows[i].end)))
                fail_msg("%s in %s: %d, %zu to %zu, where %d to %d is right", rows[i].pattern, rows[i].name, found,
                         begin, end, rows[i].begin, rows[i].end);
        }
        pattern_destroy(pattern);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *sentence;
    } rows[] = {
        {"", "character 1: it is empty"},
        {"(a", "character 3: ( has no )"},
        {"a)", "character 2: ) has no ("},
        {"[a", "[ has no ]"},
        {"*a", "character 1: there is nothing to repeat"},
        {"a**", "repeats what is repeated"},
        {"a{2}{3}", "repeats what is repeated"},
        {"a{3,2}", "less often than the least"},
        {"a{256}", "more often than 255 times"},
        {"(?=a)", "only (?: is known"},
        {"(a)\\1", "references back are not known"},
        {"a\\", "nothing stands behind"},
        {"\\q", "no such"},
        {"((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))", "too deep"},
        {"((a{200}){200}){200}", "it is too long"},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        if (pattern_create(rows[i].pattern, &error))
            fail_msg("%s is a pattern", rows[i].pattern);
        if (error.kind != ERROR_USAGE || !strstr(error.text, rows[i].sentence))
            fail_msg("%s: %s", rows[i].pattern, error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_as_others_do), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
