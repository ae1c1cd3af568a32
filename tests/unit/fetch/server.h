/* A small HTTP/1.1 server on the loopback for the tests of downloads. Every way of misbehaving is a path. */
#ifndef THAW_TESTS_FETCH_SERVER_H
#define THAW_TESTS_FETCH_SERVER_H

#include <stddef.h>

/* The file that all paths serve, and another of the same length. */
enum { SERVER_BYTES = 300000 };
extern unsigned char server_file[SERVER_BYTES], server_other[SERVER_BYTES];

/* Starts it; the port. Paths (each keeps a count of its requests, taken modulo nothing):
 *   /whole      the file, with ETag and ranges            /plain      the same without ETag or date
 *   /drop       closes after half of what it announced, the first two times
 *   /deaf       as /drop, and knows no ranges             /short      always closes after half, knows no ranges
 *   /stall      falls silent after half, the first time   /silent     never answers
 *   /slow       the file in small pieces, about a second  /endless    no length, and no end
 *   /wrong      the other file                            /empty      nothing
 *   /huge       announces a petabyte                      /twisted    answers ranges from byte 7
 *   /changes    half of the other file under another ETag, then the file
 *   /sly        as /changes without ETags                 /nolength   the file without announcing its length
 *   /busy       503 twice, then the file                  /always503  503
 *   /404, /403  that                                      /moved      redirected to /whole
 *   /loop       redirected to itself                      /to-ftp     redirected to ftp:
 *   /to-file    redirected to file:                       /html       200 and a short page
 */
int server_start(void);
void server_stop(void);
int server_requests(const char *path); /* since the start */
/* The Range and If-Range header of the last request that had one; "" none. */
const char *server_last_range(void);
const char *server_last_if_range(void);

#endif
