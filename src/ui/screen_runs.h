/* What the files of the Runs screen share. */
#ifndef THAW_UI_SCREEN_RUNS_H
#define THAW_UI_SCREEN_RUNS_H

#include "component_table.h"

/* Settings and curves of a run of the list; marked: the run that it is compared with, or NULL. Its events are read behind the
 * user's back. */
void runs_draw_look(struct ui *ui, struct canvas *canvas, struct rect area, const char *path, const char *marked);

#endif
