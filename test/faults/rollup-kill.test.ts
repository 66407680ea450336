import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChildResult, partwise } from './child.ts';

const pipeline = `
pipeline: metrics
kind: rollup
points: {time: {type: bigint}}
resolutions: [1m, 5m]
batches: {start: 2026-01-01T00:00:00Z, every: 5m}
lateness: 1m
state: {parts: 4}
maintenance: {auto: false}
`;
const startMs = Date.parse('2026-01-01T00:00:00Z');
const until = '2026-01-01T00:15:00Z';

/** Where the process ends, and where it ends again while it recovers; #n is the n-th time. */
const deaths: readonly (readonly [first: string, again?: string])[] = [
  ['leased'],
  ['claimed', 'unit:prepare'],
  ['manifest#2'],
  ['before-checkpoint:prepare'],
  ['planned', 'unit:rollup'],
  ['before-checkpoint:rollup#2'],
  ['after-checkpoint:rollup', 'state-written'],
  ['audited#2'],
  ['state-written', 'before-swap'],
  ['before-swap#2', 'after-swap'],
  ['after-swap', 'published'],
  ['settled#3'],
];

describe('batches whose process is killed', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  let undisturbed: unknown;
  beforeAll(async () => {
    const site = await newSite(folders);
    const ran = await site(
      'run',
      'first.csv',
      'second.csv',
      '--arrived',
      '2026-01-01T00:01:00Z',
      '--until',
      until,
    );
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout).earlier).toHaveLength(2);
    undisturbed = await rowsOf(site);
  });

  for (const [first, again] of deaths) {
    it(`end with the same rows after kill -9 at ${first}${again === undefined ? '' : `, and again at ${again}`}`, async () => {
      const site = await newSite(folders);
      const words = ['run', 'first.csv', 'second.csv', '--arrived', '2026-01-01T00:01:00Z', '--until', until];
      const killed = await site.at(first, ...words);
      expect(killed.signal, killed.stderr).toBe('SIGKILL');
      if (again !== undefined) {
        const killedAgain = await site.at(again, 'run', '--until', until);
        expect(killedAgain.signal, killedAgain.stderr).toBe('SIGKILL');
      }
      const ran = await site('run', '--until', until);
      expect(ran.code, ran.stderr).toBe(0);
      expect(await rowsOf(site)).toEqual(undisturbed);
      const nothing = await site('run', '--until', until);
      expect(JSON.parse(nothing.stdout).waits).toContain('nothing is due');
      const replayed = await site('replay', '--from-batch', '1');
      expect(replayed.code, replayed.stderr).toBe(0);
      expect(await rowsOf(site)).toEqual(undisturbed);
    });
  }
});

interface Site {
  (...words: readonly string[]): Promise<ChildResult>;
  at(step: string, ...words: readonly string[]): Promise<ChildResult>;
}

async function newSite(folders: string[]): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-batches-'));
  folders.push(folder);
  const line = (id: string, seconds: number, value: number) =>
    `${id},org-1,requests,1,${value},${startMs + seconds * 1_000}`;
  const file = async (name: string, lines: readonly string[]) =>
    writeFile(
      join(folder, name),
      `id,org_id,metric,metric_shard_id,long_value,logical_timestamp\n${lines.join('\n')}\n`,
    );
  await writeFile(join(folder, 'metrics.yaml'), pipeline);
  await file('first.csv', [line('cpu', 10, 3), line('cpu', 70, 5), line('disk', 20, 1), line('cpu', 400, 2)]);
  await file('second.csv', [line('cpu', 10, 4), line('disk', 620, 6), line('disk', 850, 2)]);
  const call = (env: Readonly<Record<string, string>>, words: readonly string[]) =>
    partwise(
      [
        ...words.map((word) => (word.endsWith('.csv') ? join(folder, word) : word)),
        ...['--root', join(folder, 'root'), '--pipeline', join(folder, 'metrics.yaml')],
        ...['--threads', '1', '--memory', '700MB', '--json'],
      ],
      { env },
    );
  return Object.assign((...words: readonly string[]) => call({}, words), {
    at: (step: string, ...words: readonly string[]) => call({ PARTWISE_KILL_AT: step }, words),
  });
}

async function rowsOf(site: Site): Promise<unknown> {
  const shown = await site('sql', 'SELECT * FROM rollups ORDER BY resolution, window_ts, id');
  expect(shown.code, shown.stderr).toBe(0);
  return JSON.parse(shown.stdout);
}
