import type { EngineSession } from '../engine/engine.ts';
import { identifier } from '../engine/sql.ts';

/** Ranges of a column with about equally many rows, NULLs last; as one SELECT each, so that memory stays bounded. */
export async function keyRanges(
  session: EngineSession,
  source: string,
  column: string,
  parts: number,
): Promise<readonly string[]> {
  const fractions = Array.from({ length: parts - 1 }, (_, index) => ((index + 1) / parts).toFixed(6));
  await session.execute(`CREATE OR REPLACE TEMP TABLE bounds AS
    SELECT row_number() OVER (ORDER BY b) AS n, b FROM (
      SELECT DISTINCT unnest(quantile_disc(${identifier(column)}, [${fractions.join(', ')}])) AS b FROM ${source})`);
  const [row] = await session.query('SELECT count(*) AS n FROM bounds');
  const bounds = Number(row?.['n'] ?? 0);
  const bound = (n: number) => `(SELECT b FROM bounds WHERE n = ${n})`;
  return Array.from({ length: bounds + 1 }, (_, index) => {
    const isLast = index === bounds;
    const conditions = [
      index > 0
        ? `(${identifier(column)} > ${bound(index)}${isLast ? ` OR ${identifier(column)} IS NULL` : ''})`
        : undefined,
      isLast ? undefined : `${identifier(column)} <= ${bound(index + 1)}`,
    ].filter((condition) => condition !== undefined);
    return `SELECT * FROM ${source}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`;
  });
}
