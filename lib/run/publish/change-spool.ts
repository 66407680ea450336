import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { PinnedSnapshotExpiredError } from '../../errors.ts';
import {
  type DataFile,
  dataFileFromJson,
  type RemovedFile,
  writtenFileFromJson,
} from '../../iceberg/index.ts';
import { ahead } from '../ahead.ts';
import { type JsonLinesFile, openJsonLinesFile } from '../json-lines-file.ts';
import { checkpointsOf } from '../units/checkpoints.ts';
import type { Plan, RunContext, UnitResult } from '../workload.ts';
import type { OutcomeWithChanges, TableChange } from './table-change.ts';

type Kind = Exclude<keyof TableChange, 'role'>;
const kinds: readonly Kind[] = ['added', 'addedDeletes', 'removed', 'removedDeletes'];

/** All changes of a run, sorted by table and kind on local disk: read once from the checkpoints, replayed at will. */
export interface ChangeSpool extends AsyncDisposable {
  readonly counts: Readonly<Record<string, Readonly<Record<Kind, number>>>>;
  dataFiles(role: string, kind: 'added' | 'addedDeletes'): AsyncIterable<DataFile>;
  removedFiles(role: string, kind: 'removed' | 'removedDeletes'): AsyncIterable<RemovedFile>;
}

interface SpoolOptions {
  readonly context: RunContext;
  readonly plan: Plan;
  /** Stages whose units change no table: their checkpoints are not read. */
  readonly idleStages?: readonly string[];
  /** Called once with the result of each unit of the other stages, in the plan's order. */
  readonly heard?: (stage: string, result: UnitResult) => void;
}

/** Units whose files are asked for at once; each question is a round trip to a store that may be far away. */
const unitsAtOnce = 32;

/**
 * Streams the checkpoints of the plan's stages into a spool, and proves on the way that every file to be added
 * is there with its recorded length.
 * @throws PinnedSnapshotExpiredError when a written file has gone
 */
export async function spoolChanges(options: SpoolOptions): Promise<ChangeSpool> {
  const { context, plan, idleStages = [], heard } = options;
  const folder = `${context.world.workRoot}/${context.runId}/spool-${randomBytes(4).toString('hex')}`;
  await mkdir(folder, { recursive: true });
  const writers = new Map<string, JsonLinesFile>();
  const counts: Record<string, Record<Kind, number>> = {};
  const pathOf = (role: string, kind: Kind) =>
    `${folder}/${createHash('sha1').update(`${role}/${kind}`).digest('hex')}.jsonl`;

  async function write(role: string, kind: Kind, values: readonly unknown[]): Promise<void> {
    if (values.length === 0) return;
    const path = pathOf(role, kind);
    const writer = writers.get(path) ?? openJsonLinesFile(path);
    writers.set(path, writer);
    for (const value of values) await writer.write(value);
    counts[role] ??= { added: 0, addedDeletes: 0, removed: 0, removedDeletes: 0 };
    counts[role][kind] += values.length;
  }

  async function spool(): Promise<void> {
    for (const stage of plan.stages) {
      if (idleStages.includes(stage.name)) continue;
      const proven = ahead(checkpointsOf(context, stage), unitsAtOnce, async ({ result }) => {
        const { changes } = result.outcome as OutcomeWithChanges;
        await mustExist(
          context,
          changes.flatMap(({ added, addedDeletes }) => [...added, ...addedDeletes]),
        );
        return { result, changes };
      });
      for await (const { result, changes } of proven) {
        heard?.(stage.name, result);
        for (const change of changes) for (const kind of kinds) await write(change.role, kind, change[kind]);
      }
    }
    await Promise.all([...writers.values()].map((writer) => writer.end()));
  }

  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await spool();
  } catch (error) {
    for (const writer of writers.values()) writer.destroy();
    // The first error is the one to tell.
    await remove().catch(() => undefined);
    throw error;
  }

  async function* lines(role: string, kind: Kind): AsyncIterable<unknown> {
    if ((counts[role]?.[kind] ?? 0) === 0) return;
    for await (const line of createInterface({ input: createReadStream(pathOf(role, kind)) }))
      yield JSON.parse(line);
  }

  return {
    counts,
    async *dataFiles(role, kind) {
      for await (const json of lines(role, kind)) yield dataFileFromJson(json);
    },
    async *removedFiles(role, kind) {
      for await (const json of lines(role, kind)) yield json as RemovedFile;
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** @param files in the form of `dataFileToJson` */
async function mustExist(context: RunContext, files: readonly unknown[]): Promise<void> {
  await Promise.all(
    files.map(async (json) => {
      const { location, sizeBytes } = writtenFileFromJson(json);
      const info = await context.world.warehouse.head(location);
      if (info?.sizeBytes === sizeBytes) return;
      throw new PinnedSnapshotExpiredError(
        `${location}, written by this run, is gone or has another length`,
        {
          details: { location, expectedBytes: sizeBytes, actualBytes: info?.sizeBytes },
          safe: 'the tables are untouched and the intake is kept',
          next: `partwise resume ${context.runId}`,
        },
      );
    }),
  );
}
