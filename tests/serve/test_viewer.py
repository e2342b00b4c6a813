"""The viewer in Debian's Chromium: it plays, the threshold moves, a place is asked, a new forecast arrives while it watches.

    test_viewer.py SQUALL FOLDER [CHROMIUM]

Pictures of what was seen stay in FOLDER. Ends with 77 where there is no Chromium."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from chromium import Chromium

SHOWN = "[...document.querySelectorAll('.leaflet-rain-pane .leaflet-layer')].filter((l) => Number(l.style.opacity) > 0)"
WHOLE = f"({SHOWN}.length === 1 && {SHOWN}[0].querySelectorAll('img').length > 0 && " \
        f"[...{SHOWN}[0].querySelectorAll('img')].every((i) => i.complete && i.naturalWidth > 0))"
WHOSE = "a storm <made> by squall synth"
SOURCE = f"{SHOWN}[0].querySelector('img').src"


def make(squall, storm, folder, minutes):
    """A forecast that begins `minutes` after the storm does."""
    at = f"2026-06-01T{12 + minutes // 60:02}:{minutes % 60:02}Z"
    subprocess.run([squall, "forecast", storm, "-o", folder, "--no-pictures", "--method", "advection", "--at", at],
                   check=True, stdout=subprocess.DEVNULL, timeout=300)


def text(page, what):
    return page.run(f"document.querySelector('{what}').textContent")


def opens(page, url):
    began = time.monotonic()
    page.open(url)
    page.wait(WHOLE, "a whole map of rain")
    page.wait("document.querySelectorAll('#legend i').length > 5", "a legend")
    print(f"loaded in {time.monotonic() - began:.2f} s")
    assert text(page, "#what") == "Observed rain rate", text(page, "#what")
    assert text(page, "#credit").startswith(f"Data: {WHOSE}"), text(page, "#credit")
    page.wait("[...document.querySelectorAll('.leaflet-lines-pane canvas')].some((c) => "
              "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v))", "coastlines", 20)


def plays(page):
    """One loop. At no time is there another number than one of frames in sight, nor one that is not whole."""
    page.run("""window.seen = new Set(); window.broken = []; window.watch = setInterval(() => {
        const shown = [...document.querySelectorAll('.leaflet-rain-pane .leaflet-layer')].filter((l) => Number(l.style.opacity) > 0);
        const images = shown.flatMap((l) => [...l.querySelectorAll('img')]);
        if (shown.length !== 1 || !images.length || images.some((i) => !i.complete || !i.naturalWidth))
            window.broken.push(shown.length + ' layers, ' + images.length + ' images');
        else
            window.seen.add(images[0].src);
    }, 5)""")
    page.key(" ", 32, " ")
    page.wait("document.querySelector('#play').classList.contains('playing')", "playing")
    frames = page.run("Number(document.querySelector('#time').max) + 1")
    page.wait(f"window.seen.size >= {frames}", f"{frames} frames in a loop", 120)
    page.key(" ", 32, " ")
    page.run("clearInterval(window.watch)")
    assert page.run("window.broken.length") == 0, page.run("window.broken.slice(0, 5)")
    assert not page.run("document.querySelector('#play').classList.contains('playing')")


def steps(page):
    page.key("Home", 36)
    at = page.run("Number(document.querySelector('#time').value)")
    page.key("ArrowRight", 39)
    page.key("ArrowRight", 39)
    page.wait(f"Number(document.querySelector('#time').value) === {at + 2}", "two steps on")
    page.wait(WHOLE + f" && {SOURCE}.includes('/prob-')", "a forecast")
    assert text(page, "#badge") == "+10 min", text(page, "#badge")
    page.key("ArrowLeft", 37)
    page.wait("document.querySelector('#badge').textContent === '+5 min'", "a step back")


def threshold(page):
    assert "/tiles/prob-0.1/" in page.run(SOURCE), page.run(SOURCE)
    page.run("document.querySelector('#threshold').focus()")
    for _ in range(4):
        page.key("ArrowRight", 39)
    page.wait(f"{SOURCE}.includes('/prob-1/') && " + WHOLE, "the probability of 1 mm/h")
    assert "threshold=1&" in page.run("location.hash")
    page.run("document.activeElement.blur()")


def place(page, x, y):
    page.click(x, y)
    page.wait("!document.querySelector('#place').hidden && document.querySelector('#place-text').textContent", "a sentence")
    page.wait("document.querySelector('#plume').naturalWidth > 100", "a plume")
    assert re.search(r"place=-?\d+\.\d+,-?\d+\.\d+", page.run("location.hash"))


def shares(page):
    """The address brings back what was seen."""
    address, what = page.run("location.href"), text(page, "#what") + text(page, "#clock") + text(page, "#place-text")
    page.open("about:blank")
    page.open(address)
    page.wait(WHOLE + " && document.querySelector('#place-text').textContent", "the same map again")
    assert text(page, "#what") + text(page, "#clock") + text(page, "#place-text") == what
    assert page.run("location.href") == address


def follows(page, squall, storm, folder):
    """Another forecast lands; asked for news, the viewer shows it and the same time as before."""
    clock = text(page, "#clock")
    make(squall, storm, folder, 60)
    page.wait("fetch('index.json', {cache: 'no-store'}).then((r) => r.json()).then((i) => i.runs[0].run.includes('T1300Z'))",
              "the server's news")
    page.press("#age")
    page.wait(f"{SOURCE}.includes('20260601T1300Z') && " + WHOLE, "the new forecast")
    assert text(page, "#clock") == clock, (clock, text(page, "#clock"))
    assert "T1300Z" in page.run("document.querySelector('#plume').src")


def fits(page):
    """On a phone nothing sticks out, and cards leave the map in sight."""
    assert page.run("document.documentElement.scrollWidth <= window.innerWidth")
    for card in "#head", "#foot", "#play", "#time", "#more":
        x, right = page.run(f"(() => {{ const b = document.querySelector('{card}').getBoundingClientRect(); return [b.left, b.right]; }})()")
        assert x >= 0 and right <= page.run("window.innerWidth"), card


def phone(page, url, folder):
    for name, width, height in ("phone", 390, 844), ("small", 320, 568):
        page.size(width, height, 2, True)
        page.open("about:blank")
        opens(page, url)
        fits(page)
        page.picture(f"{folder}/{name}.png")
        x, y = page.run("(() => { const b = document.querySelector('#time').getBoundingClientRect(); return [b.right - 12, b.y + b.height / 2]; })()")
        page.tap(x, y)
        page.wait("document.querySelector('#badge').textContent === '+60 min'", "the end of the bar, touched")
        page.wait(WHOLE + f" && {SOURCE}.includes('@2x')", "fine tiles")
        page.tap(width / 2, height / 3)
        page.wait("!document.querySelector('#place').hidden && document.querySelector('#plume').naturalWidth > 100", "a plume")
        fits(page)
        page.picture(f"{folder}/{name}_place.png")


def look(page, url, folder, squall, storm, out):
    opens(page, url)
    page.picture(f"{folder}/desktop.png")
    steps(page)
    plays(page)
    page.key("Home", 36)
    for _ in range(4):
        page.key("ArrowRight", 39)
    page.wait(WHOLE + f" && {SOURCE}.includes('/20/')", "20 minutes ahead")
    threshold(page)
    place(page, 760, 330)
    page.picture(f"{folder}/place.png")
    shares(page)
    follows(page, squall, storm, out)
    page.picture(f"{folder}/news.png")
    phone(page, url, folder)
    assert not page.faults, page.faults[:5]
    elsewhere = [u for u, _ in page.answers if not u.startswith((url, "data:", "about:"))]
    assert not elsewhere, elsewhere[:5]


def main():
    squall, folder = sys.argv[1:3]
    program = sys.argv[3] if len(sys.argv) > 3 else shutil.which("chromium")
    if not program:
        print("no chromium")
        return 77
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        storm, out = f"{work}/storm.nc", f"{work}/out"
        subprocess.run([squall, "synth", "-o", storm, "--seed", "7", "--size", "256", "--cell", "2"], check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
        for minutes in 50, 55:
            make(squall, storm, out, minutes)
        server = subprocess.Popen([squall, "serve", out, "--port", "0", "--attribution", WHOSE], stdout=subprocess.PIPE, text=True)
        page = None
        try:
            url = server.stdout.readline().strip()
            page = Chromium(program, f"{work}/profile", 1280, 800)
            look(page, url, folder, squall, storm, out)
        except BaseException:
            if page:
                page.picture(f"{folder}/failed.png")
                print("\n".join(page.faults[:10]))
            raise
        finally:
            if page:
                page.close()
            server.terminate()
            server.wait(30)
    print("fine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
