import type { OracleRules } from '../oracle/summary-oracle.ts';

export type ScalarType =
  | 'int'
  | 'bigint'
  | 'double'
  | 'string'
  | 'date'
  | 'boolean'
  | 'timestamp'
  | 'decimal(12,2)';

/** What a pipeline's records look like: enough to make records, files, the configuration and the oracle's rules. */
export interface Shape {
  readonly keyType: 'string' | 'bigint';
  readonly tieTypes: readonly ('int' | 'string')[];
  /** Besides key, month, version, tie-breaks and delete code. */
  readonly columns: readonly { readonly name: string; readonly type: ScalarType }[];
  readonly history: readonly { readonly name: string; readonly from: string }[];
  readonly grids: OracleRules['grids'];
  readonly historyLength: number;
  readonly deletes: boolean;
  /** Date column that a deletions feed overrides; without it the pipeline has no such feed. */
  readonly overrides?: string;
  readonly onStale: 'ignore' | 'apply';
}

export const columnNames = {
  key: 'acct',
  month: 'as_of',
  version: 'base_ts',
  deleteCode: 'del_code',
} as const;
/** Columns of the deletions feed's files. */
export const feedColumns = { key: 'account', date: 'closed_on', code: 'reason', version: 'sent_at' } as const;
export const deleteCodes = ['1', '4'] as const;
export const tieName = (index: number): string => `tie_${index + 1}`;

/** Columns of a source file, in no meaningful order. */
export function sourceColumns(
  shape: Shape,
): readonly { readonly name: string; readonly type: ScalarType | 'month' }[] {
  return [
    { name: columnNames.key, type: shape.keyType },
    { name: columnNames.month, type: 'month' },
    { name: columnNames.version, type: 'timestamp' },
    ...shape.tieTypes.map((type, index) => ({ name: tieName(index), type })),
    ...(shape.deletes ? [{ name: columnNames.deleteCode, type: 'string' as const }] : []),
    ...shape.columns,
  ];
}

export function oracleRules(shape: Shape): OracleRules {
  return {
    historyLength: shape.historyLength,
    history: shape.history,
    grids: shape.grids,
    deleteColumn: shape.deletes ? columnNames.deleteCode : undefined,
    deleteCodes,
    ...(shape.overrides === undefined ? {} : { overrides: shape.overrides }),
    onStale: shape.onStale,
  };
}

/** What a person would write into `pipelines/*.yaml`. */
export function pipelineDocument(
  shape: Shape,
  overrides: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    pipeline: 'proof',
    kind: 'summary',
    columns: sourceColumns(shape),
    key: columnNames.key,
    month: columnNames.month,
    version: columnNames.version,
    tieBreaks: shape.tieTypes.map((_, index) => tieName(index)),
    history: shape.history,
    grids: shape.grids,
    historyLength: shape.historyLength,
    onStale: shape.onStale,
    ...(shape.deletes ? { delete: { column: columnNames.deleteCode, codes: deleteCodes } } : {}),
    ...(shape.overrides === undefined ? {} : { deletions: { ...feedColumns, overrides: shape.overrides } }),
    ...overrides,
  };
}

/** Two history columns, a grid, one plain column: small enough for hundreds of runs. */
export const smallShape: Shape = {
  keyType: 'string',
  tieTypes: ['int'],
  columns: [
    { name: 'balance', type: 'bigint' },
    { name: 'status', type: 'string' },
    { name: 'opened', type: 'date' },
  ],
  history: [
    { name: 'balance', from: 'balance' },
    { name: 'rating', from: 'status' },
  ],
  grids: [{ name: 'rating_grid', from: 'rating', placeholder: '?', separator: '' }],
  historyLength: 6,
  deletes: true,
  onStale: 'ignore',
};

/** The old systems' table: 20 arrays of 36 months, two tie-breaks, several grids, every type. */
export const wideShape: Shape = {
  keyType: 'bigint',
  tieTypes: ['int', 'string'],
  columns: [
    ...Array.from({ length: 20 }, (_, index) => ({ name: `metric_${index + 1}`, type: wideTypes(index) })),
    { name: 'branch_office', type: 'string' },
    { name: 'last_payment', type: 'date' },
    { name: 'touched_at', type: 'timestamp' },
    { name: 'secured', type: 'boolean' },
  ],
  history: Array.from({ length: 20 }, (_, index) => ({ name: `m${index + 1}`, from: `metric_${index + 1}` })),
  grids: [
    { name: 'rating_grid', from: 'm2', placeholder: '?', separator: '' },
    { name: 'count_grid', from: 'm1', placeholder: '-', separator: '|' },
  ],
  historyLength: 36,
  deletes: true,
  onStale: 'ignore',
};

function wideTypes(index: number): ScalarType {
  const types = ['int', 'string', 'bigint', 'double', 'decimal(12,2)', 'date', 'boolean'] as const;
  return types[index % types.length] ?? 'int';
}
