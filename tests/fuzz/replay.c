/* The main of a fuzz target where no fuzzing engine drives it: every file of the corpus, and nothing at
 * all, once. A crash found by fuzzing becomes a test by adding its input to the corpus. */
#include "fuzz.h"

#include <dirent.h>

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* false where the file cannot be read */
static int replay(const char *path)
{
    uint8_t *data = NULL;
    FILE *f = fopen(path, "rb");
    long size = -1;
    int ok = f && !fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET) &&
             (data = malloc((size_t)size + 1)) && fread(data, 1, (size_t)size, f) == (size_t)size;
    if (ok) {
        fprintf(stderr, "%s\n", path);
        LLVMFuzzerTestOneInput(data, (size_t)size);
    } else {
        perror(path);
    }
    free(data);
    if (f)
        fclose(f);
    return ok;
}

int main(int argc, char **argv)
{
    struct dirent **entry = NULL;
    int n = argc == 2 ? scandir(argv[1], &entry, not_hidden, by_name) : -1;
    if (n < 1) {
        fprintf(stderr, "usage: %s CORPUS, a folder with at least one input\n", argv[0]);
        return 2;
    }
    int failed = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry[i]->d_name);
        failed += !replay(path);
        free(entry[i]);
    }
    free(entry);
    fprintf(stderr, "%d inputs\n", n + 1);
    return failed > 0;
}
