/* The built program, $THAW_BUILDDIR/thaw, started without a shell over a folder of good and hostile files. */
#ifndef THAW_TESTS_REFUSE_CLI_H
#define THAW_TESTS_REFUSE_CLI_H

#include <stddef.h>

enum { WORDS_MAX = 14 };

extern char cli_directory[]; /* where those files are */
int cli_make_files(void **state);
int cli_remove_files(void **state);
char *cli_path(const char *name); /* of one of them; caller frees */

void cli_make_folder(const char *name);
void cli_write(const char *name, const void *bytes, size_t size);
void cli_write_image(const char *name, int side); /* grey PNG whose shade is its side */

/* One run of the program: what it wrote, NUL behind it, and how it ended. */
struct outcome {
    char *out, *err;
    int code; /* -1: ended by a signal */
};
struct outcome cli_run(const char *const *words); /* the last is NULL; those with '@' stand in the test's folder */
struct outcome cli_run_into(const char *const *words, int out); /* out: standard output, closed here */
void cli_finish(struct outcome *outcome);

/* Fail the test where it ends in another way, or has written an escape byte. */
void cli_expect_plain(const struct outcome *outcome, int code, const char *what);
struct outcome cli_expect(int code, const char *const *words);
#define EXPECT(code, ...) cli_expect(code, (const char *const[]){__VA_ARGS__, NULL})
/* Parts of what was said, each NULL: not looked at. Finishes the outcome. */
void cli_expect_text(struct outcome outcome, const char *out, const char *err);

#endif
