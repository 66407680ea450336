import { describe, expect, it } from 'vitest';
import { layOut } from '../../lib/report/sql-layout.ts';

const duckdb = { backslashes: false };

describe('a statement laid out for people', () => {
  it('has a line for each clause and column, and subqueries indented', () => {
    const sql =
      "CREATE TEMP TABLE t AS SELECT a, coalesce(b, 'x, y') AS b FROM (SELECT * FROM u WHERE c IN (1, 2)) AS s LEFT JOIN v ON v.a = s.a GROUP BY a";
    expect(layOut(sql, duckdb)).toBe(`CREATE TEMP TABLE t AS
SELECT
  a,
  coalesce(b, 'x, y') AS b
FROM (
    SELECT
      *
    FROM u
    WHERE c IN (1, 2)
  ) AS s
LEFT JOIN v ON v.a = s.a
GROUP BY a`);
  });

  it.each([
    [
      `SELECT 'it''s  (SELECT 1, 2)' AS "a  FROM b", [1,2] FROM t`,
      duckdb,
      ["'it''s  (SELECT 1, 2)'", '"a  FROM b"'],
    ],
    [
      "SELECT 'it\\'s  FROM \\\\' AS `a  ``FROM b` FROM t",
      { backslashes: true },
      ["'it\\'s  FROM \\\\'", '`a  ``FROM b`'],
    ],
    ["SELECT 'a\\' AS x, 'FROM  y' AS z", duckdb, ["'a\\'", "'FROM  y'"]],
  ])('keeps what is quoted: %s', (sql, quoting, quoted) => {
    for (const one of quoted) expect(layOut(sql, quoting)).toContain(one);
    expect(layOut(sql, quoting).replaceAll(/\s+/g, '')).toBe(sql.replaceAll(/\s+/g, ''));
  });
});
