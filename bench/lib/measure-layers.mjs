import { end, prepareAll, warmUp } from './measure.mjs';
import { pin } from './pin.mjs';
import { takeTurns } from './turns.mjs';

/**
 * Measures a layer, and the usual package, in turns with what it is compared to: what a layer adds may be a hundredth of
 * a request.
 *
 * @param plan - one of `planLayers`.
 * @returns of each turn what `run` found, by the row's id.
 */
export async function measureLayer({ rows, compared }, { start, running, context }) {
  for (const row of rows) running[row.server] = await start.layers(row);
  const jobs = (await prepareAll(rows, running)).filter(({ row }) => compared.has(row.id));
  await pin(Object.values(running), context.load);
  await warmUp(jobs, context);
  const turns = await takeTurns(jobs, context);
  await end(running);
  return turns;
}
