import type { EngineSession } from '../../engine/engine.ts';
import type { SparkUnit } from '../../engine/spark.ts';
import { text } from '../../engine/sql.ts';
import { IntegrityError } from '../../errors.ts';
import type { DataFile } from '../../iceberg/types.ts';
import { readSparkRows, type SparkRows, takeDataFile } from '../../run/spark/rows.ts';
import type { UnitItem } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { deadLettersJob, stateJob } from '../state/job.ts';
import type { StateFile, StateFiles } from '../state/state.ts';
import type { RollupContext, RollupSpec, WindowCounts } from '../types.ts';
import type { OutputTable } from '../work/write-windows.ts';
import { type PlainOutput, plainFolder } from './unit.ts';

/** How the files that Spark wrote for a unit become those of the batch. */

const safe = 'nothing of the unit is referenced';

interface UploadOptions {
  readonly context: RollupContext;
  readonly item: Pick<UnitItem, 'unit'>;
  readonly spec: Pick<RollupSpec, 'firstPart' | 'lastPart'>;
  readonly unit: Pick<SparkUnit, 'outputs'>;
  /** The folder that `plainFolder` divides. */
  readonly plain: Location;
}

export interface UploadedFiles {
  readonly state: StateFiles;
  readonly deadLetters: Location | undefined;
}

/**
 * Uploads what Spark left of the next state and of the dead letters: a file of each kind that has rows. They get their names
 * when the batch is published.
 * @throws IntegrityError when a folder that the unit was to write does not hold the one file
 */
export async function uploadFiles(options: UploadOptions): Promise<UploadedFiles> {
  const { context, item, spec, unit, plain } = options;
  await using session = await context.session(`finish-${item.unit}`, { threads: 1 });
  const found = async (output: PlainOutput): Promise<PlainFile | undefined> => {
    const folder = plainFolder(plain, output);
    if (!unit.outputs.some(({ path }) => path === folder)) return undefined;
    const file = await onlyFile(context, session, folder);
    return file.rows === 0 ? undefined : file;
  };
  const task = (await stateJob(context)).task(item.unit, context.attempt);
  const upload = async (kind: 'hot' | 'tails' | 'part'): Promise<readonly StateFile[]> => {
    const file = await found(kind);
    if (file === undefined) return [];
    const { destination, sizeBytes } = await task.write(`${kind}-${item.unit}.parquet`, file);
    const { firstPart, lastPart } = spec;
    return [{ location: destination, rows: file.rows, sizeBytes, firstPart, lastPart }];
  };
  const state = { hot: await upload('hot'), tails: await upload('tails'), part: await upload('part') };
  await task.commit();
  const letters = await found('dead-letters');
  if (letters === undefined) return { state, deadLetters: undefined };
  const lettersTask = (await deadLettersJob(context)).task(item.unit, context.attempt);
  const { destination } = await lettersTask.write(`${item.unit}.parquet`, letters);
  await lettersTask.commit();
  return { state, deadLetters: destination };
}

interface PlainFile {
  /** On this machine. */
  readonly path: string;
  readonly rows: number;
}

async function onlyFile(
  { world }: RollupContext,
  session: EngineSession,
  folder: Location,
): Promise<PlainFile> {
  const locations: Location[] = [];
  for await (const { location } of world.results.list(joinLocation(folder, '')))
    if (location.endsWith('.parquet')) locations.push(location);
  const [location] = locations;
  if (location === undefined || locations.length > 1)
    throw new IntegrityError(`${folder} holds ${locations.length} files of Spark's instead of one`, { safe });
  const path = await world.results.localPath(location);
  const [counted] = await session.query(`SELECT count(*) AS n FROM read_parquet(${text(path)})`);
  return { path, rows: Number(counted?.['n']) };
}

/**
 * The data files that Spark wrote into the table's folder.
 * @throws IntegrityError when a footer is not what the table asks for, or they have not the rows that Spark counted
 */
export async function takeRows(
  context: RollupContext,
  table: OutputTable,
  rows: SparkRows,
  windows: readonly WindowCounts[],
): Promise<readonly DataFile[]> {
  const files: DataFile[] = [];
  for (const described of await readSparkRows(context, rows)) {
    const file = await takeDataFile({ context, table, described, partition: described.partition });
    files.push({ ...file, sortOrderId: 1 });
  }
  for (const { resolutionMs, closed } of windows) {
    const own = files.filter(({ partition }) => Number(partition[0]) === resolutionMs);
    const written = own.reduce((sum, file) => sum + file.rows, 0);
    if (written !== closed)
      throw new IntegrityError(`Spark counted ${closed} rows of ${resolutionMs} ms and wrote ${written}`, {
        safe,
      });
  }
  return files;
}
