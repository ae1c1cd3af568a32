/* Reading Darknet's .cfg text. Private to src/weights. */
#ifndef THAW_SRC_WEIGHTS_DARKNET_CFG_H
#define THAW_SRC_WEIGHTS_DARKNET_CFG_H

#include "thaw/weights/darknet.h"

/* Whether a text begins with the section [net] or [network]. */
bool darknet_cfg_probe(const uint8_t *text, size_t size);

/* Fills *net, whose layers the caller frees with mem_free, also after a failure. Refused, with the line: what is not
 * section or key=value, sections and activations that are not in thaw/weights/darknet.h (detection networks have some),
 * numbers out of range, maps that shrink to nothing, layers that name none before them. */
bool darknet_cfg_read(struct darknet_net *net, const uint8_t *text, size_t size,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
