import { randomBytes } from 'node:crypto';
import type { RollupConfig } from '../config/schema.ts';
import { duckDb } from '../engine/duckdb-dialect.ts';
import type { EngineSession } from '../engine/engine.ts';
import { text } from '../engine/sql.ts';
import type { World } from '../run/workload.ts';
import { findTable, newestBatch } from './batch.ts';
import { labelNames, rollupShape } from './columns.ts';
import { mustFitTable } from './fits-table.ts';
import { mergeLevels } from './levels.ts';
import { rulesOf } from './rules.ts';
import { mergeSketches } from './sketch/levels.ts';
import { tableRows } from './sql/rows.ts';
import { isPoint } from './sql/series.ts';
import { closedOf, readState } from './state/state.ts';
import { openNoPoints, openState } from './work/inputs.ts';
import { orderSeries } from './work/series.ts';

/**
 * Makes the table `name` of the rows that the windows which are open now would have if no more points came, with the
 * columns of the published table: the newest state of the branch, without reading any published row.
 * @throws ConfigError when the pipeline's columns are not the table's
 */
export async function createOpenWindows(options: {
  readonly world: World;
  readonly config: RollupConfig;
  readonly branch: string;
  readonly session: EngineSession;
  readonly name: string;
}): Promise<void> {
  const { world, config, branch, session, name } = options;
  const rules = rulesOf(config);
  const shape = rollupShape(config);
  const labels = labelNames(shape);
  const table = await findTable(world, config);
  if (table !== undefined) mustFitTable(table, config);
  const newest = newestBatch(table, branch);
  const state = newest === undefined ? undefined : await readState(world.warehouse, newest);
  const parts = state?.parts ?? config.state.parts;
  const spec = {
    firstPart: 0,
    lastPart: parts - 1,
    parts,
    closedBeforeMs: closedOf(state) ?? null,
    watermarkMs: state?.watermarkMs ?? 0,
    hot: state?.hot ?? [],
    tails: state?.tails ?? [],
    part: state?.part ?? [],
  };
  // In a session of its own: the tables on the way have names that a query could mean, too.
  await using own = await world.engine.open({
    ...world.resources,
    threads: 1,
    workFolder: `${world.workRoot}/open-windows-${randomBytes(6).toString('hex')}`,
  });
  await openNoPoints(own, config);
  await openState({ world, config, runId: state?.runId ?? '' }, own, spec);
  await orderSeries(own, spec, rules, labels);
  await mergeLevels(own, rules, isPoint(spec));
  await mergeSketches(own, rules, shape.sketch, isPoint(spec));
  const selects = rules.resolutionsMs.map((resolutionMs) =>
    tableRows({ dialect: duckDb, shape, resolutionMs, labels, where: 'true' }),
  );
  const path = `${session.workFolder}/open-windows.parquet`;
  await own.writeParquet({
    select: `SELECT * FROM (${selects.join(' UNION ALL ')}) ORDER BY resolution, window_ts`,
    path,
  });
  await session.execute(`CREATE TABLE ${name} AS SELECT * FROM read_parquet(${text(path)})`);
}
