// Land, coastlines and borders: two layers of canvas tiles, one below the rain and one above, drawn from the same data.

const UNITS = 2048; // of a tile, as the server has them
const kept = new Map(); // tiles by name, promises

function tile(at) {
  const n = 2 ** at.z, name = `${at.z}/${((at.x % n) + n) % n}/${at.y}`;
  if (at.y < 0 || at.y >= n)
    return Promise.resolve(null);
  if (!kept.has(name)) {
    if (kept.size > 400)
      kept.delete(kept.keys().next().value);
    const answer = fetch(`land/${name}.json`).then((r) => (r.ok ? r.json() : null)).catch(() => null);
    kept.set(name, answer);
    answer.then((t) => t || kept.delete(name));
  }
  return kept.get(name);
}

function trace(pen, lines, scale) {
  pen.beginPath();
  for (const line of lines) {
    pen.moveTo(line[0] * scale, line[1] * scale);
    for (let i = 2; i < line.length; i += 2)
      pen.lineTo(line[i] * scale, line[i + 1] * scale);
  }
}

function drawGround(pen, data, side) {
  trace(pen, data.land, side / UNITS);
  pen.fillStyle = '#fbfaf6';
  pen.fill('evenodd');
}

function drawLines(pen, data, side, zoom) {
  const stroke = (lines, colour, width, dash) => {
    trace(pen, lines, side / UNITS);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash || []);
    pen.stroke();
  };
  pen.lineJoin = 'round';
  if (zoom >= 4)
    stroke(data.state, 'rgba(70, 82, 94, .45)', 0.7, [4, 3]);
  stroke(data.lake, 'rgba(70, 92, 112, .55)', 0.6);
  stroke(data.coast, 'rgba(52, 68, 84, .9)', zoom < 5 ? 0.7 : 1);
  stroke(data.country, 'rgba(52, 60, 70, .8)', zoom < 5 ? 0.7 : 1.1);
}

const Canvas = L.GridLayer.extend({
  createTile(at, done) {
    const c = document.createElement('canvas'), fine = Math.min(2, window.devicePixelRatio || 1);
    const side = this.getTileSize().x;
    c.width = c.height = side * fine;
    tile(at).then((data) => {
      const pen = c.getContext('2d');
      pen.scale(fine, fine);
      if (data)
        this.options.draw(pen, data, side, at.z);
      done(null, c);
    });
    return c;
  },
});

export function addLand(map) {
  const pane = (name, z) => {
    map.createPane(name).style.zIndex = z;
    map.getPane(name).style.pointerEvents = 'none';
    return name;
  };
  new Canvas({pane: pane('ground', 150), draw: drawGround, keepBuffer: 3}).addTo(map);
  new Canvas({pane: pane('lines', 350), draw: drawLines, keepBuffer: 3}).addTo(map);
}
