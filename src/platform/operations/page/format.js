// Numbers as the page shows them: each with its unit, and a dash where there is none.

export const NONE = '–';

const optional = (format) => (value) =>
  value === null || value === undefined || Number.isNaN(value) ? NONE : format(value);

/** Three digits below 100, so that a column of them is aligned; thousands separated from then on. */
function digits(value) {
  const fraction = value === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

export const count = optional((value) => Math.round(value).toLocaleString('en-US'));

export const rate = optional((value) => `${digits(value)}/s`);

export const cores = optional((value) => `${value.toFixed(2)} ${value === 1 ? 'core' : 'cores'}`);

/** @param value - a share, 1 for 100 %. */
export const percent = optional((value) => {
  const share = value * 100;
  const isSmall = share !== 0 && Math.abs(share) < 10;
  return `${share.toLocaleString('en-US', { maximumFractionDigits: isSmall ? 1 : 0 })} %`;
});

export const milliseconds = optional((value) =>
  value >= 1000 ? `${digits(value / 1000)} s` : `${digits(value)} ms`,
);

/** For the ticks of an axis: "20 ms", not "20.0 ms". */
export const withoutZeros = (text) => text.replace(/\.(\d*?)0+(?=\D)/, (_all, rest) => rest && `.${rest}`);

/** Units of 1024, as `npm run ctl -- status` has them. */
export const bytes = optional((value) => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let amount = value;
  for (; Math.abs(amount) >= 1024 && unit < units.length - 1; unit += 1) amount /= 1024;
  return `${digits(amount)} ${units[unit]}`;
});

/** 93784 seconds are "1 d 2 h": the two largest units. */
export const duration = optional((seconds) => {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ];
  const first = units.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  const shown = units.slice(first, first + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(' ');
});

/** The time of day in 24 hours, "09:05:07", with the date if it is not today's. */
export function clock(at, now = Date.now()) {
  const date = new Date(at);
  const time = date.toLocaleTimeString('en-GB');
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? time : `${date.toLocaleDateString('sv-SE')} ${time}`;
}
