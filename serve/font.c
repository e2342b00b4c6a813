#include "font.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- the letters ------------------------------------------------------------------------------------- */

/* Units: baseline 0, small letters to 15, capitals to 21, descenders to -6; x from 0 to `width`.
 * `left` and `right` are the room beside the letter: 4 at stems, 3 at rounds, 1 or 2 at slopes.
 * A path is M x y (move), L x y (line), H x y and V x y: a quarter ellipse that sets out horizontally, or
 * vertically, and arrives the other way. */
struct glyph {
    uint32_t code;
    signed char left, width, right;
    const char *path;
};

/* clang-format off */
static const struct glyph glyphs[] = {
    {' ', 1, 8, 1, ""},
    {'!', 4, 0, 4, "M0 21L0 7M0 0L0 1"},
    {'"', 4, 5, 4, "M0 21L0 16M5 21L5 16"},
    {'#', 2, 14, 2, "M4 0L7 21M9 0L12 21M1 7L13 7M2 14L14 14"},
    {'$', 3, 14, 3, "M13 17V7 20H1 15V7 11H14 6V7 1H0 4M7 24L7 -3"},
    {'%', 3, 20, 3, "M0 16V4 21H8 16V4 11H0 16M17 21L3 0M12 5V16 10H20 5V16 0H12 5"},
    {'&', 3, 16, 2, "M16 0L3 15V7 21H11 17L11 16V0 6L0 5V6 0H15 9"},
    {'\'', 4, 0, 4, "M0 21L0 16"},
    {'(', 3, 5, 2, "M5 24L2 19L0 13L0 6L2 0L5 -5"},
    {')', 2, 5, 3, "M0 24L3 19L5 13L5 6L3 0L0 -5"},
    {'*', 2, 10, 2, "M5 21L5 11M0 18L10 14M10 18L0 14"},
    {'+', 3, 12, 3, "M0 8L12 8M6 14L6 2"},
    {',', 3, 1, 3, "M1 1L1 0L0 -4"},
    {'-', 2, 7, 2, "M0 8L7 8"},
    {'.', 3, 0, 3, "M0 0L0 1"},
    {'/', 1, 9, 1, "M0 -3L9 24"},
    {'0', 3, 12, 3, "M0 14V6 21H12 14L12 7V6 0H0 7L0 14"},
    {'1', 3, 12, 3, "M2 17L7 21L7 0"},
    {'2', 3, 12, 3, "M0 16V6 21H12 16L12 14L10 10L0 0L12 0"},
    {'3', 3, 12, 3, "M0 17V6 21H11 16V6 11L4 11M6 11H12 6V6 0H0 4"},
    {'4', 3, 12, 3, "M9 0L9 21L0 6L12 6"},
    {'5', 3, 12, 3, "M11 21L1 21L1 12L6 12H12 7L12 6V6 0H0 4"},
    {'6', 3, 12, 3, "M11 18V6 21H0 14L0 6V6 0H12 6L12 7V6 12H0 7"},
    {'7', 3, 12, 3, "M0 21L12 21L4 0"},
    {'8', 3, 12, 3, "M6 11H1 16V6 21H11 16V6 11H0 6V6 0H12 6V6 11"},
    {'9', 3, 12, 3, "M1 3V6 0H12 7L12 15V6 21H0 15L0 14V6 9H12 14"},
    {':', 3, 0, 3, "M0 0L0 1M0 10L0 11"},
    {';', 3, 1, 3, "M1 1L1 0L0 -4M1 10L1 11"},
    {'<', 3, 12, 3, "M12 14L0 8L12 2"},
    {'=', 3, 12, 3, "M0 11L12 11M0 5L12 5"},
    {'>', 3, 12, 3, "M0 14L12 8L0 2"},
    {'?', 2, 11, 2, "M0 17V6 21H11 16L11 14L6 9L6 6M6 0L6 1"},
    {'@', 3, 20, 3, "M14 13V10 15H6 11L6 8V9 5H14 9M14 14L14 8V17 5H20 10V10 20H0 9V10 -3L15 -2"},
    {'A', 1, 16, 1, "M0 0L8 21L16 0M3 7L13 7"},
    {'B', 4, 14, 3, "M0 0L0 21L8 21H13 16V8 11L0 11M8 11H14 6L14 5V8 0L0 0"},
    {'C', 3, 15, 2, "M15 16V8 21H0 13L0 8V8 0H15 5"},
    {'D', 4, 15, 3, "M0 0L0 21L7 21H15 13L15 8V7 0L0 0"},
    {'E', 4, 12, 2, "M12 21L0 21L0 0L12 0M0 11L11 11"},
    {'F', 4, 12, 1, "M12 21L0 21L0 0M0 11L10 11"},
    {'G', 3, 15, 3, "M15 17V8 21H0 13L0 8V8 0H15 7L15 10L9 10"},
    {'H', 4, 14, 4, "M0 0L0 21M14 0L14 21M0 11L14 11"},
    {'I', 4, 0, 4, "M0 0L0 21"},
    {'J', 2, 9, 4, "M9 21L9 6V4 0L3 0H0 3"},
    {'K', 4, 14, 1, "M0 0L0 21M13 21L0 8M5 13L14 0"},
    {'L', 4, 11, 1, "M0 21L0 0L11 0"},
    {'M', 4, 16, 4, "M0 0L0 21L8 7L16 21L16 0"},
    {'N', 4, 14, 4, "M0 0L0 21L14 0L14 21"},
    {'O', 3, 16, 3, "M0 13V8 21H16 13L16 8V8 0H0 8L0 13"},
    {'P', 4, 13, 2, "M0 0L0 21L8 21H13 16L13 15V8 10L0 10"},
    {'Q', 3, 16, 3, "M0 13V8 21H16 13L16 8V8 0H0 8L0 13M10 5L16 -1"},
    {'R', 4, 14, 2, "M0 0L0 21L8 21H13 16L13 15V8 10L0 10M7 10L14 0"},
    {'S', 3, 14, 3, "M13 17V7 21H1 16V7 11H14 6V7 0H0 4"},
    {'T', 1, 14, 1, "M0 21L14 21M7 21L7 0"},
    {'U', 4, 14, 4, "M0 21L0 7V7 0H14 7L14 21"},
    {'V', 1, 16, 1, "M0 21L8 0L16 21"},
    {'W', 1, 22, 1, "M0 21L6 0L11 19L16 0L22 21"},
    {'X', 1, 14, 1, "M0 21L14 0M14 21L0 0"},
    {'Y', 1, 14, 1, "M0 21L7 10L14 21M7 10L7 0"},
    {'Z', 2, 13, 2, "M0 21L13 21L0 0L13 0"},
    {'[', 4, 5, 2, "M5 24L0 24L0 -5L5 -5"},
    {'\\', 1, 9, 1, "M9 -3L0 24"},
    {']', 2, 5, 4, "M0 24L5 24L5 -5L0 -5"},
    {'^', 2, 10, 2, "M0 14L5 21L10 14"},
    {'_', 0, 14, 0, "M0 -4L14 -4"},
    {'`', 3, 4, 3, "M0 21L4 18"},
    {'a', 3, 11, 4, "M1 13V5 15L6 15H11 10L11 0M11 9L5 9H0 4V5 0H11 5"},
    {'b', 4, 12, 3, "M0 21L0 0M0 9V6 15H12 9L12 6V6 0H0 6"},
    {'c', 3, 11, 2, "M11 12V6 15H0 9L0 6V6 0H11 3"},
    {'d', 3, 12, 4, "M12 21L12 0M12 9V6 15H0 9L0 6V6 0H12 6"},
    {'e', 3, 12, 3, "M0 8L12 8L12 9V6 15H0 9L0 6V6 0H11 3"},
    {'f', 2, 8, 1, "M8 21L7 21H3 17L3 0M0 15L8 15"},
    {'g', 3, 12, 4, "M12 15L12 -1V6 -6H1 -4M12 9V6 15H0 9L0 6V6 0H12 6"},
    {'h', 4, 11, 4, "M0 21L0 0M0 10V6 15H11 10L11 0"},
    {'i', 4, 0, 4, "M0 15L0 0M0 20L0 21"},
    {'j', 1, 4, 4, "M4 15L4 -2V1 -6L0 -6M4 20L4 21"},
    {'k', 4, 11, 1, "M0 21L0 0M10 15L0 5M4 9L11 0"},
    {'l', 4, 3, 2, "M0 21L0 4V3 0"},
    {'m', 4, 18, 4, "M0 15L0 0M0 10V5 15H9 11L9 0M9 10V14 15H18 11L18 0"},
    {'n', 4, 11, 4, "M0 15L0 0M0 10V6 15H11 10L11 0"},
    {'o', 3, 12, 3, "M0 9V6 15H12 9L12 6V6 0H0 6L0 9"},
    {'p', 4, 12, 3, "M0 15L0 -6M0 9V6 15H12 9L12 6V6 0H0 6"},
    {'q', 3, 12, 4, "M12 15L12 -6M12 9V6 15H0 9L0 6V6 0H12 6"},
    {'r', 4, 7, 1, "M0 15L0 0M0 9V6 15L7 15"},
    {'s', 2, 10, 3, "M9 13V5 15L4 15H0 12V5 8H10 4V5 0H0 2"},
    {'t', 2, 8, 1, "M3 20L3 4V7 0L8 0M0 15L8 15"},
    {'u', 4, 11, 4, "M0 15L0 5V5 0H11 5M11 15L11 0"},
    {'v', 1, 12, 1, "M0 15L6 0L12 15"},
    {'w', 1, 18, 1, "M0 15L5 0L9 13L13 0L18 15"},
    {'x', 1, 11, 1, "M0 15L11 0M11 15L0 0"},
    {'y', 1, 12, 1, "M0 15L6 0M12 15L5 -3V2 -6L0 -6"},
    {'z', 2, 10, 2, "M0 15L10 15L0 0L10 0"},
    {'{', 2, 6, 2, "M6 24H3 20L3 13V0 9H3 5L3 -1V6 -5"},
    {'|', 4, 0, 4, "M0 24L0 -5"},
    {'}', 2, 6, 2, "M0 24H3 20L3 13V6 9H3 5L3 -1V0 -5"},
    {'~', 2, 12, 2, "M0 7V3 10L9 7V12 10"},
    {0xb0, 2, 6, 3, "M0 18V3 21H6 18V3 15H0 18"},
    {0xb1, 3, 12, 3, "M0 11L12 11M6 17L6 5M0 1L12 1"},
    {0xb2, 2, 7, 2, "M0 19V3 21H7 19L6 17L0 12L7 12"},
    {0xb3, 2, 7, 2, "M0 20V3 21H7 19V3 17H7 14V3 12H0 13"},
    {0xb5, 4, 11, 4, "M0 15L0 -6M0 5V5 0H11 5M11 15L11 0"},
    {0xb7, 3, 0, 3, "M0 8L0 9"},
    {0xc6, 1, 20, 2, "M0 0L9 21L20 21M3 7L10 7M10 21L10 0L20 0M10 11L19 11"},
    {0xd7, 3, 10, 3, "M0 3L10 13M10 3L0 13"},
    {0xdf, 4, 11, 3, "M0 0L0 16V5 21H10 16V6 11H11 6V6 0L4 0"},
    {0xe6, 3, 19, 3, "M1 13V5 15H10 10L10 5V15 0H18 3M10 9L5 9H0 4V5 0H10 5M10 10V15 15H19 9L19 8L10 8"},
    {0xf7, 3, 12, 3, "M0 8L12 8M6 13L6 14M6 2L6 3"},
    {0x152, 3, 22, 2, "M22 21L8 21H0 13L0 8V8 0L22 0M11 21L11 0M11 11L21 11"},
    {0x153, 3, 20, 3, "M10 9V5 15H0 9L0 6V5 0H10 6V15 0H19 3M10 6L10 9V15 15H20 9L20 8L10 8"},
    {0x2013, 2, 12, 2, "M0 8L12 8"},
    {0x2014, 2, 20, 2, "M0 8L20 8"},
    {0x2019, 3, 1, 3, "M1 21L1 20L0 17"},
    {0x2026, 3, 12, 3, "M0 0L0 1M6 0L6 1M12 0L12 1"},
    {0x2212, 3, 12, 3, "M0 8L12 8"},
    {0x2264, 3, 12, 3, "M12 17L0 11L12 5M0 0L12 0"},
    {0x2265, 3, 12, 3, "M0 17L12 11L0 5M0 0L12 0"},
};
static const struct glyph box = {0, 3, 12, 3, "M0 0L0 21L12 21L12 0L0 0"};
/* i and j without their dots, to carry accents */
static const struct glyph plain_i = {'i', 4, 0, 4, "M0 15L0 0"};
static const struct glyph plain_j = {'j', 1, 4, 4, "M4 15L4 -2V1 -6L0 -6"};

/* Accents by a sign of their own, above a small letter, x round the middle. */
static const struct glyph accents[] = {
    {'`', 0, 0, 0, "M-4 21L0 18"},
    {'\'', 0, 0, 0, "M4 21L0 18"},
    {'^', 0, 0, 0, "M-4 18L0 21L4 18"},
    {'v', 0, 0, 0, "M-4 21L0 18L4 21"},
    {'~', 0, 0, 0, "M-5 19V-2 21L2 19V5 21"},
    {':', 0, 0, 0, "M-3 20L-3 21M3 20L3 21"},
    {'.', 0, 0, 0, "M0 20L0 21"},
    {'o', 0, 0, 0, "M-3 20V0 22H3 20V0 18H-3 20"},
    {'-', 0, 0, 0, "M-4 20L4 20"},
    {'u', 0, 0, 0, "M-4 21V0 18H4 21"},
    {'"', 0, 0, 0, "M-3 18L0 21M2 18L5 21"},
    {',', 0, 0, 0, "M0 0L0 -3V-3 -6"},
    {';', 0, 0, 0, "M3 0V1 -6L4 -6"},
    {'/', 0, 0, 0, "M-6 -1L6 16"},
    {'=', 0, 0, 0, "M-5 8L5 8"},
};

/* Letter and accent of U+00C0 to U+00FF and U+0100 to U+017F; two blanks: a glyph of its own, or none. */
static const char latin_1[] =
    "A`A'A^A~A:Ao  C,E`E'E^E:I`I'I^I:D=N~O`O'O^O~O:  O/U`U'U^U:Y'P   a`a'a^a~a:ao  c,e`e'e^e:i`i'i^i:d=n~o`o'o^o~"
    "o:  o/u`u'u^u:y'p y:";
static const char latin_a[] =
    "A-a-AuauA;a;C'c'C^c^C.c.CvcvDvdvD=d=E-e-EueuE.e.E;e;EvevG^g^GuguG.g.G,g,H^h^H=h=I~i~I-i-IuiuI;i;I.i I j J^j^"
    "K,k,k L'l'L,l,LvlvL l L/l/N'n'N,n,Nvnvn N n O-o-OuouO\"o\"    R'r'R,r,RvrvS's'S^s^S,s,SvsvT,t,TvtvT=t=U~u~U-"
    "u-UuuuUouoU\"u\"U;u;W^w^Y^y^Y:Z'z'Z.z.Zvzvs ";
/* clang-format on */

/* ---- from text to glyphs ----------------------------------------------------------------------------- */

/* The next character of UTF-8; a byte that does not belong stands for itself. */
static uint32_t next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t code = more ? s[0] & (0x3fu >> more) : s[0];
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *text += 1;
            return s[0];
        }
        code = code << 6 | (s[i] & 0x3fu);
    }
    *text += more + 1;
    return code;
}

static const struct glyph *lookup(const struct glyph *table, size_t n, uint32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].code == code)
            return &table[i];
    return NULL;
}

/* The letter for a character, and its accent or NULL. */
static const struct glyph *letter(uint32_t code, const struct glyph **ret_accent)
{
    const char *pair = NULL;
    *ret_accent = NULL;
    if (code == 0x131)
        return &plain_i;
    if (code >= 0xc0 && code <= 0xff)
        pair = latin_1 + 2 * (code - 0xc0);
    else if (code >= 0x100 && code <= 0x17f)
        pair = latin_a + 2 * (code - 0x100);
    if (pair && *pair != ' ') {
        *ret_accent = lookup(accents, sizeof accents / sizeof *accents, (unsigned char)pair[1]);
        code = (unsigned char)pair[0];
        if (*ret_accent && !strchr(";,/", pair[1]))
            if (code == 'i' || code == 'j')
                return code == 'i' ? &plain_i : &plain_j;
    }
    const struct glyph *g = lookup(glyphs, sizeof glyphs / sizeof *glyphs, code);
    return g ? g : &box;
}

/* ---- from units to pixels ---------------------------------------------------------------------------- */

/* A coordinate in units goes to pixels by straight pieces between knots, which lie on whole pixels. */
#define KNOTS 16
struct axis {
    int n;
    double scale;
    double from[KNOTS], to[KNOTS];
};

static void knot(struct axis *a, double unit)
{
    int i = a->n;
    for (int k = 0; k < a->n; k++)
        if (a->from[k] == unit)
            return;
    if (i == KNOTS)
        return;
    for (; i > 0 && a->from[i - 1] > unit; i--) {
        a->from[i] = a->from[i - 1];
        a->to[i] = a->to[i - 1];
    }
    a->from[i] = unit;
    a->to[i] = round(unit * a->scale);
    a->n++;
}

static double place(const struct axis *a, double unit)
{
    int k = 0;
    if (unit <= a->from[0])
        return a->to[0] + (unit - a->from[0]) * a->scale;
    while (k < a->n && a->from[k] < unit)
        k++;
    if (k == a->n)
        return a->to[k - 1] + (unit - a->from[k - 1]) * a->scale;
    double t = (unit - a->from[k - 1]) / (a->from[k] - a->from[k - 1]);
    return a->to[k - 1] + t * (a->to[k] - a->to[k - 1]);
}

struct pen {
    struct axis x, y;
    double left, half; /* pixels: where the glyph starts, half the pen */
    double shift_x, shift_y; /* units, of an accent */
    sq_font_stroke *stroke;
    void *arg;
};

static void stroke(const struct pen *p, double x0, double y0, double x1, double y1)
{
    p->stroke(p->arg, p->left + p->half + place(&p->x, x0 + p->shift_x), -p->half - place(&p->y, y0 + p->shift_y),
              p->left + p->half + place(&p->x, x1 + p->shift_x), -p->half - place(&p->y, y1 + p->shift_y));
}

static double number(const char **s)
{
    int sign = 1, v = 0;
    while (**s == ' ')
        ++*s;
    if (**s == '-') {
        sign = -1;
        ++*s;
    }
    while (**s >= '0' && **s <= '9')
        v = 10 * v + *(*s)++ - '0';
    return sign * v;
}

/* Stems and bars of the path become knots of the axes. */
static void hint(struct pen *p, const char *path)
{
    double x = 0, y = 0;
    while (*path) {
        char command = *path++;
        double x1 = number(&path), y1 = number(&path);
        if (command == 'L' && x1 == x)
            knot(&p->x, x);
        if (command == 'L' && y1 == y)
            knot(&p->y, y);
        x = x1;
        y = y1;
    }
}

static void draw(const struct pen *p, const char *path)
{
    enum { PIECES = 6 };
    double x = 0, y = 0;
    while (*path) {
        char command = *path++;
        double x1 = number(&path), y1 = number(&path), px = x, py = y;
        if (command == 'L')
            stroke(p, x, y, x1, y1);
        for (int i = 1; i <= PIECES && (command == 'H' || command == 'V'); i++) {
            double s = sin(i * 1.5707963267948966 / PIECES), c = 1 - cos(i * 1.5707963267948966 / PIECES);
            double nx = x + (x1 - x) * (command == 'H' ? s : c), ny = y + (y1 - y) * (command == 'H' ? c : s);
            stroke(p, px, py, nx, ny);
            px = nx;
            py = ny;
        }
        x = x1;
        y = y1;
    }
}

static void draw_glyph(struct pen *p, const struct glyph *g, const struct glyph *accent)
{
    static const double lines[] = {-6, 0, 8, 15, 21};
    p->x.n = p->y.n = 0;
    p->shift_x = p->shift_y = 0;
    knot(&p->x, 0);
    knot(&p->x, g->width);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        knot(&p->y, lines[i]);
    hint(p, g->path);
    draw(p, g->path);
    if (!accent)
        return;
    p->shift_x = g->width / 2.0;
    p->shift_y = g->code < 'a' && !strchr(",;/=", (int)accent->code) ? 6 : 0;
    draw(p, accent->path);
}

int sq_font_run(const char *text, int cap_px, double pen_px, sq_font_stroke *to, void *arg)
{
    int thick = pen_px < 1.5 ? 1 : (int)lrint(pen_px);
    double scale = (cap_px - thick) / 21.0, x = 0, air = 0.2 + 0.5 * (thick - 1); /* a thick pen eats the gaps */
    struct pen p = {.x.scale = scale, .y.scale = scale, .half = thick / 2.0, .stroke = to, .arg = arg};
    const struct glyph *before = NULL, *accent;
    while (*text) {
        const struct glyph *g = letter(next(&text), &accent);
        if (before)
            x += round((before->right + g->left) * scale + air);
        p.left = x;
        if (to)
            draw_glyph(&p, g, accent);
        x += round(g->width * scale);
        before = g;
    }
    return before ? (int)x + thick : 0;
}
