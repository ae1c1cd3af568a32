/* A bound on what decoders that run at once hold together. Private to src/data and its tests. */
#ifndef THAW_DATA_GATE_H
#define THAW_DATA_GATE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that are held for decoding at once: a file of kilobytes may take gigabytes. */
#define GATE_DECODING_MOST ((size_t)1 << 30)

struct gate;
struct gate *gate_create(size_t most); /* bytes */
void gate_destroy(struct gate *gate);
/* Waits until so many bytes may be taken. One that is larger than all is let in where nobody else is. Who is in does not
 * enter again, so that everybody who waits comes in. */
void gate_enter(struct gate *gate, size_t bytes);
void gate_leave(struct gate *gate, size_t bytes);

#endif
