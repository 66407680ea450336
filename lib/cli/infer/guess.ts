import { UsageError } from '../../errors.ts';
import { textTable } from '../../report/table.ts';
import { didYouMean } from '../suggest.ts';
import type { InspectedFile, SourceColumn } from './inspect.ts';

/** How the column of a role is known. */
export interface RoleRule {
  /** Best names first; a match of an earlier one beats all later ones. */
  readonly names: readonly RegExp[];
  readonly fits: (column: SourceColumn) => boolean;
  readonly what: string;
}

/** A file whose columns are to be told apart. */
export interface Asked {
  readonly file: InspectedFile;
  /** The flags that decide, for the next command: `--key COLUMN …`. */
  readonly flags: string;
}

interface AssignOptions<Role extends string> {
  readonly asked: Asked;
  /** In the order in which they are guessed. */
  readonly rules: Readonly<Record<Role, RoleRule>>;
  readonly given: Readonly<Record<Role, string | undefined>>;
}

export interface Assigned<Role extends string> {
  readonly columns: Readonly<Record<Role, SourceColumn>>;
  readonly guessed: readonly Role[];
}

/**
 * Which column is what: the flags where given, else the only column that fits by name and content.
 * @throws UsageError listing the columns when a flag names none of them or a role stays open
 */
export function assignColumns<Role extends string>(options: AssignOptions<Role>): Assigned<Role> {
  const { asked, rules, given } = options;
  const roles = Object.keys(rules) as Role[];
  const taken = new Set<SourceColumn>();
  const found: [Role, SourceColumn][] = [];
  // What is given is taken first, so that no guess takes it away.
  const guessed = roles.filter((role) => given[role] === undefined);
  for (const role of [...roles.filter((one) => given[one] !== undefined), ...guessed]) {
    const name = given[role];
    const column =
      name === undefined ? guessRole(asked, role, rules[role], taken) : namedColumn(asked, name, role);
    if (taken.has(column))
      throw listing(asked, `column ${column.name} cannot be both the ${role} and something else`);
    mustFit(asked, role, rules[role], column);
    taken.add(column);
    found.push([role, column]);
  }
  return { columns: Object.fromEntries(found) as Record<Role, SourceColumn>, guessed };
}

/** @throws UsageError listing the columns */
function mustFit(asked: Asked, role: string, rule: RoleRule, column: SourceColumn): void {
  if (rule.fits(column)) return;
  const reason = column.hasNull
    ? 'it has NULLs'
    : `it is ${column.engineType}, such as ${column.sample ?? 'nothing'}`;
  throw listing(asked, `column ${column.name} cannot be the ${role}: ${reason}; needed is ${rule.what}`);
}

function guessRole(
  asked: Asked,
  role: string,
  { names, fits, what }: RoleRule,
  taken: ReadonlySet<SourceColumn>,
): SourceColumn {
  const free = asked.file.columns.filter((column) => !taken.has(column) && fits(column));
  for (const pattern of names) {
    const matches = free.filter((column) => pattern.test(column.name));
    const [only] = matches;
    if (only !== undefined && matches.length === 1) return only;
    if (matches.length > 1) {
      throw listing(
        asked,
        `which column is the ${role}? ${matches.map((column) => column.name).join(', ')} could be; say --${role}`,
      );
    }
  }
  throw listing(asked, `no column is clearly the ${role} (${what}); say --${role} COLUMN`);
}

/** The column that a flag names, also in other letters. @throws UsageError listing the columns */
export function namedColumn(asked: Asked, name: string, flag: string): SourceColumn {
  const column =
    asked.file.columns.find((candidate) => candidate.name === name) ??
    asked.file.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  if (column !== undefined) return column;
  const names = asked.file.columns.map((candidate) => candidate.name);
  throw listing(asked, `--${flag}: there is no column ${name}${didYouMean(name, names)}`);
}

/** The problem, with the columns of the file. */
export function listing({ file, flags }: Asked, problem: string): UsageError {
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
      next: `partwise init --from ${file.path} ${flags}`,
      details: { columns: file.columns },
    },
  );
}
