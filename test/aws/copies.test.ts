import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { openOnAws } from '../../functions/runtime/aws.ts';
import { functionWorld, openWith } from '../../functions/runtime/world.ts';
import { call, recorded } from '../functions/site.ts';
import { deploy, listItems } from './deployment.ts';
import { testClients } from './world.ts';

/** Copies of all stores together, in bytes. */
async function copiesBytes(workRoot: string): Promise<number> {
  let total = 0;
  for (const folder of await readdir(workRoot)) {
    if (!folder.startsWith('copies-')) continue;
    for (const name of await readdir(join(workRoot, folder)))
      total += (await stat(join(workRoot, folder, name))).size;
  }
  return total;
}

it('fetched copies stay under their limit from unit to unit', async () => {
  const { environment, names } = await deploy();
  const limitBytes = 60_000;
  Object.assign(process.env, environment);
  openWith((config) => openOnAws(config, { cacheBytes: limitBytes }));
  using clients = testClients();
  const header = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';
  for (let file = 0; file < 4; file += 1) {
    const rows = Array.from(
      { length: 1_000 },
      (_, row) => `${file * 1_000 + row},2025-10,2025-11-01 00:00:00,1,card,100,\n`,
    );
    const Body = header + rows.join('');
    await clients.s3.send(new PutObjectCommand({ Bucket: names.STAGING, Key: `accounts/${file}.csv`, Body }));
  }
  await call('trigger', await recorded('schedule'));
  const claimed = (await call('intake', { pipeline: 'accounts' })) as {
    readonly attempt: number;
    readonly items: { readonly key: string };
  };
  const { world } = await functionWorld();
  const sizes: number[] = [];
  for (const item of await listItems(world.results, claimed.items.key)) {
    await call('work', { ...item, attempt: claimed.attempt });
    sizes.push(await copiesBytes(world.workRoot));
  }
  expect(sizes).toHaveLength(4);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(limitBytes);
  // What fits is kept.
  expect(Math.min(...sizes)).toBeGreaterThan(0);
});
