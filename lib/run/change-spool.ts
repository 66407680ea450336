import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { PinnedSnapshotExpiredError } from '../errors.ts';
import { type DataFile, dataFileFromJson, type RemovedFile } from '../iceberg/index.ts';
import { checkpointsOf } from './checkpoints.ts';
import type { OutcomeWithChanges, TableChange } from './table-change.ts';
import type { Plan, RunContext } from './workload.ts';

type Kind = Exclude<keyof TableChange, 'role'>;
const kinds: readonly Kind[] = ['added', 'addedDeletes', 'removed', 'removedDeletes'];

/** All changes of a run, sorted by table and kind on local disk: read once from the checkpoints, replayed at will. */
export interface ChangeSpool extends AsyncDisposable {
  readonly counts: Readonly<Record<string, Readonly<Record<Kind, number>>>>;
  dataFiles(role: string, kind: 'added' | 'addedDeletes'): AsyncIterable<DataFile>;
  removedFiles(role: string, kind: 'removed' | 'removedDeletes'): AsyncIterable<RemovedFile>;
}

/**
 * Streams the checkpoints of the plan's stages into a spool, and proves on the way that every file to be added
 * is there with its recorded length.
 * @throws PinnedSnapshotExpiredError when a written file has gone
 */
export async function spoolChanges(context: RunContext, plan: Plan): Promise<ChangeSpool> {
  const folder = `${context.world.workRoot}/${context.runId}/spool-${randomBytes(4).toString('hex')}`;
  await mkdir(folder, { recursive: true });
  const writers = new Map<string, WriteStream>();
  const counts: Record<string, Record<Kind, number>> = {};
  const pathOf = (role: string, kind: Kind) =>
    `${folder}/${createHash('sha1').update(`${role}/${kind}`).digest('hex')}.jsonl`;

  async function write(role: string, kind: Kind, values: readonly unknown[]): Promise<void> {
    if (values.length === 0) return;
    const path = pathOf(role, kind);
    const writer = writers.get(path) ?? createWriteStream(path);
    writers.set(path, writer);
    for (const value of values) {
      if (!writer.write(`${JSON.stringify(value)}\n`)) await once(writer, 'drain');
    }
    counts[role] ??= { added: 0, addedDeletes: 0, removed: 0, removedDeletes: 0 };
    counts[role][kind] += values.length;
  }

  for (const stage of plan.stages) {
    for await (const { result } of checkpointsOf(context, stage)) {
      for (const change of (result.outcome as OutcomeWithChanges).changes) {
        for (const kind of ['added', 'addedDeletes'] as const)
          await mustExist(context, change[kind].map(dataFileFromJson));
        for (const kind of kinds) await write(change.role, kind, change[kind]);
      }
    }
  }
  await Promise.all([...writers.values()].map(finished));

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
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function mustExist(context: RunContext, files: readonly DataFile[]): Promise<void> {
  const infos = await Promise.all(files.map((file) => context.world.warehouse.head(file.location)));
  files.forEach((file, index) => {
    if (infos[index]?.sizeBytes === file.sizeBytes) return;
    throw new PinnedSnapshotExpiredError(
      `${file.location}, written by this run, is gone or has another length`,
      {
        details: {
          location: file.location,
          expectedBytes: file.sizeBytes,
          actualBytes: infos[index]?.sizeBytes,
        },
        safe: 'the tables are untouched and the intake is kept',
        next: `partwise resume ${context.runId}`,
      },
    );
  });
}

async function finished(writer: WriteStream): Promise<void> {
  writer.end();
  await once(writer, 'finish');
}
