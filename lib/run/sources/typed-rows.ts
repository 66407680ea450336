import type { ColumnConfig } from '../../config/schema.ts';
import { sqlType } from '../../config/types.ts';
import { identifier, text } from '../../engine/sql.ts';
import { PoisonInputError } from '../../errors.ts';
import type { OpenedSource } from './open.ts';
import { refuseTypes, typing } from './typing.ts';

/** Which source column feeds which target column. */
export interface ColumnMatch {
  /** Source column of each configured column; undefined when the file has none. */
  readonly from: readonly (string | undefined)[];
  readonly dropped: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Matches by name, else by the name without case when that is unambiguous.
 *
 * @throws PoisonInputError when a column that every row must have is missing, or has a type that cannot be converted
 */
export function matchColumns(
  columns: readonly ColumnConfig[],
  needed: ReadonlySet<string | undefined>,
  source: OpenedSource,
): ColumnMatch {
  const from = columns.map((column) => findColumn(source, column.from ?? column.name));
  const missing = columns.filter((_, at) => from[at] === undefined);
  const fatal = missing
    .filter((column) => column.required || needed.has(column.name))
    .map((column) => column.from ?? column.name);
  if (fatal.length > 0 && !(source.sparse && source.columns.length === 0)) {
    throw new PoisonInputError(
      `required columns are missing: ${fatal.join(', ')}; the file has ${preview(source.columns.map(({ name }) => name))}`,
    );
  }
  for (const [at, column] of columns.entries()) {
    const found = source.columns.find(({ name }) => name === from[at]);
    const refused = found === undefined ? undefined : refuseTypes(found.type, column.type);
    if (refused !== undefined) throw new PoisonInputError(`column ${found?.name}: ${refused}`);
  }
  const used = new Set(from);
  return {
    from,
    dropped: source.columns.map(({ name }) => name).filter((name) => !used.has(name)),
    missing: missing.map((column) => column.from ?? column.name),
  };
}

function preview(names: readonly string[]): string {
  return names.length <= 20
    ? names.join(', ')
    : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`;
}

/** The source column of that name, else the only one that differs by case alone. @throws PoisonInputError when ambiguous */
export function findColumn(source: OpenedSource, wanted: string): string | undefined {
  const exact = source.columns.filter(({ name }) => name === wanted);
  if (exact.length > 1) throw new PoisonInputError(`column ${wanted} occurs ${exact.length} times`);
  if (exact.length === 1) return wanted;
  const similar = source.columns.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (similar.length > 1)
    throw new PoisonInputError(
      `column ${wanted} is ambiguous: ${similar.map(({ name }) => name).join(', ')}`,
    );
  return similar[0]?.name;
}

interface TypedOptions {
  readonly columns: readonly ColumnConfig[];
  readonly fieldBytes: number;
  readonly source: OpenedSource;
  readonly match: Pick<ColumnMatch, 'from'>;
}

/** `SELECT pw_row, pw_fault, <columns>`; `pw_fault` is NULL or `<column>\x1f<reason>` of the row's first value that cannot be typed. */
export function typedRows({ columns, fieldBytes, source, match: { from } }: TypedOptions): string {
  const present = [...new Set(from.filter((name) => name !== undefined))];
  const plans = columns.map((column, at) => {
    const name = from[at];
    if (name === undefined) return { column, raw: `r${at}`, typing: undefined };
    const sourceType = source.columns.find((candidate) => candidate.name === name)?.type ?? 'TEXT';
    return {
      column,
      raw: `r${at}`,
      typing: typing({ column, sourceType, source: `s${present.indexOf(name)}`, raw: `r${at}`, fieldBytes }),
    };
  });
  const cast = plans.flatMap(({ raw, typing: t }) => (t === undefined ? [] : [`${t.cast} AS ${raw}`]));
  const judged = plans.flatMap(({ raw, typing: t }) =>
    t === undefined
      ? []
      : [`CASE WHEN ${t.unknown} THEN NULL WHEN ${t.present} THEN ${t.valid} END AS ok_${raw}`],
  );
  const faults = plans.flatMap(({ column, raw, typing: t }) =>
    t === undefined ? [] : [`CASE WHEN NOT ok_${raw} THEN ${fault(column.name, t.reason)} END`],
  );
  const values = plans.map(({ column, raw, typing: t }) =>
    t === undefined
      ? `CAST(NULL AS ${sqlType(column.type)}) AS ${identifier(column.name)}`
      : `CASE WHEN ok_${raw} THEN ${t.value} END AS ${identifier(column.name)}`,
  );
  return (
    `SELECT pw_row, coalesce(NULL, ${faults.join(', ')}) AS pw_fault, ${values.join(', ')} FROM ` +
    `(SELECT *, ${judged.join(', ')} FROM (SELECT *, ${cast.join(', ')} FROM (${source.select(present)})))`
  );
}

export function fault(column: string, reason: string): string {
  return text(`${column}\x1f${reason}`);
}
