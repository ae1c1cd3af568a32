/* The task of classification: what the data say that images weigh counts in training, and in no figure of an evaluation. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/train/task.h"
#include "thaw/ops/loss.h"

static void weights_count_in_training(void **state)
{
    (void)state;
    enum { N = 3, CLASSES = 2 };
    struct experiment experiment;
    struct dataset_item item[] = {{.label = 0, .weight = 3}, {.label = 1, .weight = 0}, {.label = 1, .weight = 1}};
    struct dataset dataset = {.classes = CLASSES, .weighted = true};
    dataset.images[DATASET_TRAIN] = (struct dataset_images){item, N};
    const float logits[N * CLASSES] = {1, -1, 0.5f, 2, 3, -0.25f};
    static const float factors[] = {0.75f, 2.25f, 0}; /* of 1 on the mean, in the batch's order */
    int label[] = {1, 0, 1};
    uint32_t index[] = {2, 0, 1};
    const struct batch batch = {.label = label, .index = index, .n = N};
    float gradient[N * CLASSES], wanted[N * CLASSES];
    experiment_init(&experiment);
    void *task = task_classify.create(&experiment, &dataset);
    const struct loss_options options = {.image_weights = factors}, plain = {0};
    struct loss_result weighted = loss_cross_entropy(logits, label, N, CLASSES, &options, NULL, wanted, NULL);
    struct loss_result unweighted = loss_cross_entropy(logits, label, N, CLASSES, &plain, NULL, NULL, NULL);
    struct task_sums sums = {0};
    assert_true(task_classify.measure(task, logits, &batch, gradient, &sums) == weighted.loss);
    for (int i = 0; i < N * CLASSES; i++)
        assert_true(gradient[i] == wanted[i]);
    assert_true(gradient[4] == 0 && gradient[5] == 0);
    assert_true(weighted.loss != unweighted.loss);
    assert_true(task_classify.measure(task, logits, &batch, NULL, &sums) == unweighted.loss);
    task_classify.destroy(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights_count_in_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
