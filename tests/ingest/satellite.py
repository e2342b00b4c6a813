"""Compares what squall decoded with what xarray decodes, and its positions with those of cs2cs.

usage: satellite.py FILE VARIABLE FLAG FACTOR FIELD

FIELD, written by the test: one line "nx ny crs", then float32 values and uint8 states. FLAG: the quality variable, or -.
FACTOR: squall's unit in the file's.
"""
import subprocess
import sys

import numpy
import xarray

VALID, UNDETECT, MISSING, NO_COVERAGE, REJECTED = range(5)


def read_field(path):
    with open(path, "rb") as f:
        nx, ny, x0, y0, dx, dy = map(float, f.readline().split())
        nx, ny = int(nx), int(ny)
        crs = f.readline().decode().strip()
        value = numpy.frombuffer(f.read(4 * nx * ny), numpy.float32).reshape(ny, nx)
        state = numpy.frombuffer(f.read(nx * ny), numpy.uint8).reshape(ny, nx)
    return value, state, (x0, y0, dx, dy), crs


def cs2cs(source, target, points):
    text = "\n".join(f"{x:.12g} {y:.12g}" for x, y in points)
    out = subprocess.run(["cs2cs", "-f", "%.9f", *source.split(), "+to", *target.split()], input=text, check=True,
                         capture_output=True, text=True).stdout
    return numpy.array([[numpy.nan if "*" in w else float(w) for w in line.split()[:2]] for line in out.splitlines()])


def compare_values(data, flag, factor, value, state, lightning):
    want = data.values.astype(numpy.float64) * factor
    good = numpy.ones(want.shape, bool) if flag is None else flag.values == 0
    seen = numpy.isfinite(want) & good
    assert value.shape == want.shape
    assert seen.any() or lightning
    error = numpy.abs(value[seen] - want[seen])
    assert (error <= 2e-6 * numpy.abs(want[seen])).all(), error.max()
    assert (state[seen] <= UNDETECT).all()
    if lightning:  # xarray takes the 0 of no lightning for a missing value
        assert (value[~seen] == 0).all() and (state[~seen] == UNDETECT).all()
    else:
        assert numpy.isnan(value[~seen]).all() and (state[~seen] > UNDETECT).all()
    return seen.sum()


def compare_positions(data, set_, grid, crs):
    """Cells spread over the grid: the file's angles, through cs2cs, against our metres."""
    if "grid_mapping" in data.attrs or "grid_mapping" in data.encoding:
        map_ = set_["goes_imager_projection"].attrs
        h = map_["perspective_point_height"]
        view = (f"+proj=geos +h={h} +lon_0={map_['longitude_of_projection_origin']} +sweep={map_['sweep_angle_axis']} "
                f"+a={map_['semi_major_axis']} +b={map_['semi_minor_axis']}")
        x, y = set_["x"].values.astype(float) * h, set_["y"].values.astype(float) * h
    else:
        view = set_.attrs["gdal_projection"]
        x, y = set_["nx"].values.astype(float), set_["ny"].values.astype(float)
    x0, y0, dx, dy = grid
    cells = [(r, c) for r in numpy.linspace(0, len(y) - 1, 23, dtype=int) for c in numpy.linspace(0, len(x) - 1, 29, dtype=int)]
    theirs = cs2cs(view, "+proj=longlat +ellps=GRS80", [(x[c], y[r]) for r, c in cells])
    ours = cs2cs(crs, "+proj=longlat +ellps=GRS80", [(x0 + c * dx, y0 - r * dy) for r, c in cells])
    on_earth = numpy.isfinite(theirs).all(axis=1)
    assert on_earth.any()
    # both back to the plane of the file, in its pixels
    back = cs2cs("+proj=longlat +ellps=GRS80", view, ours[on_earth])
    forth = cs2cs("+proj=longlat +ellps=GRS80", view, theirs[on_earth])
    pixel = numpy.hypot(*((back - forth) / [dx, dy]).T).max()
    assert pixel <= 0.01, pixel
    return pixel


def main():
    path, name, flag, factor, field = sys.argv[1:]
    set_ = xarray.open_dataset(path, decode_coords=False, decode_timedelta=False)
    value, state, grid, crs = read_field(field)
    n = compare_values(set_[name], None if flag == "-" else set_[flag], float(factor), value, state, "flash_extent_density" in set_)
    pixel = compare_positions(set_[name], set_, grid, crs)
    print(f"# {path.split('/')[-1]} {name}: {n} values equal, positions within {pixel:.2g} pixel")


main()
