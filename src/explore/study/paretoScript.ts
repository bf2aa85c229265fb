/**
 * An interactive plot for a page of its own: axes to choose, and the design under the pointer.
 *
 * The page has a figure already, drawn without scripts, which this one takes the place of. It is small
 * enough to be read here; a plotting library would be 50 times its size, in every report.
 */
import { escapeHtml } from '../../base/index.ts';

/** A point of the plot, its metrics in the order of `metrics`. */
export interface PlottedPoint {
  readonly series: number;
  readonly values: readonly (number | null)[];
  /** What the pointer shows. */
  readonly text: string;
}

export interface PlottedStudy {
  readonly metrics: readonly string[];
  /** Metrics of the axes at first. */
  readonly x: number;
  readonly y: number;
  readonly series: readonly string[];
  readonly points: readonly PlottedPoint[];
}

/** HTML that ends a page: the data, and what draws them in the first figure. */
export function paretoScript(study: PlottedStudy): string {
  // "<" would end the element, whatever the text around it.
  const data = JSON.stringify(study).replaceAll('<', '\\u003c');
  return `<style>${STYLE}</style>
<template id="pareto"><div class="pareto">${CONTROLS}<svg viewBox="0 0 720 420" role="img" aria-label="${escapeHtml('Designs by two metrics')}"></svg><output hidden></output></div></template>
<script type="application/json" id="study">${data}</script>
<script>${SCRIPT}</script>
`;
}

const STYLE = `.pareto{position:relative}.pareto svg{width:100%;font:11px system-ui,sans-serif;fill:currentColor}
.pareto label{margin-right:1rem}.pareto circle{cursor:pointer}.pareto circle:focus,.pareto circle:hover{stroke:currentColor;stroke-width:2}
.pareto output{position:absolute;white-space:pre-line;background:Canvas;border:1px solid #8886;padding:.25rem .5rem;font-size:13px;pointer-events:none;max-width:26rem}`;

const CONTROLS = ['x', 'y']
  .map(
    (axis) =>
      `<label>${axis} <select name="${axis}"></select></label><label><input type="checkbox" name="log ${axis}"> log</label>`,
  )
  .join(' ');

const SCRIPT = `'use strict';
const study = JSON.parse(document.getElementById('study').textContent);
const COLOURS = ['#2a7', '#8888', '#d52', '#27c', '#a3a', '#b90'];
const BOX = { left: 70, right: 550, top: 15, bottom: 375 };
const root = document.getElementById('pareto').content.firstElementChild;
document.querySelector('figure svg').replaceWith(root);
const svg = root.querySelector('svg');
const shown = root.querySelector('output');
const control = (name) => root.querySelector('[name="' + name + '"]');
for (const axis of ['x', 'y']) {
  control(axis).append(...study.metrics.map((name, i) => new Option(name, i, false, i === study[axis])));
  for (const name of [axis, 'log ' + axis]) control(name).addEventListener('change', draw);
}
function add(parent, name, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}
/** Places of values between two ends, and values at which to draw lines. */
function scaleOf(values, log, from, to) {
  const of = log ? Math.log10 : Number;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, of(value)), Math.max(high, of(value))];
  if (!(low < high)) [low, high] = [low - 0.5, high + 0.5];
  const place = (value) => from + ((of(value) - low) / (high - low)) * (to - from);
  const ticks = Array.from({ length: 6 }, (_, i) => low + ((high - low) * i) / 5);
  return { place, ticks: ticks.map((tick) => (log ? 10 ** tick : tick)) };
}
const short = (value) => String(Number(value.toPrecision(3)));
function draw() {
  const [x, y] = ['x', 'y'].map((axis) => Number(control(axis).value));
  const [logX, logY] = ['x', 'y'].map((axis) => control('log ' + axis).checked);
  const fits = (value, log) => value !== null && (!log || value > 0);
  const points = study.points.filter(({ values }) => fits(values[x], logX) && fits(values[y], logY));
  const across = scaleOf(points.map(({ values }) => values[x]), logX, BOX.left, BOX.right);
  const up = scaleOf(points.map(({ values }) => values[y]), logY, BOX.bottom, BOX.top);
  svg.replaceChildren();
  if (points.length > 0) {
    for (const tick of across.ticks) {
      const at = across.place(tick);
      add(svg, 'line', { x1: at, x2: at, y1: BOX.top, y2: BOX.bottom, stroke: '#8884' });
      add(svg, 'text', { x: at, y: BOX.bottom + 16, 'text-anchor': 'middle' }, short(tick));
    }
    for (const tick of up.ticks) {
      const at = up.place(tick);
      add(svg, 'line', { x1: BOX.left, x2: BOX.right, y1: at, y2: at, stroke: '#8884' });
      add(svg, 'text', { x: BOX.left - 6, y: at, dy: 4, 'text-anchor': 'end' }, short(tick));
    }
  }
  add(svg, 'text', { x: (BOX.left + BOX.right) / 2, y: 412, 'text-anchor': 'middle' }, study.metrics[x]);
  add(svg, 'text', { transform: 'translate(14 195) rotate(-90)', 'text-anchor': 'middle' }, study.metrics[y]);
  study.series.forEach((name, i) =>
    add(svg, 'text', { x: BOX.right + 12, y: BOX.top + 8 + 18 * i, fill: COLOURS[i] }, '\\u25cf ' + name));
  for (const point of points) {
    const [cx, cy] = [across.place(point.values[x]), up.place(point.values[y])];
    const dot = add(svg, 'circle', { cx, cy, r: point.series === 1 ? 2 : 4, fill: COLOURS[point.series] });
    if (point.series !== 1) dot.setAttribute('tabindex', 0);
    for (const event of ['pointerenter', 'focus']) dot.addEventListener(event, () => show(point, cx, cy));
    for (const event of ['pointerleave', 'blur']) dot.addEventListener(event, () => (shown.hidden = true));
  }
}
function show(point, cx, cy) {
  const metrics = study.metrics.map((name, i) => name + ': ' + (point.values[i] === null ? '?' : short(point.values[i])));
  shown.textContent = [point.text, ...metrics].join('\\n');
  const [box, outer] = [svg.getBoundingClientRect(), root.getBoundingClientRect()];
  shown.style.left = (cx / 720) * box.width + 12 + 'px';
  shown.style.top = box.top - outer.top + (cy / 420) * box.height + 12 + 'px';
  shown.hidden = false;
}
draw();`;
