/* embed OUT FILE...: writes files as one C table, for the build. */
#include <stdio.h>
#include <string.h>

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !dot                   ? "application/octet-stream"
           : !strcmp(dot, ".html") ? "text/html; charset=utf-8"
           : !strcmp(dot, ".css")  ? "text/css; charset=utf-8"
           : !strcmp(dot, ".js")   ? "text/javascript; charset=utf-8"
           : !strcmp(dot, ".svg")  ? "image/svg+xml"
                                   : "application/octet-stream";
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int put_bytes(FILE *out, int i, const char *path)
{
    FILE *in = fopen(path, "rb");
    int c, column = 0;
    if (!in)
        return 0;
    fprintf(out, "static const unsigned char file%d[] = {", i);
    while ((c = getc(in)) != EOF)
        fprintf(out, "%s%d,", column++ % 24 ? "" : "\n", c);
    fprintf(out, "0};\n");
    int fine = !ferror(in);
    fclose(in);
    return fine;
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;
    if (!out) {
        fprintf(stderr, "embed: OUT FILE...\n");
        return 1;
    }
    fprintf(out, "#include \"asset.h\"\n");
    for (int i = 2; i < argc; i++)
        if (!put_bytes(out, i, argv[i])) {
            fprintf(stderr, "embed: cannot read %s\n", argv[i]);
            return 1;
        }
    fprintf(out, "const struct sq_asset sq_assets[] = {\n");
    for (int i = 2; i < argc; i++)
        fprintf(out, "{\"%s\", \"%s\", file%d, sizeof file%d - 1},\n", base_of(argv[i]), type_of(argv[i]), i, i);
    fprintf(out, "{0}};\n");
    return fclose(out) ? 1 : 0;
}
