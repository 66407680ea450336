import { afterAll, beforeAll, expect, test } from 'vitest';
import { UsageError } from '../../lib/errors.ts';
import { currentSnapshot, loadTable } from '../../lib/iceberg/index.ts';
import { diffBranches } from '../../lib/summary/diff/diff.ts';
import { tableIdentifier } from '../../lib/summary/tables/tables.ts';
import { months, openSite, type Site } from './site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  await site.run(months(10, ['2025-10', '2025-11', '2025-12'], 100));
  await site.run(['3,2025-11,200,7,Z,', '30,2025-12,200,1,A,', '4,2025-12,200,,,1'], 'trial');
});
afterAll(() => site[Symbol.asyncDispose]());

test('a branch differs from main by the rows that its run changed, with columns and months', async () => {
  const [summary, latest] = await diffBranches(site.world, site.config, 'main', 'trial');
  expect(summary).toMatchObject({
    role: 'summary',
    table: 'partwise.accounts_summary',
    added: 1,
    removed: 0,
    changed: 3,
    months: [
      { month: '2025-11', added: 0, removed: 0, changed: 1 },
      { month: '2025-12', added: 1, removed: 0, changed: 2 },
    ],
  });
  expect(summary?.columns.map((column) => column.name)).toContain('balance_history');
  expect(summary?.columns.find((column) => column.name === 'balance')?.rows).toBe(1);
  expect(summary?.examples[0]).toMatchObject({
    kind: 'changed',
    key: { account: 3n, month: '2025-11' },
    columns: expect.arrayContaining([{ name: 'balance', from: 301n, to: 7n }]),
  });
  expect(latest).toMatchObject({ role: 'latest', added: 1, removed: 0, changed: 2 });
  expect(summary?.files.shared).toBeGreaterThan(0);
});

test('the other way round what was added is removed', async () => {
  const [summary] = await diffBranches(site.world, site.config, 'trial', 'main', {
    roles: ['summary'],
    examples: 1,
  });
  expect(summary).toMatchObject({ added: 0, removed: 1, changed: 3 });
  expect(summary?.examples).toHaveLength(1);
});

test('a branch does not differ from itself or from the snapshot that it stands on', async () => {
  const { world, config } = site;
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(config, 'summary'),
  });
  const head = String(currentSnapshot(table, 'trial')?.snapshotId);
  const [summary] = await diffBranches(world, config, 'trial', head, { roles: ['summary'] });
  expect(summary).toMatchObject({
    added: 0,
    removed: 0,
    changed: 0,
    months: [],
    columns: [],
    examples: [],
    files: { compared: 0 },
  });
});

test('an unknown branch is named with those that there are', async () => {
  await expect(diffBranches(site.world, site.config, 'main', 'tryal')).rejects.toThrow(UsageError);
  await expect(diffBranches(site.world, site.config, 'main', 'tryal')).rejects.toThrow(
    /branches and tags: main, trial/,
  );
});
