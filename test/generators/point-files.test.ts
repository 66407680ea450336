import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { text } from '../../lib/engine/sql.ts';
import { fileFormats } from './files.ts';
import { writePointFile } from './point-files.ts';
import { pointScenarios } from './points.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-point-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('files of points', () => {
  const scenarios = fc.sample(pointScenarios({ maxFiles: 1, maxBatches: 1 }), { numRuns: 12, seed: 3 });
  for (const format of fileFormats) {
    for (const timeType of ['bigint', 'timestamp'] as const) {
      it(`hold them in their order as ${format}, times as ${timeType}`, async () => {
        await using session = await openDuckDb({
          memoryBytes: 2e8,
          threads: 1,
          workFolder: join(folder, 'work'),
        });
        const read = {
          csv: (path: string) => `read_csv(${path}, all_varchar = true, header = true)`,
          'csv.gz': (path: string) => `read_csv(${path}, all_varchar = true, header = true)`,
          jsonl: (path: string) => `read_json(${path})`,
          parquet: (path: string) => `read_parquet(${path})`,
        }[format];
        const time = timeType === 'bigint' ? 'CAST(logical_timestamp AS BIGINT)' : 'epoch_ms(moment)';
        for (const [index, { idType, batches }] of scenarios.entries()) {
          const points = batches.flatMap(({ files }) => files.flatMap((file) => file.points));
          if (points.length === 0) continue;
          const path = join(folder, `${timeType}-${index}.${format}`);
          await writePointFile(path, { points, idType, timeType, format, seed: index });
          await session.execute('SET preserve_insertion_order = true');
          const rows = await session.query(`
            SELECT CAST(id AS VARCHAR) AS id, org_id, metric, CAST(metric_shard_id AS INT) AS shard,
              CAST(long_value AS BIGINT) AS value, CAST(${time} AS BIGINT) AS ms
            FROM (SELECT *, TRY_CAST(CAST(logical_timestamp AS VARCHAR) AS TIMESTAMP) AS moment FROM ${read(text(path))})`);
          expect(rows).toEqual(
            points.map(({ id, orgId, metric, shardId, value, timeMs }) => ({
              ...{ id, org_id: orgId, metric },
              ...{ shard: shardId, value, ms: BigInt(timeMs) },
            })),
          );
        }
      });
    }
  }
});
