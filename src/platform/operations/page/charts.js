// The charts of the last 10 minutes. uPlot is a script of its own, from /page/uPlot.iife.min.js.
import { element, setText } from './dom.js';
import { clock, cores, milliseconds, NONE, percent, rate, withoutZeros } from './format.js';

/** Samples, one per second. */
const LENGTH = 600;
/** What a chart shows at least, also of an app that has just started. */
const SHORTEST_MS = 60_000;
/** Line patterns beside the colours, for those who cannot tell the colours apart. */
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

const MB = 1024 ** 2;
const megabytes = (value) => (value === null ? NONE : `${Math.round(value).toLocaleString('en-US')} MB`);

/** `floor`: the smallest top of the scale, so that noise of an idle app does not look like load. */
const CHARTS = [
  {
    title: 'Requests per second',
    format: rate,
    floor: 4,
    series: Object.fromEntries(
      ['2xx', '3xx', '4xx', '5xx'].map((name) => [name, (one) => one.responses[name]]),
    ),
  },
  {
    title: 'Latency',
    format: milliseconds,
    floor: 1,
    series: { p99: (one) => one.p99Ms, p95: (one) => one.p95Ms, p50: (one) => one.p50Ms },
  },
  { title: 'CPU', format: cores, floor: 0.5, series: { 'all processes': (one) => one.cpu } },
  { title: 'Memory', format: megabytes, floor: 32, series: { resident: (one) => one.rssBytes / MB } },
  { title: 'Event loop busy', format: percent, floor: 1, series: { mean: (one) => one.utilization } },
  {
    title: 'Event loop delay',
    format: milliseconds,
    floor: 5,
    series: { 'worst worker': (one) => one.delayMs },
  },
];

/** @returns `reset(samples)`, `add(sample)` and `draw()`. */
export function createCharts(place) {
  let samples = [];
  const colors = readColors();
  const charts = CHARTS.map((chart) => createChart(place, chart, colors));
  const draw = () => {
    for (const chart of charts) chart.draw(samples);
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    Object.assign(colors, readColors());
    draw();
  });
  return {
    draw,
    reset: (latest) => (samples = latest.slice(-LENGTH)),
    add: (sample) => {
      if (sample.at > (samples.at(-1)?.at ?? 0)) samples = [...samples.slice(1 - LENGTH), sample];
    },
  };
}

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    lines: [1, 2, 3, 4].map((one) => color(`line-${one}`)),
    quiet: color('quiet'),
    grid: color('line'),
  };
}

function createChart(place, { title, format, floor, series }, colors) {
  const names = Object.keys(series);
  const time = element('span', { className: 'time' });
  const values = names.map(() => element('b', { textContent: NONE }));
  const legend = element('ul', {}, ...names.map((name, index) => key(name, index, values[index])));
  const plot = element('div', {
    className: 'plot',
    tabIndex: 0,
    role: 'slider',
    ariaLabel: `${title}, the last 10 minutes`,
    ariaValueMin: String(-LENGTH),
    ariaValueMax: '0',
    ariaValueNow: '0',
    ariaValueText: 'now',
  });
  const caption = element('figcaption', {}, element('h3', { textContent: title }), time, legend);
  place.append(element('figure', {}, caption, plot));
  const showValues = (chart) => {
    const { idx } = chart.cursor;
    const last = chart.data[0].length - 1;
    const at = chart.data[0][idx ?? last];
    setText(time, idx === null || idx === undefined || at === undefined ? '' : clock(at));
    values.forEach((value, index) => setText(value, format(chart.data[index + 1][idx ?? last] ?? null)));
  };
  const options = optionsFor({ names, format, floor, colors, showValues }, plot);
  const chart = new globalThis.uPlot(options, [[], ...names.map(() => [])], plot);
  new ResizeObserver(() => chart.setSize(sizeOf(plot))).observe(plot);
  plot.addEventListener('keydown', (event) => moveCursor(chart, event, legend));
  plot.addEventListener('blur', () => chart.setCursor({ left: -10, top: -10 }));
  const draw = (samples) => {
    const read = Object.values(series).map((valueOf) => samples.map(valueOf));
    chart.setData([samples.map(({ at }) => at), ...read]);
    showValues(chart);
  };
  return { draw };
}

const sizeOf = ({ clientWidth, clientHeight }) => ({ width: clientWidth, height: clientHeight });

/** A name in the legend, beside a piece of its line. */
function key(name, index, value) {
  const svg = 'http://www.w3.org/2000/svg';
  const swatch = document.createElementNS(svg, 'svg');
  const line = document.createElementNS(svg, 'line');
  const attributes = { x1: 0, x2: 22, y1: 4, y2: 4, 'stroke-dasharray': DASHES[index].join(' ') };
  for (const [attribute, content] of Object.entries(attributes)) line.setAttribute(attribute, content);
  swatch.setAttribute('class', `swatch line-${index + 1}`);
  swatch.setAttribute('aria-hidden', 'true');
  swatch.append(line);
  return element('li', {}, swatch, ` ${name} `, value);
}

function optionsFor({ names, format, floor, colors, showValues }, plot) {
  return {
    ...sizeOf(plot),
    ms: 1,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 6 }, sync: { key: 'operations' } },
    scales: {
      x: { range: (_chart, from, to = Date.now()) => [Math.min(from ?? to, to - SHORTEST_MS), to] },
      y: { range: (_chart, _from, to) => [0, Math.max(floor, (to ?? 0) * 1.08)] },
    },
    axes: axesFor(format, colors),
    series: [
      {},
      ...names.map((name, index) => ({
        label: name,
        stroke: () => colors.lines[index],
        dash: DASHES[index],
        width: 1.75,
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [showValues] },
  };
}

function axesFor(format, colors) {
  const axis = { stroke: () => colors.quiet, font: '11px system-ui, sans-serif', ticks: { show: false } };
  const time = (at) => clock(at).slice(-8).replace(/:00$/, '');
  const amount = (value) => withoutZeros(format(value));
  return [
    { ...axis, size: 22, gap: 4, space: 70, grid: { show: false }, values: (_chart, at) => at.map(time) },
    {
      ...axis,
      size: 64,
      gap: 6,
      space: 34,
      grid: { stroke: () => colors.grid, width: 1 },
      values: (_chart, values) => values.map(amount),
    },
  ];
}

/** The arrow keys go through time, as a mouse does. What a slider is at is read out, once per key. */
function moveCursor(chart, event, legend) {
  const last = chart.data[0].length - 1;
  const current = chart.cursor.idx ?? last;
  const targets = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: last };
  const target = targets[event.key];
  if (event.key === 'Escape') chart.setCursor({ left: -10, top: -10 });
  if (target === undefined || chart.data[0][target] === undefined) return;
  event.preventDefault();
  chart.setCursor({ left: chart.valToPos(chart.data[0][target], 'x'), top: 0 });
  const values = legend.innerText.trim().replaceAll(/\s*\n\s*/g, ', ');
  event.currentTarget.ariaValueNow = String(target - last);
  event.currentTarget.ariaValueText = `${clock(chart.data[0][target])}: ${values}`;
}
