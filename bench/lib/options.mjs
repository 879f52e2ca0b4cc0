import { parseArgs } from 'node:util';

/** Measurements beside the rows of CPU time. */
const EXTRAS = ['start', 'memory', 'cluster', 'nginx', 'overload'];

/** The command line. --quick is for a look while one works; figures that are published come from a run without it. */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      /** Under a minute: fewer and shorter rounds, and of the extras the cheap ones only. */
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      /** Rows and extras by id, with commas. */
      only: { type: 'string' },
      rounds: { type: 'string' },
      /** Where the chart goes. */
      svg: { type: 'string' },
    },
  });
  const { quick, json, svg } = values;
  const only = values.only && new Set(values.only.split(','));
  const extras = EXTRAS.filter((id) => (only ? only.has(id) : !quick || id === 'memory'));
  return {
    quick,
    json,
    svg,
    only,
    extras: new Set(extras),
    rounds: Number(values.rounds ?? (quick ? 2 : 7)),
    milliseconds: quick ? 700 : 2000,
    warmUpMs: quick ? 1000 : 4000,
  };
}
