import type { CommandSpec, FlagSpec } from '../command.ts';

const branchFlag: FlagSpec = {
  name: 'branch',
  kind: 'text',
  value: 'BRANCH',
  help: 'publish to this branch; readers of main see nothing until switch',
};

const fromMonthFlag: FlagSpec = {
  name: 'from-month',
  kind: 'text',
  value: 'YYYY-MM',
  help: 'work on this and later months first; all are published together',
};

export const detachFlag: FlagSpec = {
  name: 'detach',
  kind: 'switch',
  help: 'on AWS: start it and end, instead of following it',
};

const deletionsFlag: FlagSpec = {
  name: 'deletions',
  kind: 'text',
  value: 'PATH',
  many: true,
  help: 'file or folder of the deletions feed, if the pipeline has one (default: its staging folder)',
};

const batchFlags: readonly FlagSpec[] = [
  {
    name: 'arrived',
    kind: 'text',
    value: 'TIME',
    help: 'pipelines in batches: the files count as having arrived then (default: now)',
  },
  {
    name: 'until',
    kind: 'text',
    value: 'TIME',
    help: 'pipelines in batches: run the batches that end by then (default: now)',
  },
  {
    name: 'flush',
    kind: 'switch',
    help: 'pipelines in batches: publish what is still open, with the next batch',
  },
];

export const workCommands: readonly CommandSpec[] = [
  {
    name: 'plan',
    aws: 'works',
    group: 'Work',
    summary: 'read what has arrived and say what a run would do, without touching a table',
    description: [
      'Takes in the files given, or what lies in the staging folder of the pipeline (ROOT/staging/NAME), validates the ' +
        'rows and saves a plan that is pinned to the current snapshots: files and units, why copy-on-write or ' +
        'merge-on-read, what is pruned, time and bytes expected. run --plan RUN executes exactly this plan, or refuses it ' +
        'with the difference when something changed.',
    ],
    arguments: [{ name: 'FILES', help: 'Parquet, CSV (also .gz) or JSON lines', many: true }],
    flags: [
      branchFlag,
      fromMonthFlag,
      deletionsFlag,
      ...batchFlags,
      detachFlag,
      {
        name: 'sql',
        kind: 'switch',
        help: 'also the statements that change stored rows, of one unit of each engine',
      },
    ],
    examples: [
      { command: 'partwise plan drop.parquet', what: 'what this file would change' },
      {
        command: 'partwise plan --json',
        what: 'the plan of what waits in the staging folder, for a program',
      },
    ],
    load: async () => (await import('../commands/plan.ts')).plan,
  },
  {
    name: 'run',
    aws: 'works',
    group: 'Work',
    summary: 'bring the tables up to date with the files given, all at once or not at all',
    description: [
      'Takes in the files given, or what lies in the staging folder of the pipeline (ROOT/staging/NAME): prepares, plans, ' +
        'works, audits and publishes. Readers see the old tables until the publish, the new ones after it. Files that were ' +
        'applied before are recognised by path and content and change nothing; one that went to another branch, or that ' +
        'was refused, is taken in again when it is named. Ctrl-C or a crash leaves a run that partwise resume finishes.',
    ],
    arguments: [{ name: 'FILES', help: 'Parquet, CSV (also .gz) or JSON lines', many: true }],
    flags: [
      branchFlag,
      fromMonthFlag,
      deletionsFlag,
      ...batchFlags,
      {
        name: 'plan',
        kind: 'text',
        value: 'RUN',
        help: 'execute the plan that partwise plan saved under this run id',
      },
      detachFlag,
    ],
    examples: [
      { command: 'partwise run 2026-01.csv 2026-02.csv', what: 'two files, one publish' },
      { command: 'partwise run', what: 'whatever waits in the staging folder' },
      {
        command: 'partwise run 2026-01.csv --deletions closed.csv',
        what: 'records and a file of the deletions feed',
      },
      {
        command: 'partwise run late.parquet --branch check',
        what: 'to a branch: compare with diff, then switch',
      },
      { command: 'partwise run --plan RUN', what: 'a saved plan, verbatim' },
      { command: 'partwise run --flush', what: 'points: publish what is open, too' },
      {
        command: 'partwise run 2026-01.csv --profile PROFILE --region REGION',
        what: 'on AWS, where the pipeline is deployed',
      },
    ],
    load: async () => (await import('../commands/run.ts')).run,
  },
  {
    name: 'watch',
    group: 'Work',
    summary: 'run whenever files arrive in a folder, until Ctrl-C',
    description: [
      'Looks at the folder every few seconds. A file counts as arrived when its size and time have stood still between two ' +
        'looks; names that start with . or _ or end in .tmp or .part are left alone. Files stay where they are. A run ' +
        'that fails is reported and watching goes on; what failed is not tried again until a file changes.',
      'Of a pipeline in batches every batch is run once its end is over, whether files arrive or not.',
    ],
    arguments: [{ name: 'FOLDER', help: 'folder to watch (default: the staging folders of the pipeline)' }],
    flags: [
      {
        name: 'deletions',
        kind: 'text',
        value: 'FOLDER',
        help: 'folder to watch for files of the deletions feed, if the pipeline has one',
      },
      { name: 'interval', kind: 'count', value: 'SECONDS', help: 'time between two looks (default: 5)' },
      { name: 'once', kind: 'switch', help: 'look until nothing is left to do, then end' },
    ],
    examples: [
      { command: 'partwise watch drops/', what: 'every file that lands in drops/' },
      { command: 'partwise watch --json', what: 'one JSON line per run' },
    ],
    load: async () => (await import('../commands/watch.ts')).watch,
  },
  {
    name: 'resume',
    aws: 'works',
    group: 'Work',
    summary: 'finish a run that failed or was interrupted, doing only what is missing',
    description: [
      'Units whose checkpoint stands are skipped. A run that was published already is recognised and left as it is.',
      'On AWS it follows the run if it is at work. Otherwise it redrives the execution, or starts another one for the run when ' +
        'that can no longer be redriven (after 14 days) or plans again; it says which.',
    ],
    arguments: [{ name: 'RUN', help: 'run id (default: the newest unfinished run)' }],
    flags: [
      {
        name: 'replan',
        kind: 'switch',
        help: 'plan again when the tables moved on; units with unchanged inputs are kept',
      },
      detachFlag,
    ],
    examples: [
      { command: 'partwise resume', what: 'the newest unfinished run' },
      { command: 'partwise resume RUN', what: 'that run' },
      { command: 'partwise resume RUN --replan', what: 'that run, when its plan was refused as stale' },
    ],
    load: async () => (await import('../commands/resume.ts')).resume,
  },
  {
    name: 'cancel',
    aws: 'works',
    group: 'Work',
    summary: 'give up an unfinished run, or a branch, and return its files to the intake',
    description: [
      'Nothing of it was visible to readers of main and nothing becomes so. Its files are taken up again by the next run.',
      'On AWS it stops the execution of a run that is at work, and has the trigger give the files back, which takes about half ' +
        'a minute. Branches cannot be given up there yet.',
    ],
    arguments: [{ name: 'RUN', help: 'run id' }],
    flags: [
      { name: 'branch', kind: 'text', value: 'BRANCH', help: 'give up this branch and all that ran to it' },
    ],
    examples: [
      { command: 'partwise cancel RUN', what: 'release the files that this run claimed' },
      { command: 'partwise cancel --branch check', what: 'drop the branch; its files wait for partwise run' },
    ],
    load: async () => (await import('../commands/cancel.ts')).cancel,
  },
  {
    name: 'switch',
    group: 'Work',
    summary: 'publish a branch: main becomes what the branch is, in one step for both tables',
    description: [
      'The files that ran to the branch are applied on main from then on. Refused when main has moved on since the branch ' +
        'was made: then run the files again, which takes them to main, or give the branch up with cancel --branch.',
    ],
    arguments: [{ name: 'BRANCH', help: 'branch that run --branch made', required: true }],
    flags: [],
    examples: [{ command: 'partwise switch check', what: 'after: partwise diff summary main check' }],
    load: async () => (await import('../commands/switch.ts')).switchBranch,
  },
  {
    name: 'replay',
    group: 'Work',
    summary: 'points: run published batches again, from the state before them, and swap main once',
    description: [
      'On a branch at the batch before --from-batch, each batch is run again with the files that its run took, and with ' +
        'the rules that the pipeline file has now. Readers of main see nothing until all are done; then main becomes ' +
        'what the branch is, in one step, which is refused when main has moved meanwhile. Needed after somebody rolled ' +
        'the table back, and for points that came too late for their batch (--also). A replay that failed goes on ' +
        'when it is given again with the same --branch.',
    ],
    arguments: [],
    flags: [
      { name: 'from-batch', kind: 'text', value: 'N', help: 'the first batch to run again' },
      {
        name: 'to-batch',
        kind: 'text',
        value: 'M',
        help: 'the last one (default: the newest); later ones are not on main afterwards',
      },
      {
        name: 'also',
        kind: 'text',
        value: 'FILE',
        many: true,
        help: 'a further file, which counts as the last to have arrived for batch N',
      },
      {
        name: 'branch',
        kind: 'text',
        value: 'BRANCH',
        help: 'the branch to work on (default: replay-N-TIME)',
      },
    ],
    examples: [
      { command: 'partwise replay --from-batch 12', what: 'batch 12 and all after it' },
      {
        command: 'partwise replay --from-batch 12 --also late.parquet',
        what: 'the same, with points that came after their windows had closed',
      },
    ],
    load: async () => (await import('../commands/replay.ts')).replay,
  },
];
