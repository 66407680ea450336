import type { Task } from '../../committer/index.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import type { Location } from '../../stores/ports.ts';
import { rollupShape } from '../columns.ts';
import { windows } from '../levels.ts';
import type { RollupRules } from '../rules.ts';
import { refusedPoints } from '../sql/series.ts';
import { coarser, isOpen, type StateRows, stateRows } from '../sql/state.ts';
import type { RollupContext, RollupOutcome, RollupSpec } from '../types.ts';
import { deadLettersJob, stateJob } from './job.ts';
import type { StateFile } from './state.ts';

export interface Writing {
  readonly context: RollupContext;
  readonly session: EngineSession;
  readonly spec: RollupSpec;
  readonly rules: RollupRules;
  /** Names of the label columns in the session's tables. */
  readonly labels: readonly string[];
  readonly unit: string;
}

type WrittenState = Pick<RollupOutcome, 'state' | 'newestHotMs' | 'newestPartMs'>;

/** Uploads the unit's files of the next state. They get their names when the batch is published. */
export async function writeState(writing: Writing): Promise<WrittenState> {
  const { session, spec, rules, labels } = writing;
  const task = (await stateJob(writing.context)).task(writing.unit, writing.context.attempt);
  const shape = rollupShape(writing.context.config);
  const files: Partial<Record<StateRows['kind'], StateFile | undefined>> = {};
  for (const rows of stateRows({ dialect: duckDb, spec, rules, shape, labels }))
    files[rows.kind] = await writeFile(writing, task, rows);
  await task.commit();
  const newest = async (select: string): Promise<number | null> => {
    const [row] = await session.query(select);
    return row?.['t'] === null || row?.['t'] === undefined ? null : Number(row['t']);
  };
  return {
    state: { hot: listOf(files.hot), tails: listOf(files.tails), part: listOf(files.part) },
    newestHotMs: await newest(`SELECT max(ts) AS t FROM ordered WHERE ${isOpen(spec, 'ts')}`),
    newestPartMs:
      files.part === undefined
        ? null
        : await newest(
            `SELECT max(w) AS t FROM (${coarser(rules)
              .map(
                (resolution) => `SELECT max(w) AS w FROM ${windows(resolution)} WHERE ${isOpen(spec, 'w')}`,
              )
              .join(' UNION ALL ')})`,
          ),
  };
}

export interface DeadLetters {
  readonly location: Location | undefined;
  readonly tooLate: number;
  readonly tooFar: number;
}

export const noDeadLetters: DeadLetters = { location: undefined, tooLate: 0, tooFar: 0 };

/** Keeps the points that are in no row, each with its reason: `too late` or `too far`; those of one series and time in the order of ingest. */
export async function writeDeadLetters(writing: Writing): Promise<DeadLetters> {
  const { context, session, spec, rules, unit } = writing;
  const path = `${session.workFolder}/dead-letters.parquet`;
  await session.execute(`CREATE TEMP TABLE refused AS ${refusedPoints(spec, rules)}`);
  const [counts] = await session.query(
    "SELECT count(*) FILTER (reason = 'too late') AS late, count(*) FILTER (reason = 'too far') AS far FROM refused",
  );
  const [written] = await session.writeParquet({
    select: 'SELECT * EXCLUDE (q) FROM refused ORDER BY id, ts, q',
    path,
  });
  if (written === undefined || written.rows === 0) return noDeadLetters;
  const task = (await deadLettersJob(context)).task(unit, context.attempt);
  const { destination } = await task.write(`${unit}.parquet`, { path });
  await task.commit();
  return { location: destination, tooLate: Number(counts?.['late']), tooFar: Number(counts?.['far']) };
}

async function writeFile(
  { session, spec, unit }: Writing,
  task: Task,
  { kind, select, by }: StateRows,
): Promise<StateFile | undefined> {
  const path = `${session.workFolder}/${kind}.parquet`;
  // Sorted series and times are small as differences.
  const [written] = await session.writeParquet({
    select: `${select} ORDER BY ${by}`,
    path,
    encoding: 'delta',
  });
  if (written === undefined || written.rows === 0) return undefined;
  const { destination, sizeBytes } = await task.write(`${kind}-${unit}.parquet`, { path });
  return {
    location: destination,
    rows: written.rows,
    sizeBytes,
    firstPart: spec.firstPart,
    lastPart: spec.lastPart,
  };
}

function listOf(file: StateFile | undefined): readonly StateFile[] {
  return file === undefined ? [] : [file];
}
