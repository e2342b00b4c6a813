"""What QGIS makes of the server: its WMS and tiles as raster layers that are valid, lie where they should, and draw.

    test_qgis.py SQUALL FOLDER

Pictures stay in FOLDER. Ends with 77 where there is no PyQGIS (Debian: python3-qgis)."""
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

DEBIAN = "/usr/bin/python3" # another Python may come first, which has no PyQGIS
os.environ["QT_QPA_PLATFORM"] = "offscreen"
try:
    from qgis.core import (QgsApplication, QgsCoordinateReferenceSystem, QgsMapRendererSequentialJob, QgsMapSettings,
                           QgsRasterLayer)
    from qgis.PyQt.QtCore import QSize
    from qgis.PyQt.QtGui import QColor
except ImportError:
    if os.path.exists(DEBIAN) and not os.environ.get("SQUALL_AGAIN"):
        os.environ["SQUALL_AGAIN"] = "1"
        os.execv(DEBIAN, [DEBIAN, *sys.argv])
    print("no PyQGIS")
    sys.exit(77)


def wms(url, layer, crs):
    return QgsRasterLayer(f"contextualWMSLegend=0&crs={crs}&dpiMode=7&featureCount=10&format=image/png&layers={layer}&styles=squall"
                          f"&url={url}wms", layer, "wms")


def tiles(url, layer, run):
    return QgsRasterLayer(f"type=xyz&url={url}tiles/{layer}/{run}/30/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=12&zmin=0", layer, "wms")


def draw(layer, extent, crs, path):
    """Draws it and counts colours."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(crs))
    settings.setExtent(extent)
    settings.setOutputSize(QSize(400, 300))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    assert not job.errors(), [e.message for e in job.errors()]
    image = job.renderedImage()
    image.save(path)
    return len({image.pixel(x, y) for x in range(0, 400, 3) for y in range(0, 300, 3)})


def look(url, folder):
    mercator = "EPSG:3857"
    for name, layer in {"wms": wms(url, "probability", mercator), "wms_4326": wms(url, "percentile", "EPSG:4326"),
                        "tiles": tiles(url, "prob", "latest")}.items():
        assert layer.isValid(), (name, layer.error().message())
        extent, crs = layer.extent(), layer.crs().authid()
        assert not extent.isEmpty() and extent.isFinite(), (name, extent.toString())
        if name == "wms":
            where = extent
        if name == "wms_4326":
            assert -181 < extent.xMinimum() < extent.xMaximum() < 181 and -91 < extent.yMinimum() < extent.yMaximum() < 91
        n = draw(layer, where if name == "tiles" else extent, mercator if name == "tiles" else crs, f"{folder}/{name}.png")
        print(f"{name}: {extent.toString(3)}, {n} colours")
        assert n >= 5, (name, n)
    assert not wms(url, "fog", mercator).isValid()


def wait_for(url):
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def main():
    squall, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        storm, out = f"{work}/storm.nc", f"{work}/out"
        subprocess.run([squall, "synth", "-o", storm, "--seed", "7", "--size", "256", "--cell", "2"], check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
        subprocess.run([squall, "forecast", storm, "-o", out, "--no-pictures", "--method", "advection", "--at",
                        "2026-06-01T12:50Z"], check=True, stdout=subprocess.DEVNULL, timeout=300)
        os.environ["QGIS_CUSTOM_CONFIG_PATH"] = work
        server = subprocess.Popen([squall, "serve", out, "--port", "0"], stdout=subprocess.PIPE, text=True)
        app = QgsApplication([], False)
        try:
            url = server.stdout.readline().strip()
            app.initQgis()
            wait_for(f"{url}readyz")
            look(url, folder)
        finally:
            app.exitQgis()
            server.terminate()
            server.wait(30)
    print("fine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
