import type { EngineSession } from '../engine/engine.ts';
import { identifier } from '../engine/sql.ts';
import { monthText } from './records.ts';

/** One account's row of `latest` with one of its history arrays. */
export interface AccountView {
  readonly month: string;
  readonly history: readonly unknown[];
}

/** Reads the account from a view named `latest`; undefined when it has no row. */
export async function readAccount(
  session: EngineSession,
  account: number,
  history: string,
): Promise<AccountView | undefined> {
  const [row] = await session.query(
    `SELECT month, ${identifier(history)} AS history FROM latest WHERE account_id = ${Math.floor(account)}`,
  );
  if (row === undefined) return undefined;
  return { month: String(row['month']), history: Array.isArray(row['history']) ? row['history'] : [] };
}

export interface ComparedMonth {
  readonly month: string;
  /** undefined: the array does not reach this month. */
  readonly before: unknown;
  readonly after: unknown;
  readonly changed: boolean;
}

/** Both arrays by calendar month, newest first, so that what moved and what changed can be told apart. */
export function compareByMonth(
  before: AccountView | undefined,
  after: AccountView | undefined,
  months: number,
): readonly ComparedMonth[] {
  const newest = Math.max(numberOf(before?.month), numberOf(after?.month));
  return Array.from({ length: months }, (_, index) => {
    const month = newest - index;
    const old = entry(before, month);
    const now = entry(after, month);
    return {
      month: monthText(month),
      before: old,
      after: now,
      changed: String(old ?? '') !== String(now ?? ''),
    };
  });
}

function entry(view: AccountView | undefined, month: number): unknown {
  if (view === undefined) return undefined;
  const position = numberOf(view.month) - month;
  return position < 0 ? undefined : view.history[position];
}

function numberOf(month: string | undefined): number {
  if (month === undefined) return 0;
  const [year = '0', part = '1'] = month.split('-');
  return Number(year) * 12 + Number(part) - 1;
}
