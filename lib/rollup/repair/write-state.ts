import type { Task } from '../../committer/index.ts';
import { text } from '../../engine/sql.ts';
import { partOf } from '../sql/points.ts';
import { livingTails } from '../sql/series.ts';
import { stateJob } from '../state/job.ts';
import type { StateFile, StateFiles } from '../state/state.ts';
import { type StateKind, stateKeys } from './change-state.ts';
import { numberOf, type Repairing } from './repairing.ts';

/**
 * Uploads the state's files that have other rows now, and carries all others over by reference. They get their names when
 * the repair is published.
 */
export async function writeRepairedState(repairing: Repairing): Promise<{
  readonly state: StateFiles;
  readonly newestHotMs: number | null;
  readonly newestPartMs: number | null;
}> {
  const { context, session, unit } = repairing;
  const task = (await stateJob(context)).task(unit, context.attempt);
  const state = {
    hot: await writeKind(repairing, task, 'hot'),
    tails: await writeKind(repairing, task, 'tails'),
    part: await writeKind(repairing, task, 'part'),
  };
  await task.commit();
  const newest = async (select: string) => {
    const [row] = await session.query(select);
    return row?.['t'] === null || row?.['t'] === undefined ? null : Number(row['t']);
  };
  return {
    state,
    newestHotMs: await newest('SELECT max(ts) AS t FROM hot_changed'),
    newestPartMs: await newest('SELECT max(w) AS t FROM part_changed'),
  };
}

async function writeKind(repairing: Repairing, task: Task, kind: StateKind): Promise<readonly StateFile[]> {
  const { session, spec } = repairing;
  const before = spec.state[kind];
  if ((await numberOf(session, `SELECT count(*) FROM ${kind}_changed`)) === 0) return before;
  const changed = await session.query(
    `SELECT DISTINCT ${partOf('id', spec)} AS part FROM ${kind}_changed ORDER BY part`,
  );
  const left = new Set(changed.map(({ part }) => Number(part)));
  const all = [...left];
  const files: StateFile[] = [];
  for (const file of before) {
    if (!all.some((part) => file.firstPart <= part && part <= file.lastPart)) {
      files.push(file);
      continue;
    }
    // A part may be in several files; its new rows go to the first of them.
    const own = [...left].filter((part) => file.firstPart <= part && part <= file.lastPart);
    for (const part of own) left.delete(part);
    files.push(...(await writeFile(repairing, task, { kind, file, own, number: files.length })));
  }
  if (left.size > 0)
    files.push(
      ...(await writeFile(repairing, task, { kind, file: undefined, own: [...left], number: files.length })),
    );
  return files.sort((a, b) => a.firstPart - b.firstPart);
}

interface FileOptions {
  readonly kind: StateKind;
  /** The file that it takes the place of. */
  readonly file: StateFile | undefined;
  /** Parts whose changed rows it takes. */
  readonly own: readonly number[];
  readonly number: number;
}

async function writeFile(
  { context, session, spec, rules, unit }: Repairing,
  task: Task,
  { kind, file, own, number }: FileOptions,
): Promise<readonly StateFile[]> {
  const keys = stateKeys[kind].join(', ');
  const columns = (await session.query(`DESCRIBE ${kind}_changed`)).map((row) => String(row['column_name']));
  const names = columns.join(', ');
  const added =
    own.length === 0
      ? []
      : [`SELECT ${names} FROM ${kind}_changed WHERE ${partOf('id', spec)} IN (${own.join(', ')})`];
  const kept =
    file === undefined
      ? []
      : [
          `SELECT ${names} FROM read_parquet(${text(await context.world.warehouse.localPath(file.location))}, hive_partitioning = false) ANTI JOIN ${kind}_changed USING (${keys})`,
        ];
  const living = kind === 'tails' ? livingTails(spec.closedThroughMs, rules) : 'true';
  const path = `${session.workFolder}/${kind}.parquet`;
  const [written] = await session.writeParquet({
    select: `SELECT * FROM (${[...kept, ...added].join(' UNION ALL ')}) WHERE ${living} ORDER BY ${keys}`,
    path,
    encoding: 'delta',
  });
  if (written === undefined || written.rows === 0) return [];
  const { destination, sizeBytes } = await task.write(`${kind}-${unit}-${number}.parquet`, { path });
  return [
    {
      location: destination,
      rows: written.rows,
      sizeBytes,
      firstPart: file?.firstPart ?? Math.min(...own),
      lastPart: file?.lastPart ?? Math.max(...own),
    },
  ];
}
