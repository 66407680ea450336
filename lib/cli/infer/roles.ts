import { assignColumns, listing, namedColumn, type RoleRule } from './guess.ts';
import type { InspectedFile, SourceColumn } from './inspect.ts';

export interface Roles {
  readonly key: SourceColumn;
  readonly month: SourceColumn;
  readonly version: SourceColumn;
  readonly history: readonly SourceColumn[];
  readonly delete: SourceColumn | undefined;
  /** Roles that were guessed, by name of the role. */
  readonly guessed: readonly RoleName[];
}

export interface RoleFlags {
  readonly key: string | undefined;
  readonly month: string | undefined;
  readonly version: string | undefined;
  readonly history: readonly string[];
  readonly delete: string | undefined;
}

export type RoleName = 'key' | 'month' | 'version';

const keyTypes: readonly string[] = ['int', 'bigint', 'string'];
const versionTypes: readonly string[] = ['timestamp', 'bigint', 'int', 'date', 'string'];
const numericType = /^(int|bigint|double|decimal\()/;

const rules: Readonly<Record<RoleName, RoleRule>> = {
  key: {
    names: [
      /^(account|acct|cons_acct|customer|cust|client|contract|loan|policy|member|user|device|meter|key)s?(_?(id|key|no|nr|num|number|code))?$/i,
      /^id$/i,
      /_(id|key|no|nr|number)$/i,
    ],
    fits: (column) => column.type !== undefined && keyTypes.includes(column.type) && !column.hasNull,
    what: 'a column of whole numbers or text without NULL',
  },
  month: {
    names: [
      /^(month|reporting_month|report_month|as_of_month|month_id|yyyymm|period|rpt_as_of_mo|year_month|month_no)$/i,
      /(month|_mo$|_ym$|period|yyyymm)/i,
      /^(as_of_date|as_of|report_date|reporting_date|statement_date|snapshot_date|date)$/i,
    ],
    fits: (column) => column.readsAsMonth && !column.hasNull,
    what: 'a column of dates, YYYY-MM or YYYYMM without NULL',
  },
  version: {
    names: [
      /^(updated_at|base_ts|version|modified_at|last_modified|last_updated|updated|load_ts|loaded_at|ingested_at|event_ts)$/i,
      /(version|_ts$|updat|modif|loaded|ingest|timestamp|sequence|_seq$)/i,
    ],
    fits: (column) => column.type !== undefined && versionTypes.includes(column.type) && !column.hasNull,
    what: 'a timestamp, date, number or text that grows with each correction, without NULL',
  },
};

/**
 * Which column is what: the flags where given, else the only column that fits by name and content.
 * @throws UsageError listing the columns when a flag names none of them or a role stays open
 */
export function assignRoles(file: InspectedFile, flags: RoleFlags): Roles {
  const asked = { file, flags: '--key COLUMN --month COLUMN --version COLUMN --history COLUMN' };
  const { columns, guessed } = assignColumns({ asked, rules, given: flags });
  const taken = new Set(Object.values(columns));
  const deleteColumn = flags.delete === undefined ? undefined : namedColumn(asked, flags.delete, 'delete');
  const free = file.columns.filter((column) => !taken.has(column) && column !== deleteColumn);
  const history =
    flags.history.length > 0
      ? flags.history.map((name) => namedColumn(asked, name, 'history'))
      : free.filter((column) => isNumeric(column) && !looksLikeDelete(column));
  if (history.length === 0)
    throw listing(asked, 'no numeric column is left to keep a history of; name one with --history');
  return { ...columns, history, delete: deleteColumn, guessed };
}

/** Columns that look as if they marked deleted records; only --delete makes one do so. */
export function deleteCandidates(file: InspectedFile): readonly string[] {
  return file.columns.filter(looksLikeDelete).map((column) => column.name);
}

function looksLikeDelete(column: SourceColumn): boolean {
  return /(^|_)(del|deleted|delete)(_|$)/i.test(column.name);
}

function isNumeric(column: SourceColumn): boolean {
  return column.type !== undefined && numericType.test(column.type);
}
