/* Proof of freeze: a digest of every tensor that must not move, taken at the start and compared each epoch. It reads
 * values only, so it also catches what went past the freeze plan: a wild write, an optimiser that steps too far, a
 * batch norm that moves its statistics. Called by the trainer.
 */
#include "config.h"

#include "thaw/network/freeze.h"

#include "thaw/base/mem.h"

struct digest {
    int param;
    struct hash hash;
};

struct freeze_proof {
    int count;
    struct digest *digest; /* in parameter order */
};

static struct hash digest_param(const struct graph *graph, int param)
{
    size_t size = graph->param[param].count * sizeof(float);
    return hash_bytes(graph_param_values(graph, param), size, (struct hash){0, 0});
}

static const struct digest *find(const struct freeze_proof *proof, int param)
{
    for (int i = 0; i < proof->count; i++)
        if (proof->digest[i].param == param)
            return &proof->digest[i];
    return NULL;
}

struct freeze_proof *freeze_proof_take(const struct freeze *freeze, const struct graph *graph)
{
    struct freeze_proof *proof = mem_alloc(sizeof *proof);
    freeze_proof_update(proof, freeze, graph);
    return proof;
}

void freeze_proof_destroy(struct freeze_proof *proof)
{
    if (proof == NULL)
        return;
    mem_free(proof->digest);
    mem_free(proof);
}

int freeze_proof_check(const struct freeze_proof *proof, const struct graph *graph, int *checked)
{
    *checked = proof->count;
    for (int i = 0; i < proof->count; i++)
        if (!hash_equal(proof->digest[i].hash, digest_param(graph, proof->digest[i].param)))
            return proof->digest[i].param;
    return -1;
}

/* A tensor that stays frozen keeps its first digest: taking a new one would forgive a move not yet noticed. */
void freeze_proof_update(struct freeze_proof *proof, const struct freeze *freeze, const struct graph *graph)
{
    struct digest *digest = mem_array((size_t)graph->params, sizeof *digest);
    int count = 0;
    for (int p = 0; p < graph->params; p++) {
        if (freeze_param_moves(freeze, graph, p))
            continue;
        const struct digest *before = find(proof, p);
        digest[count].param = p;
        digest[count].hash = before != NULL ? before->hash : digest_param(graph, p);
        count++;
    }
    mem_free(proof->digest);
    proof->digest = digest;
    proof->count = count;
}

struct hash freeze_proof_hash(const struct freeze_proof *proof)
{
    struct hash hash = {0, 0};
    for (int i = 0; i < proof->count; i++) {
        uint64_t row[3] = {(uint64_t)proof->digest[i].param, proof->digest[i].hash.high, proof->digest[i].hash.low};
        hash = hash_bytes(row, sizeof row, hash);
    }
    return hash;
}
