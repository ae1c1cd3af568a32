/* Taking back changes of the next run: of its model, of settings and of what is frozen, the last first. Used through the
 * frame. */
#ifndef THAW_UI_UNDO_H
#define THAW_UI_UNDO_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/session/session.h"

struct undo;
struct undo *undo_create(void);
void undo_destroy(struct undo *undo); /* takes NULL */
/* session_set that can be taken back. */
bool undo_set(struct undo *undo, struct session *session, const char *assignment, struct error *error);
/* Choosing a model: before it, what is chosen now; behind it, whether another one was. */
struct session_kept_model *undo_before_model(struct session *session);
void undo_chose(struct undo *undo, struct session_kept_model *before, bool chosen);
void undo_froze(struct undo *undo);  /* the session has made a change of what is frozen */
void undo_forget(struct undo *undo); /* the settings became others as a whole */

enum undone { UNDO_NOTHING, UNDO_FAILED, UNDO_FROZE, UNDO_SET, UNDO_MODEL };
/* Takes the last step back; `what` says which that was. UNDO_FAILED: error says why, and the step is gone. */
enum undone undo_last(struct undo *undo, struct session *session, char *what, size_t room, struct error *error);

#endif
