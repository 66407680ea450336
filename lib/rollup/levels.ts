import { duckDb } from '../engine/duckdb-dialect.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { RollupRules } from './rules.ts';
import { baseRows, finerOf, mergeable, mergedRows } from './sql/windows.ts';

/** Name of the table with a resolution's rows that are new in this batch. */
const fresh = (resolutionMs: number) => `fresh_${resolutionMs}`;
/** Name of the table with a resolution's rows as they stand after the batch. */
export const windows = (resolutionMs: number) => `windows_${resolutionMs}`;

/**
 * Makes the table `windows_<resolution>` of every resolution: the rows of the points that this batch closes at the base,
 * merged level by level, each with what waited of it in `part`. `closes` says of a row of `ordered` whether it is one of them.
 */
export async function mergeLevels(session: EngineSession, rules: RollupRules, closes: string): Promise<void> {
  const [values] = await session.query('SELECT min(v) AS low, max(v) AS high FROM ordered');
  const span = BigInt(String(values?.['high'] ?? 0)) - BigInt(String(values?.['low'] ?? 0));
  await session.execute(`CREATE TEMP TABLE base AS ${baseRows(rules, closes, span >= 2n ** 63n)}`);
  for (const resolution of rules.resolutionsMs) {
    const finer = finerOf(resolution, rules);
    const from = finer === rules.baseMs ? 'base' : fresh(finer);
    if (resolution === rules.baseMs) {
      await session.execute(`CREATE TEMP VIEW ${fresh(resolution)} AS FROM base`);
      await session.execute(`CREATE TEMP VIEW ${windows(resolution)} AS FROM base`);
      continue;
    }
    await session.execute(
      `CREATE TEMP TABLE ${fresh(resolution)} AS ${mergedRows(duckDb, `SELECT ${mergeable} FROM ${from}`, resolution)}`,
    );
    const waited = `SELECT ${mergeable} FROM part WHERE resolution = ${resolution}`;
    const [open] = await session.query(`SELECT count(*) AS n FROM (${waited})`);
    await session.execute(
      Number(open?.['n']) === 0
        ? `CREATE TEMP VIEW ${windows(resolution)} AS FROM ${fresh(resolution)}`
        : `CREATE TEMP TABLE ${windows(resolution)} AS ${mergedRows(
            duckDb,
            `SELECT ${mergeable} FROM ${fresh(resolution)} UNION ALL ${waited}`,
            undefined,
          )}`,
    );
  }
}
