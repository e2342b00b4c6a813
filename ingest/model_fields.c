#include "model_fields.h"

#include "core/config.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(member) \
    {#member, SQ_CONFIG_TEXT, offsetof(struct sq_model_field, member), 0, sizeof((struct sq_model_field *)0)->member, 0, 0, NULL}
#define WORD(member, words) \
    {#member, SQ_CONFIG_TEXT, offsetof(struct sq_model_field, member), 0, sizeof((struct sq_model_field *)0)->member, 0, 0, words}
#define REAL(member, lo, hi) {#member, SQ_CONFIG_REAL, offsetof(struct sq_model_field, member), 0, 0, lo, hi, NULL}

static const struct sq_config_key keys[] = {
    TEXT(channel),
    TEXT(units),
    TEXT(about),
    TEXT(name),
    TEXT(grib2),
    TEXT(grib1),
    WORD(level_type, "surface pressure pressure_layer sea_level height height_layer altitude pressure_above_ground "
                     "atmosphere any"),
    REAL(level, -1000, 100000),
    REAL(level_to, -1000, 100000),
    WORD(over, "instant sum mean"),
    REAL(factor, -1e9, 1e9),
    REAL(offset, -1e9, 1e9),
    REAL(lead_from_h, -24, 10000),
    REAL(lead_to_h, -24, 10000),
    TEXT(turn_with),
    WORD(axis, "x y"),
};
enum { KEYS = sizeof keys / sizeof *keys };

#define LEADS .lead_from_h = -24, .lead_to_h = 10000
#define ROW LEADS, .factor = 1
#define NO_LEVEL .level = NAN, .level_to = NAN
#define WIND(at, type)                                                                                               \
    {ROW, .channel = "wind_u_" #at, .units = "m s-1", .grib2 = "0.2.2", .grib1 = "33", .level_type = type,           \
     .level = at, .level_to = NAN, .over = "instant", .turn_with = "wind_v_" #at, .axis = "x"},                      \
    {ROW, .channel = "wind_v_" #at, .units = "m s-1", .grib2 = "0.2.3", .grib1 = "34", .level_type = type,           \
     .level = at, .level_to = NAN, .over = "instant", .turn_with = "wind_u_" #at, .axis = "y"}

void sq_model_fields_default(struct sq_model_fields *ret)
{
    static const struct sq_model_field rows[] = {
        {ROW, NO_LEVEL, .channel = "rain_rate", .units = "mm h-1", .grib2 = "0.1.8 0.1.52", .grib1 = "61",
         .level_type = "surface", .over = "sum"},
        WIND(500, "pressure"),
        WIND(850, "pressure"),
        {ROW, .channel = "vertical_velocity_500", .units = "Pa s-1", .grib2 = "0.2.8", .grib1 = "39",
         .level_type = "pressure", .level = 500, .level_to = NAN, .over = "instant"},
        {ROW, .channel = "storm_u", .units = "m s-1", .grib2 = "0.2.27 0.2.194@7", .level_type = "height_layer",
         .level = 0, .level_to = 6000, .over = "instant", .turn_with = "storm_v", .axis = "x"},
        {ROW, .channel = "storm_v", .units = "m s-1", .grib2 = "0.2.28 0.2.195@7", .level_type = "height_layer",
         .level = 0, .level_to = 6000, .over = "instant", .turn_with = "storm_u", .axis = "y"},
        {ROW, NO_LEVEL, .channel = "lifted_index", .units = "K", .grib2 = "0.7.11 0.7.193@7", .level_type = "any",
         .over = "instant"},
        {ROW, NO_LEVEL, .channel = "cape", .units = "J kg-1", .grib2 = "0.7.6", .level_type = "surface",
         .over = "instant"},
        {ROW, NO_LEVEL, .channel = "surface_pressure", .units = "Pa", .grib2 = "0.3.0", .grib1 = "1",
         .level_type = "surface", .over = "instant"},
        {ROW, .channel = "specific_humidity_2m", .units = "kg kg-1", .grib2 = "0.1.0", .grib1 = "51", .level_type = "height",
         .level = 2, .level_to = NAN, .over = "instant"},
        {ROW, .channel = "temperature_2m", .units = "K", .grib2 = "0.0.0", .grib1 = "11", .level_type = "height",
         .level = 2, .level_to = NAN, .over = "instant"},
        {LEADS, NO_LEVEL, .factor = 3600, .channel = "rain_rate_instant", .units = "mm h-1", .grib2 = "0.1.7", .grib1 = "59",
         .level_type = "surface", .over = "instant"},
        WIND(10, "height"),
        {ROW, NO_LEVEL, .channel = "precipitable_water", .units = "kg m-2", .grib2 = "0.1.3", .grib1 = "54",
         .level_type = "atmosphere", .over = "instant"},
    };
    ret->n = sizeof rows / sizeof *rows;
    memcpy(ret->row, rows, sizeof rows);
}

static enum sq_status check(const struct sq_model_field *r, int i, const char *where, struct sq_err *e)
{
    if (!r->channel[0] || !r->units[0])
        return sq_fail(e, SQ_FAILED, "%.200s: row %d needs a channel and units", where, i + 1);
    if (!r->name[0] && !r->grib2[0] && !r->grib1[0])
        return sq_fail(e, SQ_FAILED, "%.200s: %s needs a name, grib2 or grib1 to be known by", where, r->channel);
    if (!r->turn_with[0] != !r->axis[0])
        return sq_fail(e, SQ_FAILED, "%.200s: %s needs both turn_with and axis, or neither", where, r->channel);
    return SQ_OK;
}

enum sq_status sq_model_fields_parse(struct sq_model_fields *ret, const char *where, const void *text, size_t size,
                                     struct sq_err *e)
{
    for (int i = 0; i < SQ_MODEL_FIELDS_MAX; i++)
        ret->row[i] = (struct sq_model_field){ROW, NO_LEVEL, .level_type = "any", .over = "instant"};
    enum sq_status st = sq_config_parse_list(keys, KEYS, where, text, size, SQ_MODEL_FIELDS_MAX, ret->row,
                                             sizeof *ret->row, &ret->n, e);
    for (int i = 0; i < ret->n && !st; i++)
        st = check(&ret->row[i], i, where, e);
    return st;
}

enum sq_status sq_model_fields_load(const char *path, struct sq_model_fields **ret, struct sq_err *e)
{
    char *text = NULL;
    size_t size = 0;
    struct sq_model_fields *t = NULL;
    const bool own = path && *path;
    enum sq_status st = sq_alloc((void **)&t, 1, sizeof *t, "the table of model fields", e);
    if (!st && own)
        st = sq_config_load(path, &text, &size, e);
    if (!st && own)
        st = sq_model_fields_parse(t, path, text, size, e);
    else if (!st)
        sq_model_fields_default(t);
    free(text);
    if (st)
        free(t);
    else
        *ret = t;
    return st;
}
