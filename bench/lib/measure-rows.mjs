import { end, prepare, warmUp } from './measure.mjs';
import { pin } from './pin.mjs';
import { takeTurns } from './turns.mjs';

/**
 * Measures the rows one after the other, each in turns with bare Express: a process that had to wait for all the others in
 * each round would be cold at its turn, and a template that had waited for IDLE_MEMORY_SECONDS would have given its memory back.
 *
 * @returns for each row, by id: its answer's size, and of each turn what `run` found of it and of bare Express.
 */
export async function measureRows(rows, { start, running, context }) {
  const answers = new Map();
  const measured = new Map();
  let bare;
  for (const row of rows) {
    running[row.server] ??= await start[row.server]();
    const job = await prepare(row, running[row.server], answers);
    // The first: plan.mjs sees to that.
    bare ??= job;
    await pin(Object.values(running), context.load);
    await warmUp([job], context);
    const turns = await takeTurns(job === bare ? [job] : [bare, job], context);
    measured.set(row.id, {
      row,
      wireBytes: job.wireBytes,
      turns: turns.map((turn) => ({ own: turn[row.id], bare: turn.bare })),
    });
    if (job.server !== bare.server) await end(running, [row.server]);
  }
  await end(running);
  return measured;
}
