import { join } from 'node:path';
import { expect, it } from 'vitest';
import { attempt } from '../../lib/run/local/local-attempt.ts';
import { workloadOf } from '../../lib/run/workloads.ts';
import { writePointFile } from '../generators/point-files.ts';
import { type OracleBatch, rollupOracle } from '../oracle/rollup-oracle.ts';
import { readRows, rollupConfig } from '../rollup/product.ts';
import { batchOf, pointAt, threeBatches } from '../rollup/scenario.ts';
import { makeResources, openSite } from './product.ts';

const plain = threeBatches.rules;
const withQuantiles = {
  ...plain,
  quantiles: { accuracyMillionths: 10_000, millionths: [500_000, 990_000] },
};
/** Several units, an audit in units, and prepared files of which each unit fetches a part. */
const small = { state: { parts: 16 }, work: { unitPoints: 2 }, audit: { unitPoints: 3 } };
const empty: OracleBatch = { ...batchOf(3, []), files: [] };
const flushed: OracleBatch = { ...batchOf(4, [pointAt(4 * 300 + 20, 7)]), flush: true };
const batches = [...threeBatches.batches, empty, flushed];

it.each([
  ['one unit', plain, {}, 'parquet'],
  ['quantiles, in many units', withQuantiles, small, 'csv'],
] as const)(
  'batches of points become rows in Glue, state in S3 included, as the oracle has them: %s',
  async (_what, rules, document, format) => {
    const resources = await makeResources();
    const config = await rollupConfig({ rules, idType: 'string', timeType: 'bigint', document });
    let failAt: string | undefined;
    const step = async (name: string) => {
      if (name !== failAt) return;
      failAt = undefined;
      throw new Error(`ended at ${name}`);
    };
    for (const [index, batch] of batches.entries()) {
      // Each batch in a process of its own: all that it knows of the one before is in the stores.
      const site = await openSite(resources, { step });
      for (const [at, file] of batch.files.entries()) {
        const path = join(site.folder, `${file.key}-${at}.${format}`);
        await writePointFile(path, {
          points: file.points,
          idType: 'string',
          timeType: 'bigint',
          format,
          seed: index + at,
        });
        await site.upload(
          config.pipeline,
          path,
          `${batch.batch}-${file.key}-${at}.${format}`,
          file.arrivedMs,
        );
      }
      const until = new Date(rules.startMs + (batch.batch + 1) * rules.batchMs).toISOString();
      const run = () =>
        attempt({ world: site.world, config, workloadOf }, {
          mode: 'run',
          branch: 'main',
          until,
          flush: batch.flush,
        } as never);
      // One batch ends between its state and its commit, and is run again.
      failAt = index === 1 ? 'before-swap' : undefined;
      if (failAt !== undefined) expect((await run()).run?.status).toBe('failed');
      const { run: record } = await run();
      expect(record?.error).toBeUndefined();
      expect(record?.status).toBe('succeeded');
      const expected = rollupOracle(rules, batches.slice(0, index + 1));
      expect(await readRows(site.world, 'main')).toEqual(expected.rows.map(({ batch: _, ...row }) => row));
      const uploads: string[] = [];
      for await (const upload of site.world.pending.list(site.world.warehouse.root))
        uploads.push(upload.destination);
      expect(uploads).toEqual([]);
      await site.close();
    }
  },
);
