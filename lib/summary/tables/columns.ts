import type { ColumnType, SummaryConfig } from '../../config/schema.ts';
import { ConfigError } from '../../errors.ts';
import type { PrimitiveType } from '../../iceberg/types.ts';
import { type FeedShape, feedShape } from './feed-columns.ts';

/** A scalar of the stored row: of the source, derived, or the system's. */
export interface ScalarColumn {
  readonly name: string;
  /** Exact SQL type; every value is cast to it when it is written. */
  readonly sqlType: string;
  readonly icebergType: PrimitiveType;
}

/** An array column of length H: index 0 is the row's own month, index i is i calendar months earlier. */
export interface HistoryColumn {
  /** Array column of the tables, `<name>_history`. */
  readonly name: string;
  /** Scalar column whose values it collects. */
  readonly from: string;
  readonly elementSqlType: string;
  readonly elementIcebergType: PrimitiveType;
}

/** Text over all H entries of one array column. */
export interface GridColumn {
  readonly name: string;
  /** Array column, `<name>_history`. */
  readonly history: string;
  readonly placeholder: string;
  readonly separator: string;
}

/** Columns of one order tuple (version, tie-breaks, hash) as stored. */
export interface RegisterColumns {
  readonly version: string;
  readonly ties: readonly string[];
  readonly hash: string;
}

/** Everything that SQL builders need to know about the columns of one pipeline. */
export interface SummaryShape {
  readonly historyLength: number;
  readonly key: ScalarColumn;
  readonly month: ScalarColumn;
  readonly version: ScalarColumn;
  readonly ties: readonly ScalarColumn[];
  readonly deleteColumn: string | undefined;
  /** In table order: configured columns (key and month among them), then derived ones. */
  readonly scalars: readonly ScalarColumn[];
  readonly histories: readonly HistoryColumn[];
  readonly grids: readonly GridColumn[];
  /** `pw_rec_*`, `pw_del_*`, what a deletions feed needs, `changed_run`, in table order. */
  readonly system: readonly ScalarColumn[];
  /** The newest normal record of the row's month. */
  readonly record: RegisterColumns;
  /** The newest delete of the row's month; the version is NULL when there is none. */
  readonly deletion: RegisterColumns;
  /** Undefined for a pipeline without a deletions feed. */
  readonly feed: FeedShape | undefined;
}

/** Name of the column that names the run that last changed a row. */
export const changedRun = 'changed_run';
/** Column of `latest`: the newest stored month of the key, alive or deleted. */
export const newestMonth = 'pw_newest_month';
/** Column of the tombstones: the delete's code when the pipeline has no delete column. */
export const tombstoneCode = 'pw_del_code';

/** @throws ConfigError when a name is not a column, or two columns share a name */
export function summaryShape(config: SummaryConfig): SummaryShape {
  const scalars = [...config.columns, ...config.derived].map(({ name, type }) => scalar(name, type));
  const byName = new Map(scalars.map((column) => [column.name, column]));
  const find = (name: string, path: string) => {
    const column = byName.get(name);
    if (column === undefined) throw new ConfigError(`${path}: ${name} is not among columns or derived`);
    return column;
  };
  const histories = config.history.map(({ name, from }): HistoryColumn => {
    const source = find(from ?? name, `history.${name}.from`);
    return {
      name: `${name}_history`,
      from: source.name,
      elementSqlType: source.sqlType,
      elementIcebergType: source.icebergType,
    };
  });
  const grids = config.grids.map(({ name, from, placeholder, separator }): GridColumn => {
    const history = `${from}_history`;
    if (!histories.some((one) => one.name === history))
      throw new ConfigError(`grids.${name}.from: ${from} is not a history entry`);
    return { name, history, placeholder, separator };
  });
  const version = find(config.version, 'version');
  const ties = config.tieBreaks.map((name) => find(name, 'tieBreaks'));
  const record = registerColumns('rec', ties.length);
  const deletion = registerColumns('del', ties.length);
  const deleteColumn = config.delete === undefined ? undefined : find(config.delete.column, 'delete.column');
  const feed =
    config.deletions === undefined || deleteColumn === undefined
      ? undefined
      : feedShape({
          date: find(config.deletions.overrides, 'deletions.overrides'),
          code: deleteColumn,
          version,
          scalar,
        });
  const system = [
    ...registerTypes(record, version, ties),
    ...registerTypes(deletion, version, ties),
    ...(feed === undefined ? [] : [...feed.source, ...feed.register]),
    scalar(changedRun, 'string'),
  ];
  const shape: SummaryShape = {
    historyLength: config.historyLength,
    key: find(config.key, 'key'),
    month: find(config.month, 'month'),
    version,
    ties,
    deleteColumn: deleteColumn?.name,
    scalars,
    histories,
    grids,
    system,
    record,
    deletion,
    feed,
  };
  refuseDuplicates(shape);
  refuseReserved(shape);
  return shape;
}

/** All columns of the summary table in order, as names. */
export function storedNames(shape: SummaryShape): readonly string[] {
  return [...shape.scalars, ...shape.histories, ...shape.grids, ...shape.system].map((column) => column.name);
}

/** The system columns of one register with the types of what they hold. */
export function registerTypes(
  register: RegisterColumns,
  version: ScalarColumn,
  ties: readonly ScalarColumn[],
): readonly ScalarColumn[] {
  return [
    { ...version, name: register.version },
    ...register.ties.map((name, index) => ({ ...(ties[index] ?? version), name })),
    scalar(register.hash, 'bigint'),
  ];
}

export function scalar(name: string, type: ColumnType): ScalarColumn {
  const [sqlType, icebergType] = types(type);
  return { name, sqlType, icebergType };
}

function registerColumns(kind: 'rec' | 'del', ties: number): RegisterColumns {
  return {
    version: `pw_${kind}_version`,
    ties: Array.from({ length: ties }, (_, index) => `pw_${kind}_tie${index + 1}`),
    hash: `pw_${kind}_hash`,
  };
}

function types(type: ColumnType): readonly [sqlType: string, icebergType: PrimitiveType] {
  switch (type) {
    case 'boolean':
      return ['BOOLEAN', 'boolean'];
    case 'int':
      return ['INTEGER', 'int'];
    case 'bigint':
      return ['BIGINT', 'long'];
    case 'double':
      return ['DOUBLE', 'double'];
    case 'string':
    case 'month':
      return ['VARCHAR', 'string'];
    case 'date':
      return ['DATE', 'date'];
    case 'timestamp':
      return ['TIMESTAMP', 'timestamp'];
    default: {
      const [precision, scale] = decimalParts(type);
      return [`DECIMAL(${precision},${scale})`, `decimal(${precision},${scale})`];
    }
  }
}

function decimalParts(type: string): readonly [precision: number, scale: number] {
  const match = /^decimal\((\d+),\s?(\d+)\)$/.exec(type);
  if (match === null) throw new ConfigError(`unknown column type ${type}`);
  return [Number(match[1]), Number(match[2])];
}

function refuseDuplicates(shape: SummaryShape): void {
  const seen = new Set<string>();
  for (const name of [...storedNames(shape), newestMonth]) {
    const folded = name.toLowerCase();
    if (seen.has(folded)) throw new ConfigError(`two columns of the tables would be named ${name}`);
    seen.add(folded);
  }
}

/** Statements name their own columns `pw_…`. */
function refuseReserved(shape: SummaryShape): void {
  for (const { name } of [...shape.scalars, ...shape.histories, ...shape.grids]) {
    if (name.toLowerCase().startsWith('pw_'))
      throw new ConfigError(`${name}: names that start with pw_ are reserved`);
  }
}
