"""Tiles of squall beside those of MapServer from the same data, and of nginx with the same bytes in a file; over sockets, on
this machine, in one run.

    beside.py BUILD FORECAST...

BUILD is the build folder. Needs Debian's cgi-mapserver, spawn-fcgi, nginx and gdal-bin. MapServer runs
as FastCGI, with colours by table and PNG at its fastest, twice: with what is kindest to it, bytes (percent) in a tiled,
unpacked GeoTIFF with overviews, and with the floats of the forecast file as gdal_translate puts them into a GeoTIFF. "CPU" is what the server's processes took, for a request; the rest is as the one who asks sees it."""
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

TILES, SECONDS, LEAD, THRESHOLD = 300, 5, 30, 1
PROB = "probability_of_lwe_precipitation_rate_above_threshold"
COLOURS = "199 233 180", "127 205 187", "65 182 196", "29 145 192", "34 94 168", "37 52 148", "8 29 88"

MAPFILE = """MAP
  SIZE 256 256
  EXTENT -20037508 -20037508 20037508 20037508
  PROJECTION "init=epsg:3857" END
  OUTPUTFORMAT NAME "p" DRIVER "AGG/PNG" MIMETYPE "image/png" IMAGEMODE RGBA TRANSPARENT ON FORMATOPTION "COMPRESSION=1" END
  IMAGETYPE "p"
  %(layers)s
END
"""

LAYER = """LAYER
    NAME "%(name)s" TYPE RASTER STATUS ON DATA "%(tif)s"
    PROJECTION AUTO END
    %(classes)s
  END
"""

NGINX = """daemon off; worker_processes 2; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; default_type image/png; client_body_temp_path %(folder)s/b;
  fastcgi_temp_path %(folder)s/f; proxy_temp_path %(folder)s/p; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server { listen 127.0.0.1:%(port)d; root %(folder)s;
    location /map { fastcgi_pass unix:%(folder)s/map.sock; fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method; } } }
"""


def cpu(pids):
    """Seconds of processors that all threads of these have taken, to the nanosecond: ticks are coarser than a whole list."""
    took = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
                took += int(f.read().split()[0])
    return took / 1e9


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(v) for v in f.read().split()]


def fetch(url):
    with urllib.request.urlopen(url, timeout=120) as r:
        return r.read()


def wait_for(url, seconds=1200):
    end = time.monotonic() + seconds
    while True:
        try:
            return fetch(url)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def places(box, n):
    """Tiles of zooms 4 to 12 over the middle of the map, as bench_tiles has them."""
    for i in range(n):
        z, u, v = 4 + i % 9, (0.5 + i * 0.7548776662) % 1, (0.5 + i * 0.5698402910) % 1
        lon, lat = box[0] + (0.15 + 0.7 * u) * (box[2] - box[0]), math.radians(box[1] + (0.15 + 0.7 * v) * (box[3] - box[1]))
        yield int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2 ** z), int((lon + 180) / 360 * 2 ** z), z


def measure(soak, pids, *words):
    """bench_soak's numbers and the servers' own: answers/s, median ms, CPU ms of an answer."""
    before = cpu(pids)
    out = subprocess.run([soak, *words], check=True, capture_output=True, text=True).stdout
    took = cpu(pids) - before
    answers, rate, _, p50, _, _, wrong = out.splitlines()[1].split()
    if int(wrong):
        sys.exit(f"{wrong} of {answers} answers were wrong: {out}")
    return float(rate), float(p50) / 1000, 1000 * took / (int(answers) * (1 + 1 / int(words[3])) if words[0] == "rate" else int(answers))


def row(name, numbers, beside=None):
    rate, median, own = numbers
    print(f"  {name:<34}{rate:>9.0f}/s {median:>9.3f} ms {own:>9.3f} ms"
          + (f"   {own / beside[2]:.1f} times squall's CPU, {beside[0] / rate:.1f} times slower" if beside else ""), flush=True)


def make_tifs(forecast, run, folder):
    band = 1 + run["leads"].index(LEAD) * len(run["thresholds"]) + run["thresholds"].index(THRESHOLD)
    tif, source = f"{folder}/bytes.tif", f"NETCDF:{forecast}:{PROB}"
    subprocess.run(["gdal_translate", "-q", "-b", str(band), source, f"{folder}/floats.tif"], check=True)
    subprocess.run(["gdal_translate", "-q", "-b", str(band), "-ot", "Byte", "-scale", "0", "1", "0", "100", "-a_nodata", "255",
                    "-co", "TILED=YES", source, tif], check=True)
    subprocess.run(["gdaladdo", "-q", tif, "2", "4", "8", "16"], check=True)


def classes_of(one):
    """`one` is the number for certainty."""
    edges = [0.05 * one, 0.1 * one, 0.2 * one, 0.3 * one, 0.5 * one, 0.7 * one, 0.9 * one, 1.01 * one]
    return "\n".join(f"CLASS EXPRESSION ([pixel] >= {a:g} and [pixel] < {b:g}) STYLE COLOR {c} END END"
                     for a, b, c in zip(edges, edges[1:], COLOURS))


def start_mapserver(folder):
    layers = LAYER % {"name": "bytes", "tif": f"{folder}/bytes.tif", "classes": classes_of(100)} + \
        LAYER % {"name": "floats", "tif": f"{folder}/floats.tif", "classes": 'PROCESSING "SCALE=0,1.01" PROCESSING "SCALE_BUCKETS=256"\n'
                 + classes_of(1)}
    with open(f"{folder}/map.map", "w", encoding="ascii") as f:
        f.write(MAPFILE % {"layers": layers})
    with open(f"{folder}/map.conf", "w", encoding="ascii") as f:
        f.write(f'CONFIG\n ENV\n MS_MAP_PATTERN "."\n MS_MAPFILE "{folder}/map.map"\n END\n MAPS\n END\nEND\n')
    out = subprocess.run(["spawn-fcgi", "-s", f"{folder}/map.sock", "-M", "0666", "-F", "1", "-P", f"{folder}/map.pid", "--",
                          "/usr/lib/cgi-bin/mapserv"], check=True, capture_output=True, text=True,
                         env={**os.environ, "MAPSERVER_CONFIG_FILE": f"{folder}/map.conf", "MS_MAPFILE": f"{folder}/map.map"}).stdout
    with open(f"{folder}/map.pid", encoding="ascii") as f:
        pids = [int(v) for v in f.read().split()]
    return pids or sys.exit(out)


def compare(build, forecast, folder):
    soak, port = f"{build}/tests/bench_soak", 20000 + os.getpid() % 20000
    os.mkdir(f"{folder}/in")
    os.symlink(os.path.abspath(forecast), f"{folder}/in/{os.path.basename(forecast)}")
    server = subprocess.Popen([f"{build}/tools/squall", "serve", f"{folder}/in", "--port", "0"], stdout=subprocess.PIPE, text=True)
    nginx, maps = None, []
    try:
        url = server.stdout.readline().strip()
        wait_for(f"{url}readyz")
        index = json.loads(fetch(f"{url}index.json"))
        run = index["runs"][0]
        make_tifs(forecast, run, folder)
        maps = start_mapserver(folder)
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as f:
            f.write(NGINX % {"folder": folder, "port": port})
        nginx = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.log"])
        at = list(places(run["bounds"], TILES))
        own = [f"/tiles/prob-{THRESHOLD}/{run['run']}/{LEAD}/{z}/{x}/{y}.png" for y, x, z in at]
        theirs = {k: [f"/map?mode=tile&tilemode=gmap&layers={k}&tile={x}+{y}+{z}" for y, x, z in at] for k in ("bytes", "floats")}
        one = f"/tiles/prob-0.1/{run['run']}/{LEAD}/{at[1][2]}/{at[1][1]}/{at[1][0]}.png"
        with open(f"{folder}/tile.png", "wb") as f:
            f.write(fetch(url + one[1:]))
        wait_for(f"http://127.0.0.1:{port}/tile.png")
        for list_of in theirs.values():
            answer = fetch(f"http://127.0.0.1:{port}{list_of[0]}")
            if not answer.startswith(b"\x89PNG") or len(answer) < 1000:
                sys.exit(f"MapServer: {answer[:500]}")
        for name, list_of in ("own", own), *theirs.items():
            with open(f"{folder}/{name}", "w", encoding="ascii") as f:
                f.write("\n".join(dict.fromkeys(list_of)) + "\n")
        own_port = url.rstrip("/").rsplit(":", 1)[1]
        print(f"{os.path.basename(forecast)}, {os.path.getsize(f'{folder}/tile.png')} bytes from the cache"
              f"\n  {'':<34}{'answers':>11} {'median':>12} {'CPU':>12}")
        cold = measure(soak, [server.pid], "each", own_port, f"{folder}/own", "1")
        row("squall, cold tiles", cold)
        for k in theirs:
            row(f"MapServer, {k}", measure(soak, maps, "each", str(port), f"{folder}/{k}", "1"), cold)
        cached = measure(soak, [server.pid], "rate", own_port, one, str(SECONDS), "16")
        row("squall, one tile from the cache", cached)
        row("nginx, the same bytes", measure(soak, children(nginx.pid), "rate", str(port), "/tile.png", str(SECONDS), "16"), cached)
    finally:
        for pid in maps:
            os.kill(pid, signal.SIGTERM)
        for process in nginx, server:
            if process:
                process.terminate()
                process.wait()


def main():
    missing = [p for p in ("spawn-fcgi", "nginx", "gdal_translate", "gdaladdo") if not shutil.which(p)]
    if missing or not os.path.exists("/usr/lib/cgi-bin/mapserv"):
        sys.exit(f"needs cgi-mapserver, spawn-fcgi, nginx, gdal-bin: {missing or 'no mapserv'}")
    for forecast in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755) # nginx's workers are another user
            compare(os.path.abspath(sys.argv[1]), forecast, folder)


main()
