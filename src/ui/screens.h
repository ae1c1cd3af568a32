/* The list of screens, in the order of their tabs. A new screen is a line here and its file screen_<name>.c, which defines
 * `const struct screen screen_<name>`. */
#ifndef THAW_UI_SCREENS_H
#define THAW_UI_SCREENS_H

#define SCREEN_LIST(X)                                                                                                 \
    X(MODELS, models)                                                                                                  \
    X(LAYERS, layers)                                                                                                  \
    X(DATA, data)                                                                                                      \
    X(TRAIN, train)                                                                                                    \
    X(RESULTS, results)                                                                                                \
    X(RUNS, runs)

#define SCREEN_ID(id, name) SCREEN_##id,
enum screen_id { SCREEN_LIST(SCREEN_ID) SCREENS };
#undef SCREEN_ID

#endif
