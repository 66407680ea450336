import { UsageError } from '../../errors.ts';
import { textTable } from '../../report/table.ts';
import { didYouMean } from '../suggest.ts';
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

interface RoleRule {
  /** Best names first; a match of an earlier one beats all later ones. */
  readonly names: readonly RegExp[];
  readonly fits: (column: SourceColumn) => boolean;
  readonly what: string;
}

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
  const guessed: RoleName[] = [];
  const taken = new Set<SourceColumn>();
  const assign = (role: RoleName): SourceColumn => {
    const given = flags[role];
    const column = given === undefined ? guessRole(file, role, taken) : named(file, given, role);
    if (given === undefined) guessed.push(role);
    if (taken.has(column))
      throw listing(file, `column ${column.name} cannot be both the ${role} and something else`);
    if (!rules[role].fits(column)) {
      const reason = column.hasNull
        ? 'it has NULLs'
        : `it is ${column.engineType}, such as ${column.sample ?? 'nothing'}`;
      throw listing(
        file,
        `column ${column.name} cannot be the ${role}: ${reason}; needed is ${rules[role].what}`,
      );
    }
    taken.add(column);
    return column;
  };
  // What is given is taken first, so that no guess takes it away.
  const order: readonly RoleName[] = ['key', 'month', 'version'];
  const found = new Map<RoleName, SourceColumn>();
  for (const role of order.filter((name) => flags[name] !== undefined)) found.set(role, assign(role));
  for (const role of order.filter((name) => flags[name] === undefined)) found.set(role, assign(role));
  const deleteColumn = flags.delete === undefined ? undefined : named(file, flags.delete, 'delete');
  const free = file.columns.filter((column) => !taken.has(column) && column !== deleteColumn);
  const history =
    flags.history.length > 0
      ? flags.history.map((name) => named(file, name, 'history'))
      : free.filter((column) => isNumeric(column) && !looksLikeDelete(column));
  if (history.length === 0)
    throw listing(file, 'no numeric column is left to keep a history of; name one with --history');
  return {
    key: must(found.get('key')),
    month: must(found.get('month')),
    version: must(found.get('version')),
    history,
    delete: deleteColumn,
    guessed,
  };
}

/** Columns that look as if they marked deleted records; only --delete makes one do so. */
export function deleteCandidates(file: InspectedFile): readonly string[] {
  return file.columns.filter(looksLikeDelete).map((column) => column.name);
}

function looksLikeDelete(column: SourceColumn): boolean {
  return /(^|_)(del|deleted|delete)(_|$)/i.test(column.name);
}

function guessRole(file: InspectedFile, role: RoleName, taken: ReadonlySet<SourceColumn>): SourceColumn {
  const { names, fits, what } = rules[role];
  const free = file.columns.filter((column) => !taken.has(column) && fits(column));
  for (const pattern of names) {
    const matches = free.filter((column) => pattern.test(column.name));
    const [only] = matches;
    if (only !== undefined && matches.length === 1) return only;
    if (matches.length > 1) {
      throw listing(
        file,
        `which column is the ${role}? ${matches.map((column) => column.name).join(', ')} could be; say --${role}`,
      );
    }
  }
  throw listing(file, `no column is clearly the ${role} (${what}); say --${role} COLUMN`);
}

function named(file: InspectedFile, name: string, flag: string): SourceColumn {
  const column =
    file.columns.find((candidate) => candidate.name === name) ??
    file.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  if (column !== undefined) return column;
  const names = file.columns.map((candidate) => candidate.name);
  throw listing(file, `--${flag}: there is no column ${name}${didYouMean(name, names)}`);
}

function isNumeric(column: SourceColumn): boolean {
  return column.type !== undefined && numericType.test(column.type);
}

function listing(file: InspectedFile, problem: string): UsageError {
  const rows = file.columns.map((column) => [
    column.name,
    column.engineType,
    column.hasNull ? 'yes' : 'no',
    column.sample,
  ]);
  const table = textTable({
    columns: ['column', 'type', 'NULLs', 'such as'].map((title) => ({ title, align: 'left' })),
    rows,
    maxCellWidth: 40,
  });
  return new UsageError(
    `${problem}\nThe columns of ${file.path}:\n${table.map((line) => `  ${line}`).join('\n')}`,
    {
      safe: 'nothing was written',
      next: `partwise init --from ${file.path} --key COLUMN --month COLUMN --version COLUMN --history COLUMN`,
      details: { columns: file.columns },
    },
  );
}

function must(column: SourceColumn | undefined): SourceColumn {
  if (column === undefined) throw new TypeError('every role is assigned');
  return column;
}
