import { afterEach, expect, test } from 'vitest';
import { auditBucket } from '../../lib/summary/audit/audit.ts';
import { type Bucket, buildBucket, key, type Row, record, type Written } from './bucket-fixture.ts';

const open: Bucket[] = [];
afterEach(async () => {
  for (const bucket of open.splice(0)) await bucket.close();
});

const months = ['2025-09', '2025-10', '2025-11', '2025-12', '2026-01'];
const history = (account: number) => months.map((at, index) => record(at, 100 + index, account * 10 + index));
const keys = [
  ...Array.from({ length: 5 }, (_, index) =>
    key(index + 1, history(index + 1), [record('2025-11', 200, 900 + index)]),
  ),
  ...Array.from({ length: 5 }, (_, index) =>
    key(index + 11, history(index + 11), [record('2026-02', 200, 700 + index)]),
  ),
  key(21, history(21), [record('2026-01', 200, 0, '1')]),
  key(22, history(22), [record('2025-10', 200, 0, '4'), record('2025-12', 201, 5)]),
  key(23, history(23), [record('2026-03', 200, 0, '1')]),
  key(24, [record('2025-12', 1, 1)], [record('2025-08', 200, 8)]),
  key(
    25,
    [record('2025-12', 1, 1), record('2025-11', 1, 0, '1')],
    [record('2025-11', 0, 3), record('2025-10', 7, 2)],
  ),
  key(31, [], [record('2025-12', 1, 5), record('2026-02', 1, 6)]),
  key(32, history(32), [record('2025-11', 50, 1)]),
  ...Array.from({ length: 10 }, (_, index) => key(index + 41, history(index + 41), [])),
];

async function report(spoil?: (written: Written) => void, sampled = 10_000) {
  const bucket = await buildBucket({
    keys,
    replacedMonths: ['2025-12'],
    ...(spoil === undefined ? {} : { spoil }),
  });
  open.push(bucket);
  await auditBucket(bucket.audit, { keys: sampled });
  return bucket.findings.report({});
}

const failed = async (spoil: (written: Written) => void, sampled?: number) => {
  const { checks } = await report(spoil, sampled);
  return checks
    .filter((check) => !check.passed)
    .map((check) => `${check.name}: ${check.detail}`)
    .join('\n');
};

const rowOf = (rows: readonly Row[] | undefined, account: number): Row => {
  const row = rows?.find((one) => one['account'] === account);
  if (row === undefined) throw new Error(`no row of ${account}`);
  return row;
};
const without = (rows: Row[] | undefined, account: number): Row[] =>
  (rows ?? []).filter((row) => row['account'] !== account);

test('a run that did what the rules say passes every check', async () => {
  const { checks, passed } = await report();
  expect(checks.filter((check) => !check.passed)).toEqual([]);
  expect(passed).toBe(true);
  // This pipeline has no deletions feed; test/summary/feed-audit.test.ts has one.
  const looked = checks.filter(({ name }) => name !== 'feed overrides');
  for (const check of looked) expect(check.checked, check.name).toBeGreaterThan(0);
});

test('a changed value in a carried row of a rewritten file is found', async () => {
  expect(
    await failed(({ replaced }) => {
      rowOf(replaced.get('2025-12'), 45)['balance'] = 1;
    }),
  ).toMatch(/carried rows: month 2025-12/);
});

test('a changed array entry in a carried row is found', async () => {
  expect(
    await failed(({ replaced }) => {
      rowOf(replaced.get('2025-12'), 45)['balance_history'] = [1, 2, 3, 4, 5, 6];
    }),
  ).toMatch(/carried rows/);
});

test('a row that a rewritten file lost is found', async () => {
  expect(
    await failed(({ replaced }) => {
      replaced.set('2025-12', without(replaced.get('2025-12'), 46));
    }),
  ).toMatch(/row balance: account 46, month 2025-12, bucket 0 is gone/);
});

test('a changed row that was lost beside its old file is found', async () => {
  expect(
    await failed(({ beside }) => {
      beside.set('2025-11', without(beside.get('2025-11'), 3));
    }),
  ).toMatch(/row balance: account 3, month 2025-11/);
});

test('a key that would be stored twice is found', async () => {
  expect(
    await failed(({ beside }) => {
      beside.get('2026-02')?.push({ ...rowOf(beside.get('2026-02'), 12) });
    }),
  ).toMatch(/inserted keys: account 12, month 2026-02, bucket 0 would be stored 2 times/);
});

test('an old row that was not deleted beside its new one is found', async () => {
  expect(
    await failed(({ deletes }) => {
      deletes.get('2025-11')?.splice(0, 1);
    }),
  ).toMatch(/inserted keys: .* would be stored 2 times/);
});

test('a row that no record asked for is found', async () => {
  expect(
    await failed(({ beside }) => {
      beside.get('2026-02')?.push({ ...rowOf(beside.get('2026-02'), 12), account: 99 });
    }),
  ).toMatch(/no record asked for account 99/);
});

test('a record without a row is found', async () => {
  expect(
    await failed(({ beside }) => {
      beside.set('2026-02', without(beside.get('2026-02'), 31));
    }),
  ).toMatch(/the record of account 31, month 2026-02, bucket 0 has no row/);
});

test('a position that is deleted twice or lies outside of its file is found', async () => {
  expect(
    await failed(({ deletes }) => {
      deletes.get('2025-11')?.push(0);
    }),
  ).toMatch(/position deletes: summary .* deleted twice/);
  expect(
    await failed(({ deletes }) => {
      deletes.get('2025-11')?.push(5_000);
    }),
  ).toMatch(/position deletes: summary .* position 5000 of/);
});

test('a position delete of an innocent row is found', async () => {
  expect(
    await failed(({ deletes }) => {
      deletes.get('2026-01')?.push(20);
    }),
  ).toMatch(/row balance: account \d+, month 2026-01, bucket 0 is gone/);
});

test('a wrong shift in an array is found by the recomputation', async () => {
  const found = await failed(({ beside }) => {
    const row = rowOf(beside.get('2026-02'), 12);
    const [first, ...rest] = row['balance_history'] as unknown[];
    row['balance_history'] = [first, null, ...rest.slice(0, -1)];
  });
  expect(found).toMatch(/sample: account 12, month 2026-02: balance_history\[1\]: expected 124, got NULL/);
});

test('an array of the wrong length and one whose first entry is not the value are found', async () => {
  expect(
    await failed(({ beside }) => {
      rowOf(beside.get('2026-02'), 12)['rating_history'] = ['A'];
    }),
  ).toMatch(/array length: account 12, month 2026-02/);
  expect(
    await failed(({ beside }) => {
      rowOf(beside.get('2026-02'), 12)['balance'] = 1;
    }),
  ).toMatch(/array\[0\]: account 12, month 2026-02/);
});

test('a grid that is not its array as text is found', async () => {
  expect(
    await failed(({ beside }) => {
      rowOf(beside.get('2026-02'), 12)['rating_grid'] = 'AAAAAA';
    }),
  ).toMatch(/grids: account 12, month 2026-02/);
});

test('a row in the file of another month is found', async () => {
  expect(
    await failed(({ beside }) => {
      rowOf(beside.get('2026-02'), 12)['month'] = '2026-03';
    }),
  ).toMatch(/months of cells: .* of month 2026-02 holds 2026-03/);
});

test('what is wrong with a row that no sample drew is found by its neighbours and its record', async () => {
  const shifted = await failed(({ beside }) => {
    const row = rowOf(beside.get('2026-02'), 12);
    const [first, ...rest] = row['balance_history'] as unknown[];
    row['balance_history'] = [first, null, ...rest.slice(0, -1)];
  }, 0);
  expect(shifted).toMatch(
    /array chain: account 12, bucket 0: the arrays of month 2026-02 disagree with month 2026-01/,
  );
  const unreached = await failed(({ beside, deletes }) => {
    const at = (beside.get('2026-01') ?? []).findIndex((row) => row['account'] === 2);
    beside.get('2026-01')?.splice(at, 1);
    deletes.set(
      '2026-01',
      (deletes.get('2026-01') ?? []).filter((position) => position !== 1),
    );
  }, 0);
  expect(unreached).toMatch(
    /array chain: account 2, bucket 0: the arrays of month 2026-01 disagree with month 2025-12/,
  );
  const valued = await failed(({ beside }) => {
    const row = rowOf(beside.get('2026-01'), 3);
    row['seq'] = 5;
  }, 0);
  expect(valued).toMatch(/values: account 3, month 2026-01, bucket 0: the values are those of no record/);
});

test('a register that the run did not raise is found', async () => {
  expect(
    await failed(({ beside }) => {
      rowOf(beside.get('2026-02'), 12)['pw_rec_version'] = 1;
    }),
  ).toMatch(/sample: account 12, month 2026-02: record: expected/);
});

test('a later row that a late month did not reach is found', async () => {
  const found = await failed(({ beside, deletes }) => {
    const at = (beside.get('2026-01') ?? []).findIndex((row) => row['account'] === 2);
    beside.get('2026-01')?.splice(at, 1);
    deletes.set(
      '2026-01',
      (deletes.get('2026-01') ?? []).filter((position) => position !== 1),
    );
  });
  expect(found).toMatch(/sample: account 2, month 2026-01: the run must change this row and did not/);
});

test('latest that differs from its summary row, or holds another row, is found', async () => {
  expect(
    await failed(({ latest }) => {
      rowOf(latest, 12)['balance'] = 1;
    }),
  ).toMatch(/latest rows: account 12, month 2026-02, bucket 0: the row of latest differs/);
  const swapped = await failed(({ latest }) => {
    const a = rowOf(latest, 11);
    const b = rowOf(latest, 12);
    [a['account'], b['account']] = [12, 11];
  });
  expect(swapped).toMatch(/latest rows: account 11, month 2026-02/);
});

test('latest that did not move, or moved too far, is found', async () => {
  const older = (account: number, at: string) => (written: Written) => {
    const row = rowOf(written.latest, account);
    row['month'] = at;
  };
  expect(await failed(older(12, '2026-01'))).toMatch(
    /latest is newest: account 12: latest holds month 2026-01, expected 2026-02/,
  );
  expect(await failed(older(21, '2025-11'))).toMatch(
    /latest is newest: account 21: latest holds month 2025-11, expected 2025-12/,
  );
});

test('latest that lost a key or holds one twice is found', async () => {
  expect(
    await failed((written) => {
      written.latest = without(written.latest, 43);
    }),
  ).toMatch(/latest rows: account 43, .* is gone/);
  expect(
    await failed((written) => {
      written.latest.push({ ...rowOf(written.latest, 43) });
    }),
  ).toMatch(/latest rows: account 43, .* more than once/);
  expect(
    await failed((written) => {
      written.latest = without(written.latest, 31);
    }),
  ).toMatch(/latest rows: account 31, .* is missing/);
});

test('a tombstone that is missing or there twice is found', async () => {
  expect(
    await failed((written) => {
      written.tombstones = [];
    }),
  ).toMatch(/tombstones: account 23, month 2026-03, bucket 0: the tombstone is missing/);
  expect(
    await failed((written) => {
      written.tombstones.push(...written.tombstones);
    }),
  ).toMatch(/tombstones: account 23, month 2026-03, .* more than once/);
});
