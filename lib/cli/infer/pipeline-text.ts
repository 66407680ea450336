import type { ColumnType } from '../../config/index.ts';
import type { InspectedFile, SourceColumn } from './inspect.ts';
import type { Roles } from './roles.ts';
import { comment, scalar, sourceLines, tableName } from './yaml-text.ts';

export interface PipelineTextOptions {
  readonly name: string;
  readonly file: InspectedFile;
  readonly roles: Roles;
  readonly deleteCodes: readonly string[];
  readonly historyLength: number | undefined;
  /** Path of the JSON Schema from the pipeline file, for editors. */
  readonly schemaPath: string;
}

interface TargetName {
  readonly column: SourceColumn;
  readonly name: string;
  readonly type: ColumnType;
}

/** The YAML of a pipeline for this file, with comments where a person may want to change it. */
export function pipelineText(options: PipelineTextOptions): string {
  const { file, roles } = options;
  const targets = targetNames(file, roles);
  const nameOf = (column: SourceColumn) =>
    targets.find((target) => target.column === column)?.name ?? column.name;
  const leftOut = file.columns.filter((column) => !targets.some((target) => target.column === column));
  const lines = [
    `# yaml-language-server: $schema=${options.schemaPath}`,
    `# Made from the columns of a file; all that can be set: docs/configuration.md`,
    `pipeline: ${scalar(options.name)}`,
    'kind: summary',
    ...sourceLines(file),
    '',
    '# Columns of the tables, in their order. `from` is the name in the files.',
    'columns:',
    ...targets.map((target) => `  - ${columnEntry(target)}`),
    ...leftOut.map(
      (column) =>
        `  # left out, no type of the tables fits: ${comment(column.name)} (${comment(column.engineType)})`,
    ),
    '',
    `key: ${scalar(nameOf(roles.key))}`,
    `month: ${scalar(nameOf(roles.month))}`,
    '# Of two records for one key and month, the one with the higher version wins.',
    `version: ${scalar(nameOf(roles.version))}`,
    '',
    `# Each gets an array <name>_history: position 0 is the row's own month, position i is i months earlier.`,
    'history:',
    ...roles.history.map((column) => `  - { name: ${scalar(nameOf(column))} }`),
  ];
  if (options.historyLength !== undefined) lines.push(`historyLength: ${options.historyLength}`);
  if (roles.delete !== undefined) {
    lines.push('', '# A record with one of these codes deletes its month.', 'delete:');
    lines.push(
      `  column: ${scalar(nameOf(roles.delete))}`,
      `  codes: [${options.deleteCodes.map((code) => JSON.stringify(code)).join(', ')}]`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function targetNames(file: InspectedFile, roles: Roles): readonly TargetName[] {
  const used = new Set<string>();
  return file.columns.flatMap((column): readonly TargetName[] => {
    const type = column === roles.month ? 'month' : column === roles.delete ? codeType(column) : column.type;
    if (type === undefined) return [];
    const base = tableName(column.name);
    let name = base;
    for (let suffix = 2; used.has(name.toLowerCase()); suffix += 1) name = `${base}_${suffix}`;
    used.add(name.toLowerCase());
    return [{ column, name, type }];
  });
}

function codeType(column: SourceColumn): ColumnType {
  return column.type === 'int' || column.type === 'bigint' ? column.type : 'string';
}

function columnEntry(target: TargetName): string {
  const from = target.name === target.column.name ? '' : ` from: ${scalar(target.column.name)},`;
  const type = target.type.includes('(') ? `'${target.type}'` : target.type;
  return `{ name: ${scalar(target.name)},${from} type: ${type} }`;
}
