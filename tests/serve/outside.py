"""What GDAL, CDO, NCO and xarray make of a small forecast; each where it is installed.

usage: outside.py FILE MAPPING NX NY X0 Y0 CELL LON LAT    (x0, y0, lon, lat: centre of the first cell)
"""
import json
import shutil
import subprocess
import sys

path, mapping = sys.argv[1:3]
nx, ny = map(int, sys.argv[3:5])
x0, y0, cell, lon, lat = map(float, sys.argv[5:])
PROB = "probability_of_lwe_precipitation_rate_above_threshold"
TIMES = [1468274700, 1468275000, 1468275300]
THRESHOLDS = [0.1, 1, 5, 10]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def near(a, b, tolerance):
    assert abs(a - b) <= tolerance, (path, mapping, a, b)


def gdal():
    d = json.loads(run("gdalinfo", "-json", f"NETCDF:{path}:{PROB}"))
    assert d["size"] == [nx, ny], d["size"]
    for got, want in zip(d["geoTransform"], [x0 - cell / 2, cell, 0, y0 + cell / 2, 0, -cell]):
        near(got, want, 1e-6 * cell)
    assert len(d["bands"]) == 12
    for i, band in enumerate(d["bands"]):
        words = band["metadata"][""]
        near(float(words["NETCDF_DIM_time"]), TIMES[i // 4], 0)
        near(float(words["NETCDF_DIM_threshold"]), THRESHOLDS[i % 4], 1e-6)
        assert band["noDataValue"] > 9e36
    # the projection: where GDAL sees the outer corner, within the cell whose centre we know
    corner = d["wgs84Extent"]["coordinates"][0][0]
    span = d["wgs84Extent"]["coordinates"][0]
    across = max(p[0] for p in span) - min(p[0] for p in span)
    down = max(p[1] for p in span) - min(p[1] for p in span)
    near(corner[0], lon, 2 * across / min(nx, ny))
    near(corner[1], lat, 2 * down / min(nx, ny))


def cdo():
    grid = run("cdo", "-s", "griddes", path)
    assert f"gridtype  = {'lonlat' if mapping == 'latitude_longitude' else 'projection'}" in grid, grid
    assert mapping == "latitude_longitude" or f"grid_mapping_name = {mapping}" in grid, grid
    levels = run("cdo", "-s", "showlevel", f"-selname,{PROB}", path).split()
    assert len(levels) == 4
    for got, want in zip(levels, THRESHOLDS):
        near(float(got), want, 1e-6)  # float
    times = run("cdo", "-s", "showtimestamp", path).split()
    assert times == ["2016-07-11T22:05:00", "2016-07-11T22:10:00", "2016-07-11T22:15:00"], times
    first = run("cdo", "-s", "outputtab,nohead,lon,lat", "-seltimestep,1", "-selname,lwe_precipitation_rate_mean", path)
    near(float(first.split()[0]), lon, 2e-3)  # CDO prints six digits
    near(float(first.split()[1]), lat, 2e-3)


def nco():
    out = path + ".cut.nc"
    run("ncks", "-O", "-C", "-v", PROB, "-d", "threshold,1.0", "-d", "time,1", path, out)
    shape = run("ncks", "-m", "-C", "-v", PROB, out)
    text = " ".join(run("ncks", "--cdl", "-m", out).split())
    assert "threshold = 1 ;" in text and "time = 1 ;" in text, shape
    run("rm", out)


def xarray(xr):
    with xr.open_dataset(path) as d:
        assert str(d.time.values[1])[:19] == "2016-07-11T22:10:00"
        assert str(d.forecast_reference_time.values)[:19] == "2016-07-11T22:00:00"
        assert int(d.forecast_period[2]) // 10**9 == 900 or int(d.forecast_period[2]) == 900
        p = d[PROB].sel(threshold=5).isel(time=2)
        assert p.shape == (ny, nx) and {"forecast_reference_time", "forecast_period"} <= set(p.coords)
        assert 0.2 < float(p.isnull().mean()) < 0.4 and float(p.max()) <= 1
        assert float(d.lwe_precipitation_rate.sel(percentile=90).max()) > 0
        down, across = p.dims
        near(float(d[across][0]), x0, 1e-9 * abs(x0))
        near(float(d[down][0]), y0, 1e-9 * abs(y0))
        assert d[d[PROB].encoding.get("grid_mapping", d[PROB].attrs.get("grid_mapping"))].attrs["grid_mapping_name"] == mapping


for tool, check in (("gdalinfo", gdal), ("cdo", cdo), ("ncks", nco)):
    if shutil.which(tool):
        check()
try:
    import xarray as xr
except ImportError:
    sys.exit(0)
xarray(xr)
