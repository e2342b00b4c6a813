// The map of rain: what the server's index lists, as something to look at. What is shown stands in the address.
import {addLand} from './land.js';
import {Frames} from './frames.js';

const $ = (id) => document.getElementById(id);
const RATES = [0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100];
const STEP_MS = 400, REST_MS = 1200; // a frame, and the last one before it begins again
const LATE_S = 900; // older data is no "now"

// What can be shown: `at` names the layer in tile addresses, `once` is one picture for all leads.
const LAYERS = {
  chance: {title: 'Chance of rain', quantity: 'probability', threshold: true, at: (s) => `prob-${s.threshold}`},
  within30: {title: 'Chance within 30 minutes', quantity: 'probability', threshold: true, window: 30, at: (s) => `within30-${s.threshold}`},
  within60: {title: 'Chance within 60 minutes', quantity: 'probability', threshold: true, window: 60, at: (s) => `within60-${s.threshold}`},
  near: {title: 'Chance, mean within 10 km', quantity: 'probability', threshold: true, at: (s) => `near10-${s.threshold}`},
  rate: {title: 'Rain rate', quantity: 'rate', percentile: true, at: (s) => (s.percentile === 50 ? 'median' : `p${s.percentile}`)},
  mean: {title: 'Mean rain rate', quantity: 'rate', at: () => 'mean'},
};

const state = {layer: 'chance', threshold: 0.1, percentile: 50, style: '', opacity: 0.8, run: '', time: null, place: null};
let index = null; // of the server
let run = null; // shown
let frames = []; // {time (ms), lead (minutes)}
let current = 0;
let playing = null; // timer
let map, pictures, pin = null, poll = null;
let framed = false; // the map has been put where it should be
const legends = new Map();

// ---- the address ----

function readHash() {
  const h = new URLSearchParams(location.hash.slice(1)), number = (key, lo, hi, or) => {
    const v = h.has(key) ? Number(h.get(key)) : NaN;
    return v >= lo && v <= hi ? v : or;
  };
  state.layer = LAYERS[h.get('layer')] ? h.get('layer') : state.layer;
  state.threshold = number('threshold', 0.001, 1000, state.threshold);
  state.percentile = Math.round(number('percentile', 1, 99, state.percentile));
  state.opacity = number('opacity', 0.1, 1, state.opacity);
  state.style = /^[a-z]{1,20}$/.test(h.get('colours')) ? h.get('colours') : state.style;
  state.run = /^[0-9TZr_]{1,30}$/.test(h.get('run')) ? h.get('run') : '';
  const time = Date.parse(h.get('time') || '');
  state.time = Number.isNaN(time) ? null : time;
  const pair = (text) => (text || '').split(',').map(Number);
  const [lon, lat] = pair(h.get('place'));
  state.place = Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? [lon, lat] : null;
  const [x, y, z] = pair(h.get('map'));
  return Math.abs(x) <= 360 && Math.abs(y) <= 86 && z >= 0 && z <= 20 ? {center: [y, x], zoom: z} : null;
}

const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z/, 'Z');

function writeHash() {
  const c = map.getCenter(), l = LAYERS[state.layer], f = frames[current];
  const h = [`map=${c.lng.toFixed(3)},${c.lat.toFixed(3)},${map.getZoom()}`, `layer=${state.layer}`];
  if (l.threshold)
    h.push(`threshold=${state.threshold}`);
  if (l.percentile)
    h.push(`percentile=${state.percentile}`);
  if (state.style)
    h.push(`colours=${state.style}`);
  if (state.opacity !== 0.8)
    h.push(`opacity=${state.opacity}`);
  if (state.run)
    h.push(`run=${state.run}`);
  if (f && (state.run || f.lead !== 0) && !playing)
    h.push(`time=${iso(f.time)}`);
  if (state.place)
    h.push(`place=${state.place.map((v) => v.toFixed(4)).join(',')}`);
  history.replaceState(null, '', `#${h.join('&')}`);
}

// ---- words ----

const two = (n) => String(n).padStart(2, '0');
const clockOf = (ms) => { const d = new Date(ms); return `${two(d.getHours())}:${two(d.getMinutes())}`; };
const dayOf = (ms) => new Date(ms).toLocaleDateString(undefined, {weekday: 'short', day: 'numeric', month: 'short', year: 'numeric'});
const zone = () => new Date().toLocaleTimeString('en-GB', {timeZoneName: 'short'}).split(' ').pop();
const utcOf = (ms) => `${iso(ms).slice(11, 16)} UTC`;

function spanOf(seconds) {
  const min = Math.round(seconds / 60);
  return min < 1 ? 'just now' : min < 120 ? `${min} min ago` : min < 2880 ? `${Math.round(min / 60)} h ago` : `${Math.round(min / 1440)} days ago`;
}

function strengthOf(mmh) {
  return mmh < 0.5 ? 'any rain' : mmh < 2 ? 'light rain' : mmh < 10 ? 'moderate rain' : mmh < 50 ? 'heavy rain' : 'violent rain';
}

// ---- what there is ----

async function getJson(url, options) {
  const r = await fetch(url, options);
  if (!r.ok)
    throw new Error(`${url}: ${r.status}`);
  return r.json();
}

async function refresh() {
  clearTimeout(poll);
  let wait = 15;
  try {
    const got = await getJson('index.json', {cache: 'no-cache'});
    const before = nameOf(run), followed = !state.run && frames[current];
    index = got;
    $('credit-text').textContent = index.attribution ? `Data: ${index.attribution} \u00b7 ` : '';
    wait = Math.min(300, Math.max(10, got.next_expected - Date.now() / 1000 + 1 + 3 * Math.random()));
    document.body.classList.remove('offline');
    takeRun(before, followed);
  } catch (e) {
    document.body.classList.add('offline');
  }
  showAge();
  poll = setTimeout(refresh, 1000 * wait);
}

// A run gets more past as older files are read.
const nameOf = (r) => r && `${r.run} ${r.observed.length}`;

function takeRun(before, followed) {
  run = index.runs.find((r) => r.run === state.run) || index.runs[0] || null;
  if (!run) {
    $('what').textContent = 'There is no forecast yet';
    return;
  }
  if (state.run && run.run !== state.run)
    state.run = ''; // it is no longer kept
  fillRuns();
  if (before === nameOf(run))
    return;
  const issued = Date.parse(run.issued), keep = followed && followed.lead !== 0 ? followed.time : null;
  frames = run.observed.filter((lead) => lead <= 0).map((lead) => ({lead, time: issued + 60000 * lead}));
  run.leads.forEach((lead, i) => frames.push({lead, time: Date.parse(run.valid[i])}));
  current = nearest(state.time !== null ? state.time : keep !== null ? keep : issued);
  state.time = null;
  if (!framed)
    frameMap();
  fillThresholds();
  fillLayers();
  fillSources();
  drawTimes();
  apply();
  showPlace();
}

// The forecast's box in the middle of what the cards leave free.
function frameMap() {
  const b = run.bounds, wide = window.innerWidth > 720, head = $('head').getBoundingClientRect(), foot = $('foot').getBoundingClientRect();
  framed = true;
  map.fitBounds([[b[1], b[0]], [b[3], b[2]]], {animate: false, paddingTopLeft: [wide ? $('panel').getBoundingClientRect().right : 0, wide ? 0 : head.bottom],
    paddingBottomRight: [0, window.innerHeight - foot.top]});
}

function nearest(time) {
  let best = 0;
  frames.forEach((f, i) => { best = Math.abs(f.time - time) < Math.abs(frames[best].time - time) ? i : best; });
  return best;
}

const thresholds = () => {
  const t = run ? run.thresholds : RATES, lo = t[0], hi = t[t.length - 1];
  return [...new Set([...RATES.filter((r) => r >= lo && r <= hi), lo, hi])].sort((a, b) => a - b);
};

// ---- what is shown ----

function layerOf(frame) {
  return frame.lead <= 0 ? {name: 'observed', quantity: 'rate', title: 'Observed rain rate'}
    : {name: LAYERS[state.layer].at(state), quantity: LAYERS[state.layer].quantity, title: LAYERS[state.layer].title};
}

function urlOf(frame) {
  const fine = (window.devicePixelRatio || 1) > 1.2 ? '@2x' : '', style = state.style ? `?style=${state.style}` : '';
  const lead = frame.lead > 0 && LAYERS[state.layer].window ? 0 : frame.lead;
  return `tiles/${layerOf(frame).name}/${run.run}/${lead}/{z}/{x}/{y}${fine}.png${style}`;
}

// After any change of run, layer, threshold or colours.
function apply() {
  if (!run)
    return;
  const b = run.bounds;
  pictures.set(frames.map(urlOf), L.latLngBounds([[b[1], b[0]], [b[3], b[2]]]), index.maxzoom);
  fillControls();
  go(current);
}

function go(i) {
  const n = frames.length;
  current = ((i % n) + n) % n;
  pictures.show(current);
  showWhen();
  showLegend();
  if (!playing)
    writeHash();
}

function showWhen() {
  const f = frames[current], l = LAYERS[state.layer], ahead = f.lead > 0, badge = $('badge');
  $('what').textContent = !ahead ? 'Observed rain rate'
    : l.threshold ? `${l.title}, \u2265\u2009${state.threshold}\u00a0mm/h`
    : l.percentile ? percentileText() : l.title;
  $('clock').textContent = ahead && l.window ? `${clockOf(Date.parse(run.issued))}\u2013${clockOf(Date.parse(run.issued) + 60000 * l.window)}` : clockOf(f.time);
  badge.textContent = ahead ? (l.window ? `next ${l.window} min` : `+${f.lead} min`) : f.lead === 0 ? 'newest radar' : `${f.lead} min`.replace('-', '\u2212');
  badge.classList.toggle('ahead', ahead);
  $('date').textContent = new Date(f.time).getTimezoneOffset() ? `${dayOf(f.time)}, ${zone()} \u00b7 ${utcOf(f.time)}` : `${dayOf(f.time)}, UTC`;
  $('time').value = current;
  $('time').setAttribute('aria-valuetext', `${clockOf(f.time)}, ${ahead ? `forecast, ${f.lead} minutes ahead` : 'observed'}`);
}

function percentileText() {
  const p = state.percentile;
  return p === 50 ? 'Rain rate, median' : `Rain rate, ${p} % percentile`;
}

async function showLegend() {
  const {quantity} = layerOf(frames[current]), name = `${quantity}-${state.style || index.styles[0]}`, box = $('legend');
  if (box.dataset.name === name)
    return;
  box.dataset.name = name;
  if (!legends.has(name))
    legends.set(name, getJson(`legend/${name}.json`));
  const legend = await legends.get(name).catch(() => { legends.delete(name); return null; });
  if (!legend || box.dataset.name !== name)
    return;
  const part = (tag, text, colour) => {
    const e = document.createElement(tag);
    e.textContent = text;
    if (colour)
      e.style.setProperty('--c', colour);
    return e;
  };
  const none = part('i', 'no data');
  none.className = 'none';
  box.replaceChildren(part('b', quantity === 'rate' ? 'mm/h' : '%'), ...legend.stops.map((s) => part('i', s.label.replace(' %', ''), s.color)), none);
  box.setAttribute('aria-label', `Colours: ${legend.title}, from ${legend.stops[0].label} to ${legend.stops[legend.stops.length - 1].label}`);
}

const late = () => Date.now() - Date.parse(run.issued) > 1000 * LATE_S;

function showAge() {
  const age = $('age');
  if (!run) {
    $('age-text').textContent = document.body.classList.contains('offline') ? 'The server does not answer' : 'Waiting for the first forecast';
    age.classList.add('old');
    return;
  }
  const s = (Date.now() - Date.parse(run.issued)) / 1000, missing = run.inputs_missing;
  const old = state.run && run !== index.runs[0] ? 'An older forecast: ' : '';
  $('age-text').textContent = document.body.classList.contains('offline') ? `No connection \u00b7 radar ${spanOf(s)}`
    : `${old}Radar ${s > 172800 ? `of ${dayOf(Date.parse(run.issued))}` : spanOf(s)}${missing ? ' \u00b7 inputs missing' : ''}`;
  age.classList.toggle('old', late() || Boolean(missing) || document.body.classList.contains('offline'));
  $('now-label').textContent = late() ? 'newest radar' : 'now';
}

// ---- the time bar ----

function drawTimes() {
  const n = frames.length, slider = $('time'), last = Math.max(1, n - 1), ticks = $('ticks');
  const now = frames.filter((f) => f.lead <= 0).length - 1; // -1: nothing was observed
  const place = (i) => `calc(10px + (100% - 20px) * ${i / last})`;
  slider.max = n - 1;
  $('past').style.width = $('now-mark').style.left = place(Math.max(0, now));
  $('now-label').style.left = `max(36px, ${place(Math.max(0, now))})`;
  $('ahead').style.left = place(Math.max(0, now));
  const px = $('rail').clientWidth * Math.max(0, now) / last, least = late() ? 110 : 84;
  $('side-past').hidden = px < least;
  $('side-ahead').hidden = $('rail').clientWidth - px < least;
  const span = (frames[n - 1].time - frames[0].time) / 60000, room = Math.max(2, ticks.clientWidth / 52);
  const step = [5, 10, 15, 30, 60, 120, 180, 360, 720].find((s) => span / s <= room) || 1440;
  const shift = new Date().getTimezoneOffset();
  ticks.replaceChildren(...frames.flatMap((f, i) => {
    if ((f.time / 60000 - shift) % step)
      return [];
    const e = document.createElement('span');
    e.textContent = clockOf(f.time);
    e.style.left = place(i);
    return [e];
  }));
}

function play(on) {
  clearTimeout(playing);
  playing = null;
  $('play').classList.toggle('playing', on);
  $('play').setAttribute('aria-label', on ? 'Pause' : 'Play');
  if (!on) {
    writeHash();
    return;
  }
  const tick = () => {
    // the next one comes when the one wanted now is seen
    if (pictures.ready(current))
      go(current + 1);
    playing = setTimeout(tick, current === frames.length - 1 ? REST_MS : STEP_MS);
  };
  playing = setTimeout(tick, 50);
}

function step(by) {
  play(false);
  go(current + by);
}

// ---- settings ----

function option(value, text) {
  const o = document.createElement('option');
  o.value = value;
  o.textContent = text;
  return o;
}

function fillLayers() {
  const names = Object.keys(LAYERS).filter((k) => !LAYERS[k].window || run.windows.includes(LAYERS[k].window));
  if (!names.includes(state.layer))
    state.layer = names[0];
  $('layer').replaceChildren(...names.map((k) => option(k, LAYERS[k].title)));
  const styles = index.styles.filter((s) => s !== 'value');
  if (!styles.includes(state.style))
    state.style = '';
  $('style').replaceChildren(...styles.map((s, i) => option(i ? s : '', s[0].toUpperCase() + s.slice(1))));
}

function fillRuns() {
  const list = index.runs.map((r) => option(r.run, `${clockOf(Date.parse(r.issued))} \u00b7 ${r.issued.slice(0, 10)}, ${utcOf(Date.parse(r.issued))}`));
  $('run').replaceChildren(option('', 'Newest, as it comes'), ...list);
  $('run').value = state.run;
}

function fillThresholds() {
  const t = thresholds();
  $('threshold').max = t.length - 1;
  if (state.threshold < t[0] || state.threshold > t[t.length - 1])
    state.threshold = t[0];
}

function fillControls() {
  const l = LAYERS[state.layer], t = thresholds();
  $('layer').value = state.layer;
  $('style').value = state.style;
  $('threshold-row').hidden = !l.threshold;
  $('percentile-row').hidden = !l.percentile;
  $('threshold').value = t.reduce((best, v, i) => (Math.abs(v - state.threshold) < Math.abs(t[best] - state.threshold) ? i : best), 0);
  $('threshold-text').textContent = `${state.threshold} mm/h, ${strengthOf(state.threshold)}`;
  $('percentile').value = state.percentile;
  $('percentile-text').textContent = state.percentile === 50 ? 'Median: as likely more as less' : state.percentile > 50
    ? `Exceeded with ${100 - state.percentile} %` : `Exceeded with ${100 - state.percentile} %: at least this`;
  $('opacity').value = 100 * state.opacity;
  $('opacity-text').textContent = `${Math.round(100 * state.opacity)} %`;
}

function fillSources() {
  const rows = [['Reference time', `${run.issued.replace('T', ' ').replace('Z', '')} UTC`], ['Sources', run.inputs_used], ['Missing', run.inputs_missing],
    ['Method', run.method], ['Model', run.model], ['By', run.institution]];
  $('sources').replaceChildren(...rows.filter(([, text]) => text).flatMap(([name, text]) => {
    const dt = document.createElement('dt'), dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = text;
    return [dt, dd];
  }));
}

// ---- a place ----

async function showPlace() {
  const card = $('place');
  if (!state.place || !run) {
    card.hidden = true;
    if (pin)
      pin.remove();
    pin = null;
    return;
  }
  const [lon, lat] = state.place, at = L.latLng(lat, lon), query = `lon=${lon.toFixed(4)}&lat=${lat.toFixed(4)}&run=${run.run}`;
  pin = pin || L.circleMarker(at, {radius: 8, color: '#fff', weight: 3, fillColor: '#b3261e', fillOpacity: 1, interactive: false}).addTo(map);
  pin.setLatLng(at);
  card.hidden = false;
  const w = Math.max(200, Math.min(2000, $('plume-frame').clientWidth)), plume = $('plume');
  plume.src = `plume.svg?${query}&w=${w}&h=${window.innerHeight < 700 ? 230 : 290}&utc_offset=${-new Date(run.issued).getTimezoneOffset()}`;
  $('place-where').textContent = `${Math.abs(lat).toFixed(3)}\u00b0 ${lat < 0 ? 'S' : 'N'}, ${Math.abs(lon).toFixed(3)}\u00b0 ${lon < 0 ? 'W' : 'E'} \u00b7 forecast of ${clockOf(Date.parse(run.issued))}`;
  try {
    const p = await getJson(`point?${query}`);
    $('place-text').textContent = p.covered ? p.rain.sentence.replace(/ %/g, '\u00a0%') : 'No forecast for this place';
    plume.alt = p.covered ? p.rain.sentence : '';
    $('plume-frame').hidden = !p.covered;
    if (!p.covered)
      showPin();
  } catch (e) {
    $('place-text').textContent = 'The forecast for this place did not arrive';
  }
}

// Where a card covers the place, the map moves.
function showPin() {
  if (!pin)
    return;
  const at = pin.getLatLng(), card = $('place').getBoundingClientRect(), p = map.latLngToContainerPoint(at);
  if (p.x < card.left - 12 || p.x > card.right || p.y < card.top - 12 || p.y > card.bottom + 12)
    return;
  map.panBy(window.innerWidth > 720 ? [p.x - card.left + 80, 0] : [0, p.y - card.top + 60]);
}

function choosePlace(place) {
  state.place = place;
  showPlace();
  writeHash();
}

// ---- beginning ----

function listen() {
  const on = (id, what, f) => $(id).addEventListener(what, f);
  const change = (f) => () => { f(); apply(); writeHash(); };
  on('layer', 'change', change(() => {
    state.layer = $('layer').value;
    if (frames[current].lead <= 0) // what was chosen is a forecast: show one
      current = Math.min(frames.length - 1, frames.findIndex((f) => f.lead > 0) + 5);
  }));
  on('threshold', 'input', change(() => { state.threshold = thresholds()[Number($('threshold').value)]; }));
  on('percentile', 'input', change(() => { state.percentile = Number($('percentile').value); }));
  on('style', 'change', change(() => { state.style = $('style').value; }));
  on('run', 'change', () => { state.run = $('run').value; refresh(); });
  on('opacity', 'input', () => {
    state.opacity = Number($('opacity').value) / 100;
    pictures.setOpacity(state.opacity);
    fillControls();
    writeHash();
  });
  on('time', 'input', () => { play(false); go(Number($('time').value)); });
  on('play', 'click', () => play(!playing));
  on('back', 'click', () => step(-1));
  on('next', 'click', () => step(1));
  on('age', 'click', refresh);
  on('plume', 'load', showPin);
  on('place-close', 'click', () => choosePlace(null));
  on('more', 'click', () => {
    const open = $('panel').classList.toggle('open');
    $('more').setAttribute('aria-expanded', open);
  });
  document.addEventListener('keydown', (e) => {
    const field = e.target.closest('input, select, button, summary');
    if (e.ctrlKey || e.metaKey || e.altKey || !run)
      return;
    if (e.key === 'Escape')
      choosePlace(null);
    else if (field && !(field.id === 'time' && e.key === ' '))
      return;
    else if (e.key === ' ')
      play(!playing);
    else if (e.key === 'ArrowLeft' || e.key === 'ArrowRight')
      step(e.key === 'ArrowLeft' ? -1 : 1);
    else if (e.key === 'Home')
      step(nearest(Date.parse(run.issued)) - current);
    else
      return;
    e.preventDefault();
  }, true);
  document.addEventListener('visibilitychange', () => document.hidden || refresh());
  window.addEventListener('online', refresh);
  window.addEventListener('resize', () => run && drawTimes());
  window.addEventListener('hashchange', () => {
    const view = readHash();
    if (view)
      map.setView(view.center, view.zoom);
    if (run)
      takeRun(null, null);
  });
  setInterval(showAge, 15000);
}

async function begin() {
  const view = readHash();
  map = L.map('map', {zoomControl: false, fadeAnimation: false, minZoom: 2, maxZoom: 12, worldCopyJump: true, keyboard: false,
    attributionControl: false, ...(view || {center: [50, 8], zoom: 4})});
  L.control.scale({position: 'bottomright', imperial: false}).addTo(map);
  L.control.zoom({position: 'bottomright'}).addTo(map);
  pictures = new Frames(map, () => {});
  pictures.opacity = state.opacity;
  addLand(map);
  if (window.innerWidth > 720) {
    $('panel').classList.add('open');
    $('more').setAttribute('aria-expanded', true);
  }
  listen();
  framed = Boolean(view);
  await refresh();
  map.on('click', (e) => { const at = e.latlng.wrap(); choosePlace([at.lng, at.lat]); });
  map.on('moveend', writeHash);
}

begin();
