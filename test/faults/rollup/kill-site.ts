import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocalWorld } from '../../../lib/run/local/local.ts';
import type { OracleOpenRow } from '../../oracle/rollup-oracle.ts';
import { readRows } from '../../rollup/product.ts';
import { type ChildResult, partwise } from '../child.ts';

const pipeline = `
pipeline: metrics
kind: rollup
points: {time: {type: bigint}}
resolutions: [1m, 5m]
batches: {start: 2026-01-01T00:00:00Z, every: 5m}
lateness: 1m
state: {parts: 4}
maintenance: {auto: false}
quantiles: {values: [0.5]}
`;
const startMs = Date.parse('2026-01-01T00:00:00Z');

/** Command lines of child processes in a folder with a pipeline and files of points. */
export interface Site {
  (...words: readonly string[]): Promise<ChildResult>;
  at(step: string, ...words: readonly string[]): Promise<ChildResult>;
  readonly root: string;
  /** Keeps the root as it is; `restore` makes it that again, at the same place, since locations are absolute. */
  save(): Promise<void>;
  restore(): Promise<void>;
}

interface SiteOptions {
  /** Further lines of the pipeline file. */
  readonly pipeline?: string;
  /** Of every command line. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function newSite(folders: string[], options: SiteOptions = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-batches-'));
  folders.push(folder);
  const line = (id: string, seconds: number, value: number) =>
    `${id},org-1,requests,1,${value},${startMs + seconds * 1_000}`;
  const file = async (name: string, lines: readonly string[]) =>
    writeFile(
      join(folder, name),
      `id,org_id,metric,metric_shard_id,long_value,logical_timestamp\n${lines.join('\n')}\n`,
    );
  await writeFile(join(folder, 'metrics.yaml'), `${pipeline}${options.pipeline ?? ''}\n`);
  await file('first.csv', [line('cpu', 10, 3), line('cpu', 70, 5), line('disk', 20, 1), line('cpu', 400, 2)]);
  await file('second.csv', [line('cpu', 10, 4), line('disk', 620, 6), line('disk', 850, 2)]);
  const root = join(folder, 'root');
  const saved = join(folder, 'saved');
  const call = (env: Readonly<Record<string, string>>, words: readonly string[]) =>
    partwise(
      [
        ...words.map((word) => (word.endsWith('.csv') ? join(folder, word) : word)),
        ...['--root', root, '--pipeline', join(folder, 'metrics.yaml')],
        ...['--threads', '1', '--memory', '700MB', '--json'],
      ],
      { env: { ...options.env, ...env } },
    );
  return Object.assign((...words: readonly string[]) => call({}, words), {
    at: (step: string, ...words: readonly string[]) => call({ PARTWISE_KILL_AT: step }, words),
    root,
    save: () => cp(root, saved, { recursive: true }),
    restore: async () => {
      await rm(root, { recursive: true, force: true });
      await cp(saved, root, { recursive: true });
    },
  });
}

/** What a reader sees of main. */
export async function rowsOf({ root }: Pick<Site, 'root'>): Promise<readonly OracleOpenRow[]> {
  const world = await openLocalWorld({ root, threads: 1, memoryBytes: 2 ** 29 });
  try {
    return await readRows(world, 'main');
  } finally {
    await world.close();
  }
}
