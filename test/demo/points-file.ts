import type { EngineSession } from '../../lib/engine/engine.ts';
import { text } from '../../lib/engine/sql.ts';
import type { OraclePoint } from '../oracle/rollup-oracle.ts';

/** The points of a Parquet file, by row number; times in milliseconds. */
export async function readPoints(session: EngineSession, path: string): Promise<readonly OraclePoint[]> {
  const rows = await session.query(
    `SELECT * FROM read_parquet(${text(path)}, file_row_number = true) ORDER BY file_row_number`,
  );
  return rows.map((row) => ({
    id: String(row['id']),
    orgId: String(row['org_id']),
    metric: String(row['metric']),
    shardId: Number(row['metric_shard_id']),
    value: BigInt(String(row['long_value'])),
    timeMs: Number(row['logical_timestamp']),
  }));
}
