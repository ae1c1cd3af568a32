/* peer_darknet forward|full BATCH: images a second of darknet's own resnet18.cfg at 224x224 on noise, through libdarknet;
 * one JSON line. By name only, where Debian's darknet is: make tests/bench/peer_darknet. */
#include <darknet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const cfg = "/usr/share/darknet/cfg/resnet18.cfg";
enum { REPEATS = 2 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The cfg with another batch and size in its [net] section, in a temporary file. */
static void write_cfg(const char *path, int batch)
{
    FILE *in = fopen(cfg, "r"), *out = fopen(path, "w");
    char line[256], key[32];
    if (!in || !out)
        exit(1);
    while (fgets(line, sizeof line, in)) {
        if (sscanf(line, "%31[a-z]", key) == 1 && !strcmp(key, "batch") && strchr(line, '=') && !strstr(line, "_"))
            fprintf(out, "batch=%d\n", batch);
        else if (!strncmp(line, "subdivisions", 12))
            fputs("subdivisions=1\n", out);
        else if (!strncmp(line, "height", 6) || !strncmp(line, "width", 5))
            fprintf(out, "%.*s=224\n", line[0] == 'h' ? 6 : 5, line);
        else
            fputs(line, out);
    }
    fclose(in);
    fclose(out);
}

static double step(network *net, int learn)
{
    double began = now();
    net->train = learn;
    if (learn) {
        *net->seen += (size_t)net->batch;
        train_network_datum(net);
    } else {
        forward_network(net);
    }
    return now() - began;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int learn = !strcmp(argv[1], "full"), batch = atoi(argv[2]);
    char path[] = "/tmp/darknet-XXXXXX";
    int file = mkstemp(path);
    if (file < 0)
        return 1;
    close(file);
    write_cfg(path, batch);
    if (!freopen("/dev/null", "w", stderr))
        return 1;
    network *net = parse_network_cfg(path);
    unlink(path);
    for (long i = 0; i < (long)net->inputs * batch; i++)
        net->input[i] = (float)(i % 255) / 255;
    for (long i = 0; net->truth && i < (long)net->truths * batch; i++)
        net->truth[i] = i % net->truths == 0;
    double least = 1e9;
    for (int i = 0; i < REPEATS; i++) {
        double took = step(net, learn);
        least = took < least ? took : least;
    }
    printf("{\"batch\": %d, \"width\": %d, \"images_per_second\": %.4f}\n", net->batch, net->w, batch / least);
    return 0;
}
