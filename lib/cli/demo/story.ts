import type { ComparedMonth } from '../../demo/account.ts';
import type { DemoDrop } from '../../demo/drops.ts';
import { count, duration, plural } from '../../report/format.ts';
import { cellText } from '../../report/value.ts';
import { workedMs } from '../../run/run-facts.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { CaseCount } from '../case-records.ts';
import { reasonText } from '../outcome.ts';
import type { RefusedRow } from '../quarantine.ts';
import type { Style } from '../style.ts';
import type { TableFiles } from './files.ts';

export interface DropResult {
  readonly number: number;
  readonly drop: DemoDrop;
  readonly run: RunRecord;
  readonly cases: readonly CaseCount[];
  readonly files: readonly (TableFiles & { readonly before: number })[];
  readonly compared: readonly ComparedMonth[];
  readonly refused: readonly RefusedRow[];
}

const label = (name: string) => `   ${name.padEnd(9)}`;

/** What one drop did, as people read it. */
export function dropLines(result: DropResult, style: Style): readonly string[] {
  const { drop, run } = result;
  const took = run.endedMs === undefined ? '' : `  ${duration(workedMs(run, run.endedMs))}`;
  return [
    '',
    `${style.bold(`${result.number}  ${drop.title}`)}: ${drop.what}${style.dim(took)}`,
    ...result.cases.map(
      ({ title, rows }, index) =>
        `${label(index === 0 ? 'records' : '')}${count(rows).padStart(8)}  ${title}`,
    ),
    ...result.files.map(
      (file, index) =>
        `${label(index === 0 ? 'tables' : '')}${file.table}: ${plural(file.rows, 'row')}; ${plural(file.addedFiles, 'file')} added, ${count(file.removedFiles)} replaced`,
    ),
    ...accountLines(result, style),
    ...refusedLines(result),
  ];
}

function accountLines(result: DropResult, style: Style): readonly string[] {
  const { compared, drop } = result;
  if (compared.every((month) => month.before === undefined && month.after === undefined)) return [];
  const cell = (month: ComparedMonth, value: unknown) => {
    const text = (value === undefined ? '' : value === null ? '_' : cellText(value)).padStart(9);
    return month.changed ? style.yellow(text) : text;
  };
  const lines = [`${label('account')}${drop.sample}, its balance by month, as latest has it (_ is NULL)`];
  lines.push(`${label('')}      ${compared.map(({ month }) => month.padStart(9)).join('')}`);
  if (compared.some((month) => month.before !== undefined))
    lines.push(`${label('')}before${compared.map((month) => cell(month, month.before)).join('')}`);
  lines.push(`${label('')}after ${compared.map((month) => cell(month, month.after)).join('')}`);
  return lines;
}

function refusedLines(result: DropResult): readonly string[] {
  const lines = result.refused.map(
    (row) =>
      `${fileName(row.file)} row ${row.row}: ${row.column === null ? '' : `${row.column} `}${cellText(row.reason)}`,
  );
  const input = result.run.facts['input'];
  const files =
    typeof input === 'object' && input !== null && 'refused' in input && Array.isArray(input.refused)
      ? input.refused
      : [];
  for (const file of files as readonly { location: string; reason: string }[])
    lines.push(`${fileName(file.location)}: ${cellText(reasonText(file.reason))}`);
  return lines.map((line, index) => `${label(index === 0 ? 'refused' : '')}${line}`);
}

function fileName(location: string): string {
  return location.split('/').at(-1) ?? location;
}

/** The same for programs. */
export function dropReport(result: DropResult): Readonly<Record<string, unknown>> {
  const { drop, run, files, compared, refused } = result;
  return {
    title: drop.title,
    files: drop.files.map((file) => file.name),
    runId: run.runId,
    elapsedMs: run.endedMs === undefined ? undefined : Math.round(workedMs(run, run.endedMs)),
    cases: Object.fromEntries(result.cases.map(({ name, rows }) => [name, rows])),
    tables: files,
    account: drop.sample,
    balance: compared,
    refused,
  };
}

interface EndOptions {
  readonly root: string;
  readonly elapsedMs: number;
  readonly command: (text: string) => string;
}

export function endLines(options: EndOptions): readonly string[] {
  const { root, command } = options;
  const tried = [
    [`partwise show summary --key 42 --limit 40 --root ${root}`, 'every month of account 42'],
    [`partwise runs --root ${root}`, 'the runs; partwise status RUN has the units and the audit'],
    [`partwise sql "SELECT * FROM cases" --root ${root}`, 'what each run changed'],
    [
      `partwise run ${root}/drops/2-forward-month.parquet --root ${root}`,
      'the same file again: nothing to do',
    ],
    [`partwise verify --full --root ${root}`, 'everything recomputed another way'],
    ['partwise init --from YOUR_FILE', 'your own records'],
  ] as const;
  return [
    '',
    `All of it took ${duration(options.elapsedMs)}. Try next:`,
    ...tried.flatMap(([line, what]) => [`  ${command(line)}`, `      ${what}`]),
  ];
}
