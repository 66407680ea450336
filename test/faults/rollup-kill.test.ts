import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newSite, rowsOf } from './rollup/kill-site.ts';

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
