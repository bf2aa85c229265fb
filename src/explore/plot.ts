/** Lines and points on two axes, as SVG and as characters; a range is a bar behind its point. */
import { escapeHtml } from '../base/index.ts';
import type { Range } from './range.ts';

export interface PlotPoint {
  readonly x: number;
  readonly y: Range;
  readonly label?: string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly PlotPoint[];
  /** Joined by a line; points alone otherwise. */
  readonly line: boolean;
}

export interface Plot {
  readonly title: string;
  readonly x: { readonly title: string; readonly log: boolean };
  readonly y: { readonly title: string; readonly log: boolean };
  readonly series: readonly Series[];
  /** A number of an axis for people. */
  readonly format: (value: number) => string;
}

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 70, right: 190, top: 30, bottom: 45 };
const COLOURS = ['#2a7', '#d52', '#27c', '#a3a', '#b90', '#088', '#777', '#e4a'];

interface Axis {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** From values to places between `from` and `to`. */
function axisOf(values: readonly number[], log: boolean, from: number, to: number): Axis {
  const scale = (value: number): number => (log ? Math.log10(value) : value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = log
    ? [Math.floor(scale(low)), Math.max(Math.ceil(scale(high)), Math.floor(scale(low)) + 1)]
    : [low, high === low ? low + 1 : high];
  const place = (value: number): number =>
    from + ((scale(value) - first) / (last - first)) * (to - from);
  const steps = log ? last - first : Math.min(Math.round(last - first), 6);
  const ticks = Array.from({ length: steps + 1 }, (_, i) => {
    const at = first + ((last - first) * i) / steps;
    return log ? 10 ** at : at;
  });
  return { place, ticks };
}

function axesOf(
  { series, x, y }: Plot,
  width: readonly [number, number],
  height: readonly [number, number],
) {
  const points = series.flatMap((each) => each.points);
  const ys = points.flatMap(({ y: { low, high } }) => [low, high]);
  return {
    across: axisOf(
      points.map((point) => point.x),
      x.log,
      ...width,
    ),
    up: axisOf(ys, y.log, ...height),
  };
}

export function plotSvg(plot: Plot): string {
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const { across, up } = axesOf(plot, [MARGIN.left, right], [bottom, MARGIN.top]);
  const grid = [
    ...across.ticks.map((tick) => {
      const x = across.place(tick).toFixed(1);
      return `<line x1="${x}" x2="${x}" y1="${MARGIN.top}" y2="${bottom}"/><text x="${x}" y="${bottom + 16}" text-anchor="middle">${plot.format(tick)}</text>`;
    }),
    ...up.ticks.map((tick) => {
      const y = up.place(tick).toFixed(1);
      return `<line x1="${MARGIN.left}" x2="${right}" y1="${y}" y2="${y}"/><text x="${MARGIN.left - 6}" y="${y}" dy="4" text-anchor="end">${plot.format(tick)}</text>`;
    }),
  ];
  const drawn = plot.series.map((series, i) =>
    seriesSvg(series, COLOURS[i % COLOURS.length]!, across, up),
  );
  const legend = plot.series.map(
    ({ name }, i) =>
      `<text x="${right + 12}" y="${MARGIN.top + 8 + 18 * i}" fill="${COLOURS[i % COLOURS.length]}" stroke="none">● ${escapeHtml(name)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(plot.title)}" font-family="system-ui,sans-serif" font-size="11" fill="currentColor">
<text x="${MARGIN.left}" y="16" font-size="13">${escapeHtml(plot.title)}</text>
<g stroke="#8884" stroke-width="1">${grid.join('').replaceAll('<text', '<text stroke="none"')}</g>
<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeHtml(plot.x.title)}</text>
<text transform="translate(14 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(plot.y.title)}</text>
${drawn.join('\n')}
${legend.join('\n')}
</svg>`;
}

function seriesSvg({ points, line }: Series, colour: string, across: Axis, up: Axis): string {
  const at = points.map(({ x, y: { low, value, high }, label }) => ({
    x: across.place(x).toFixed(1),
    ...{
      low: up.place(low).toFixed(1),
      y: up.place(value).toFixed(1),
      high: up.place(high).toFixed(1),
    },
    label,
  }));
  const path = at.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const bars = at.map(({ x, low, high }) =>
    low === high
      ? ''
      : `<line x1="${x}" x2="${x}" y1="${low}" y2="${high}" stroke-width="5" opacity=".25"/>`,
  );
  const dots = at.map(({ x, y, label }) =>
    line && label === undefined
      ? ''
      : `<circle cx="${x}" cy="${y}" r="4" fill="${colour}"/>${label === undefined ? '' : `<text x="${x}" y="${y}" dx="6" dy="-6" fill="currentColor" stroke="none">${escapeHtml(label)}</text>`}`,
  );
  return `<g stroke="${colour}" fill="none">${line ? `<path d="${path}" stroke-width="2"/>` : ''}${bars.join('')}${dots.join('')}</g>`;
}

const COLUMNS = 64;
const ROWS = 18;
const MARKS = 'abcdefgh';

/** The same in characters: a letter for each series. */
export function plotText(plot: Plot): string {
  const { across, up } = axesOf(plot, [0, COLUMNS - 1], [ROWS - 1, 0]);
  const cells = Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => ' '));
  for (const [i, { points, line }] of plot.series.entries()) {
    const at = points.map(({ x, y }) => [across.place(x), up.place(y.value)] as const);
    const mark = MARKS[i % MARKS.length]!;
    const drawn = line ? at.flatMap((point, j) => between(point, at[j + 1] ?? point)) : at;
    for (const [x, y] of drawn) cells[Math.round(y)]![Math.round(x)] = mark;
  }
  const top = plot.format(up.ticks.at(-1)!);
  const low = plot.format(up.ticks[0]!);
  const width = Math.max(top.length, low.length);
  const rows = cells.map((row, i) => {
    const tick = i === 0 ? top : i === ROWS - 1 ? low : '';
    return `${tick.padStart(width)} │${row.join('')}`.trimEnd();
  });
  const [from, to] = [plot.format(across.ticks[0]!), plot.format(across.ticks.at(-1)!)];
  const legend = plot.series.map(({ name }, i) => `${MARKS[i % MARKS.length]} ${name}`).join('   ');
  return [
    `${plot.y.title}`,
    ...rows,
    `${' '.repeat(width)} └${'─'.repeat(COLUMNS)}`,
    `${' '.repeat(width + 2)}${from}${to.padStart(COLUMNS - from.length)}`,
    `${' '.repeat(width + 2)}${plot.x.title}`,
    legend,
  ].join('\n');
}

/** Points of the straight line from one to another, a column apart at most. */
function between(
  [x, y]: readonly [number, number],
  [toX, toY]: readonly [number, number],
): [number, number][] {
  const steps = Math.max(1, Math.ceil(Math.max(Math.abs(toX - x), Math.abs(toY - y))));
  return Array.from({ length: steps + 1 }, (_, i) => [
    x + ((toX - x) * i) / steps,
    y + ((toY - y) * i) / steps,
  ]);
}
