import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Home, type HomeOptions, newHome } from './harness.ts';

/** One warehouse per test, driven as a person would: through command lines only. */

export const header = 'account_id,month,balance,updated_at\n';
export const first = `${header}1,2026-01,100,2026-02-01 00:00:00\n2,2026-01,200,2026-02-01 00:00:00\n1,2026-02,110,2026-03-01 00:00:00\n`;
export const late = `${header}1,2025-12,90,2026-03-02 00:00:00\n3,2026-01,300,2026-03-02 00:00:00\n`;

export async function warehouse(options: HomeOptions = {}): Promise<Home> {
  const home = await newHome(options);
  await writeFile(join(home.path, 'first.csv'), first);
  await writeFile(join(home.path, 'late.csv'), late);
  const { code, stderr } = await home.run(
    'init',
    '--from',
    'first.csv',
    '--name',
    'accounts',
    '--history-length',
    '6',
  );
  expect([code, stderr]).toEqual([0, '']);
  return home;
}

export async function ok(home: Home, ...argv: readonly string[]) {
  const ran = await home.run(...argv);
  expect(ran.code, `${argv.join(' ')}\n${ran.stdout}\n${ran.stderr}`).toBe(0);
  return ran;
}

export const balances = async (home: Home, ...flags: readonly string[]) => {
  const shown = await home.json(
    'sql',
    'SELECT account_id, month, balance_history FROM summary ORDER BY ALL',
    ...flags,
  );
  return shown.rows;
};
