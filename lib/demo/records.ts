/**
 * The demo's records as SQL: every value is arithmetic on account and month, so each run of the demo makes the same
 * bytes. Months are numbers, year * 12 + month - 1.
 */

export const monthNumber = (year: number, month: number): number => year * 12 + month - 1;

/** @example monthText(24312) // '2026-01' */
export function monthText(month: number): string {
  return `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`;
}

/** Macros that the selects below need, once per session. `mix`: 0 to 2^31 - 2, scattered by account, month and salt. */
export const macros: readonly string[] = [
  `CREATE MACRO mix(a, m, salt) AS ((((a * 48271 + m * 69621 + salt * 16807) % 2147483647) * (16807 + (m * 7 + salt * 31) % 997)) % 2147483647)`,
  `CREATE MACRO month_text(m) AS printf('%04d-%02d', m // 12, m % 12 + 1)`,
];

export interface RecordsOptions {
  /** A query that yields `a` (account) and `m` (month number), both BIGINT. */
  readonly cells: string;
  /** SQL text of the time of these records' version. */
  readonly updatedAt: string;
  /** SQL number added to the balance: a correction. */
  readonly correction?: string;
  readonly deleteCode?: string;
}

/** A SELECT of whole records for the cells. */
export function records(options: RecordsOptions): string {
  const { cells, updatedAt, correction = '0', deleteCode = '' } = options;
  return `
    SELECT a AS account_id, month_text(m) AS month, ${updatedAt} AS updated_at,
      CASE a % 3 WHEN 0 THEN 'card' WHEN 1 THEN 'loan' ELSE 'overdraft' END AS product,
      -- About one in 400 records says -1, which the pipeline takes for unknown.
      CASE WHEN mix(a, m, 9) % 400 = 0 THEN -1 ELSE balance END AS balance,
      5000 + (mix(a, 0, 4) % 20) * 1000 AS credit_limit,
      balance // 10 + mix(a, m, 5) % 200 AS payment,
      CASE WHEN days > 0 THEN balance // 20 ELSE 0 END AS past_due,
      days AS days_past_due,
      CAST(days // 30 AS VARCHAR) AS rating,
      '${deleteCode}' AS delete_code
    FROM (
      SELECT a, m,
        1000 + mix(a, 0, 1) % 8000 + (m - 24276) * (mix(a, 0, 3) % 41) + mix(a, m, 2) % 400 + (${correction}) AS balance,
        CASE WHEN mix(a, m, 6) % 12 = 0 THEN 30 * (1 + mix(a, m, 7) % 3) ELSE 0 END AS days
      FROM (${cells})
    )
    ORDER BY m, a`;
}
