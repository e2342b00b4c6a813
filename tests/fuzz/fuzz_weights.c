/* Weights files. */
#include "fuzz.h"

#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sq_weights *w = NULL;
    char path[32];
    int fd = fuzz_file(data, size, path);
    if (sq_weights_read(path, &w, NULL) == SQ_OK)
        sq_weights_destroy(&w);
    fuzz_file_end(fd, path);
    return 0;
}
