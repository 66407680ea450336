import type { ArgumentSpec, CommandSpec, FlagSpec } from '../command.ts';

const tableArgument: ArgumentSpec = {
  name: 'TABLE',
  help: 'summary, latest, tombstones, rollups, or the full name of a table',
  required: true,
};
const csvFlag: FlagSpec = {
  name: 'csv',
  kind: 'switch',
  help: 'CSV on stdout; text that looks like a formula is disarmed',
};

export const lookCommands: readonly CommandSpec[] = [
  {
    name: 'runs',
    aws: 'works',
    group: 'Look',
    summary: 'the runs, newest first',
    description: [],
    arguments: [],
    flags: [{ name: 'limit', kind: 'count', value: 'N', help: 'how many (default: 20)' }],
    examples: [
      { command: 'partwise runs', what: 'when each ran, what it changed, how it ended' },
      { command: 'partwise runs --json --limit 1', what: 'the newest, for a program' },
    ],
    load: async () => (await import('../commands/runs.ts')).runs,
  },
  {
    name: 'status',
    aws: 'works',
    group: 'Look',
    summary: 'one run: its files, stages, units and result, as an audit table',
    description: [
      'Each unit with its start, end, attempt, rows and bytes; those that failed with the reason.',
    ],
    arguments: [{ name: 'RUN', help: 'run id (default: the newest that did something)' }],
    flags: [
      { name: 'units', kind: 'count', value: 'N', help: 'units to list (default: 50; failed ones always)' },
    ],
    examples: [
      { command: 'partwise status', what: 'the newest run' },
      { command: 'partwise status RUN --json', what: 'everything about that run, for a program' },
    ],
    load: async () => (await import('../commands/status.ts')).status,
  },
  {
    name: 'show',
    aws: 'works',
    group: 'Look',
    summary: 'rows of a table, with readable history arrays',
    description: ['In arrays _ is NULL, and a tail of NULLs is counted instead of shown.'],
    arguments: [tableArgument],
    flags: [
      { name: 'key', kind: 'text', value: 'KEY', many: true, help: 'only rows of this key' },
      { name: 'month', kind: 'text', value: 'YYYY-MM', help: 'only rows of this month' },
      { name: 'branch', kind: 'text', value: 'BRANCH', help: 'read this branch (default: main)' },
      { name: 'snapshot', kind: 'text', value: 'ID', help: 'read this snapshot' },
      { name: 'limit', kind: 'count', value: 'N', help: 'rows at most (default: 20)' },
      { name: 'system', kind: 'switch', help: 'also the system columns' },
      csvFlag,
    ],
    examples: [
      { command: 'partwise show latest --key A0000042', what: 'one account as it stands' },
      { command: 'partwise show summary --key A0000042 --limit 100', what: 'its months' },
    ],
    load: async () => (await import('../commands/show.ts')).show,
  },
  {
    name: 'sql',
    aws: 'works',
    group: 'Look',
    summary: 'a query over the tables and over runs, units, steps and cases',
    description: [
      'Views: summary, latest and tombstones (also under their full names), pinned together to the newest published run, ' +
        'as readers see them; runs, units (start, end, attempt, status, error, rows, bytes), steps (prepare, judge, inserts, ' +
        'changes, apply, latest, tombstones, audit, publish: the same, with the work of all units) and cases (rows changed ' +
        'per run and case, with the step that did them). Time is per step, since one statement does the rows of several ' +
        "cases. The SQL is DuckDB's. Only queries are taken; they cannot change a table.",
    ],
    arguments: [{ name: 'QUERY', help: 'one SELECT (- reads it from stdin)', required: true }],
    flags: [
      {
        name: 'branch',
        kind: 'text',
        value: 'BRANCH',
        help: 'read this branch of the tables (default: main)',
      },
      {
        name: 'limit',
        kind: 'count',
        value: 'N',
        help: 'rows to print as a table (default: 200); CSV and JSON print all',
      },
      csvFlag,
    ],
    examples: [
      {
        command: 'partwise sql "SELECT month, count(*) FROM summary GROUP BY month ORDER BY month"',
        what: 'rows per month',
      },
      {
        command: 'partwise sql "SELECT * FROM cases ORDER BY run_id, case_name"',
        what: 'what each run changed',
      },
      {
        command: 'partwise sql "SELECT * FROM units WHERE status = \'failed\'" --csv',
        what: 'failed units, as CSV',
      },
    ],
    load: async () => (await import('../commands/sql.ts')).sql,
  },
  {
    name: 'diff',
    aws: 'works',
    group: 'Look',
    summary: 'two versions of a table, row by row',
    description: [
      'FROM and TO are branches, snapshot ids or run ids. Rows are matched by key (and month) and compared in every column; ' +
        'the system columns are left out unless --system.',
    ],
    arguments: [
      tableArgument,
      { name: 'FROM', help: 'branch, snapshot id or run id', required: true },
      { name: 'TO', help: 'branch, snapshot id or run id', required: true },
    ],
    flags: [
      { name: 'limit', kind: 'count', value: 'N', help: 'rows to show (default: 20); the counts are of all' },
      { name: 'system', kind: 'switch', help: 'also compare the system columns' },
    ],
    examples: [
      { command: 'partwise diff summary main check', what: 'what publishing the branch would change' },
    ],
    load: async () => (await import('../commands/diff.ts')).diff,
  },
];
