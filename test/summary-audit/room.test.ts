import { afterEach, expect, test } from 'vitest';
import { UnitTooLargeError } from '../../lib/errors.ts';
import { auditBucket } from '../../lib/summary/audit/audit.ts';
import { findings } from '../../lib/summary/audit/findings.ts';
import { inLittleRoom } from '../../lib/summary/audit/room.ts';
import { type Bucket, buildBucket, key, record } from './bucket-fixture.ts';

const open: Bucket[] = [];
afterEach(async () => {
  for (const bucket of open.splice(0)) await bucket.close();
});

/** A bucket whose engine runs out of memory at its `row_facts` the first `times` times. */
async function tight(times: number) {
  const months = ['2025-10', '2025-11', '2025-12'];
  const keys = Array.from({ length: 5 }, (_, index) =>
    key(
      index + 1,
      months.map((at, n) => record(at, 100 + n, index)),
      [record('2025-11', 200, 900)],
    ),
  );
  const bucket = await buildBucket({ keys, replacedMonths: ['2025-12'] });
  open.push(bucket);
  let left = times;
  const { session } = bucket.audit;
  const flaky = {
    ...session,
    execute: async (sql: string) => {
      if (sql.includes('TABLE row_facts') && left > 0) {
        left -= 1;
        throw new UnitTooLargeError('the engine ran out of memory');
      }
      await session.execute(sql);
    },
  };
  const found = findings();
  const check = () =>
    inLittleRoom(flaky, found, (noted) =>
      auditBucket({ ...bucket.audit, session: flaky, findings: noted }, { keys: 10 }),
    );
  const threads = async () => (await session.query("SELECT current_setting('threads') AS n"))[0]?.['n'];
  return { check, found, threads };
}

test('a bucket that does not fit is checked again with one thread, and counted once', async () => {
  const calm = await tight(0);
  expect(await calm.check()).toBe(5);
  const one = await tight(1);
  expect(await one.check()).toBe(5);
  expect(String(await one.threads())).toBe('1');
  expect(one.found.report({})).toEqual(calm.found.report({}));
  expect(one.found.report({}).passed).toBe(true);
});

test('a bucket that does not fit one thread either is too large', async () => {
  const { check, found } = await tight(2);
  await expect(check()).rejects.toThrow(UnitTooLargeError);
  expect(found.report({}).checks.every((one) => one.checked === 0)).toBe(true);
});
