// Frames of the animation: one tile layer each, loaded unseen, shown by opacity once it is whole. What is shown stays
// until what replaces it is there.

const AHEAD = 4; // frames that are loaded before they are needed

export class Frames {
  constructor(map, onReady) {
    this.map = map;
    this.onReady = onReady;
    this.urls = [];
    this.layers = new Map(); // url -> {layer, ready}
    this.wanted = -1;
    this.shown = null; // url
    this.opacity = 0.8;
    map.createPane('rain').style.zIndex = 250;
    map.on('movestart', () => this.drop((url) => url !== this.shown && url !== this.urls[this.wanted]));
    map.on('moveend', () => this.preload());
  }

  // One address per frame, with {z}, {x}, {y}; `bounds` of all.
  set(urls, bounds, zoomMax) {
    this.urls = urls;
    this.bounds = bounds;
    this.zoomMax = zoomMax;
    this.drop((url) => url !== this.shown && !urls.includes(url));
  }

  ready(i) {
    const l = this.layers.get(this.urls[i]);
    return Boolean(l && l.ready);
  }

  show(i) {
    this.wanted = i;
    this.need(i);
    this.swap();
    this.preload();
  }

  setOpacity(v) {
    this.opacity = v;
    const l = this.layers.get(this.shown);
    if (l)
      l.layer.setOpacity(v);
  }

  need(i) {
    const url = this.urls[i];
    if (!url || this.layers.has(url))
      return;
    const layer = L.tileLayer(url, {pane: 'rain', opacity: 0, bounds: this.bounds, maxZoom: this.zoomMax, noWrap: false,
      updateWhenZooming: false, keepBuffer: 1});
    const entry = {layer, ready: false};
    this.layers.set(url, entry);
    layer.on('tileload', (e) => this.trim(e.tile, e.coords));
    layer.on('loading', () => { entry.ready = false; });
    layer.on('load', () => {
      entry.ready = true;
      this.swap();
      this.preload();
      this.onReady();
    });
    layer.addTo(this.map);
    if (!layer.isLoading()) { // nothing of it is in sight
      entry.ready = true;
      this.swap();
    }
  }

  // Beyond the forecast's box there is nothing to say, not even that there is no data.
  trim(img, at) {
    const side = 256, b = this.bounds, nw = this.map.project(b.getNorthWest(), at.z), se = this.map.project(b.getSouthEast(), at.z);
    const cut = [nw.y - at.y * side, (at.x + 1) * side - se.x, (at.y + 1) * side - se.y, nw.x - at.x * side].map((v) => Math.max(0, v));
    if (cut.some((v) => v > 0))
      img.style.clipPath = `inset(${cut.map((v) => `${v.toFixed(1)}px`).join(' ')})`;
  }

  // The frame wanted takes over as soon as it is whole.
  swap() {
    const url = this.urls[this.wanted], next = this.layers.get(url);
    if (!next || !next.ready || url === this.shown)
      return;
    const last = this.layers.get(this.shown);
    next.layer.setOpacity(this.opacity);
    if (last)
      last.layer.setOpacity(0);
    this.shown = url;
    this.drop((u) => u !== url && !this.urls.includes(u));
    this.onReady();
  }

  // One after another, those next in time first.
  preload() {
    const n = this.urls.length;
    if (!this.ready(this.wanted))
      return;
    for (let k = 1; k <= AHEAD && k < n; k++) {
      const i = (this.wanted + k) % n;
      if (!this.layers.has(this.urls[i])) {
        this.need(i);
        return;
      }
      if (!this.ready(i))
        return;
    }
  }

  drop(which) {
    for (const [url, l] of this.layers)
      if (which(url)) {
        this.layers.delete(url);
        l.layer.remove();
      }
  }
}
