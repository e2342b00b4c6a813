"""What Python's XML parser and GDAL make of a running Web Map Service.

usage: wms.py PORT FOLDER    (FOLDER: for files)
"""
import shutil
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as ET

port, folder = sys.argv[1:]
URL = f"http://127.0.0.1:{port}/wms?"
NS = {"w": "http://www.opengis.net/wms"}
HREF = "{http://www.w3.org/1999/xlink}href"
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def get(**query):
    with open_url(URL + "&".join(f"{k}={v}" for k, v in query.items()), timeout=60) as r:
        return r.headers["Content-Type"], r.read()


def get_map(**query):
    kind, body = get(SERVICE="WMS", VERSION="1.3.0", REQUEST="GetMap", FORMAT="image/png", **query)
    assert kind == "image/png" and body.startswith(b"\x89PNG"), (query, body)
    return body


def capabilities():
    for _ in range(200):  # forecasts appear as they are read
        kind, body = get(SERVICE="WMS", REQUEST="GetCapabilities")
        assert kind == "text/xml", kind
        root = ET.fromstring(body)
        if root.find(".//w:Layer/w:Layer", NS) is not None:
            return root
        time.sleep(0.1)
    raise AssertionError("no layers")


def every_promise_is_kept(root):
    """All layers, all styles, all values of all dimensions, all systems, all legends."""
    layers = root.findall(".//w:Layer/w:Layer", NS)
    assert len(layers) == 9, len(layers)
    for layer in layers:
        name = layer.find("w:Name", NS).text
        boxes = {b.get("CRS"): ",".join(b.get(k) for k in ("minx", "miny", "maxx", "maxy"))
                 for b in layer.findall("w:BoundingBox", NS)}
        assert sorted(boxes) == ["CRS:84", "EPSG:3857", "EPSG:4326"]
        for crs, box in boxes.items():
            get_map(LAYERS=name, STYLES="", CRS=crs, BBOX=box, WIDTH=37, HEIGHT=20)
        place = {"CRS": "CRS:84", "BBOX": boxes["CRS:84"], "WIDTH": 16, "HEIGHT": 16}
        for style in layer.findall("w:Style", NS):
            get_map(LAYERS=name, STYLES=style.find("w:Name", NS).text, **place)
            legend = style.find("w:LegendURL", NS)
            if legend is not None:
                with open_url(legend.find("w:OnlineResource", NS).get(HREF)) as r:
                    png = r.read()
                size = [int.from_bytes(png[k:k + 4], "big") for k in (16, 20)]
                assert size == [int(legend.get(k)) for k in ("width", "height")], size
        for d in layer.findall("w:Dimension", NS):
            key = d.get("name") if d.get("name") == "time" else "dim_" + d.get("name")
            values = d.text.split(",")
            assert d.get("default") in values, (name, key)
            for value in values:
                get_map(LAYERS=name, STYLES="", **{key: value}, **place)


def rgba(path):
    """A picture as GDAL reads it, band by band."""
    raw = f"{folder}/raw"
    bands = len(subprocess.run(["gdalinfo", path], check=True, capture_output=True, text=True).stdout.split("\nBand ")) - 1
    subprocess.run(["gdal_translate", "-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ"] +
                   (["-expand", "rgba"] if bands == 1 else []) + [path, raw], check=True)
    with open(raw, "rb") as f:
        return f.read()


def gdal():
    """GDAL's driver reads the same pixels in tiles of its own as one request brings, in both orders of axes."""
    if not shutil.which("gdal_translate"):
        return
    listed = subprocess.run(["gdalinfo", f"WMS:{URL}SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities"], check=True,
                            capture_output=True, text=True).stdout
    assert "percentile" in listed and "probability" in listed, listed
    for crs, order, box in (("EPSG:4326", "yxYX", "37,-99,40,-95"), ("CRS:84", "xyXY", "-99,37,-95,40")):
        request = (f"<GDAL_WMS><Service name='WMS'><Version>1.3.0</Version><ServerUrl>{URL}</ServerUrl><CRS>{crs}</CRS>"
                   "<ImageFormat>image/png</ImageFormat><Transparent>TRUE</Transparent><Layers>probability</Layers>"
                   f"<Styles></Styles><BBoxOrder>{order}</BBoxOrder></Service><DataWindow><UpperLeftX>-99</UpperLeftX>"
                   "<UpperLeftY>40</UpperLeftY><LowerRightX>-95</LowerRightX><LowerRightY>37</LowerRightY><SizeX>400</SizeX>"
                   "<SizeY>300</SizeY></DataWindow><BandsCount>4</BandsCount><BlockSizeX>200</BlockSizeX>"
                   "<BlockSizeY>100</BlockSizeY></GDAL_WMS>")
        with open(f"{folder}/wms.xml", "w") as f:
            f.write(request)
        with open(f"{folder}/map.png", "wb") as f:
            f.write(get_map(LAYERS="probability", STYLES="", CRS=crs, BBOX=box, WIDTH=400, HEIGHT=300, TRANSPARENT="TRUE"))
        one, pieces = rgba(f"{folder}/map.png"), rgba(f"{folder}/wms.xml")
        assert len(one) == len(pieces) == 4 * 400 * 300
        grey = 400 * 300 * 3  # alpha: without the hatching of no coverage, which begins with each request
        wrong = sum(a != b and {a, b} != {0x48, 0x90} for a, b in zip(one[grey:], pieces[grey:]))
        assert wrong <= 20, (crs, wrong)
        assert len(set(one[grey:])) >= 3


def large():
    """Several pieces, more than one, and wider than high."""
    body = get_map(LAYERS="mean", STYLES="", CRS="CRS:84", BBOX="-99,37,-95,40", WIDTH=1801, HEIGHT=613)
    assert int.from_bytes(body[16:20], "big") == 1801 and int.from_bytes(body[20:24], "big") == 613


every_promise_is_kept(capabilities())
large()
gdal()
