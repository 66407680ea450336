/** The one table of exit codes: the help, the documentation and the mapping from errors are made from it. */
export const exitCodes = [
  { code: 0, name: 'ok', meaning: 'done, or nothing to do' },
  { code: 1, name: 'failure', meaning: 'something failed; what was published before stays as it was' },
  { code: 2, name: 'usage', meaning: 'the command line or the pipeline file is wrong' },
  {
    code: 3,
    name: 'stale-plan',
    meaning: 'the plan no longer fits the tables or the configuration; plan again',
  },
  { code: 4, name: 'conflict', meaning: 'another run or writer was faster or holds the lease; try again' },
  {
    code: 5,
    name: 'input',
    meaning: 'more bad rows or files than the error budget allows; nothing was published',
  },
  { code: 6, name: 'integrity', meaning: 'an audit or verification found a difference' },
  {
    code: 7,
    name: 'commit-unknown',
    meaning: 'the catalog did not say whether the commit landed; resume decides',
  },
  { code: 8, name: 'storage', meaning: 'the root folder cannot be used, or the disk is full' },
  { code: 9, name: 'access', meaning: 'not signed in to AWS, not allowed, or not deployed there' },
  { code: 130, name: 'interrupted', meaning: 'stopped by Ctrl-C or a signal; the run can be resumed' },
] as const;

export type ExitCode = (typeof exitCodes)[number]['code'];

const byErrorName: Readonly<Record<string, ExitCode>> = {
  UsageError: 2,
  ConfigError: 2,
  SparkMissingError: 2,
  TableNotFoundError: 2,
  PlanStaleError: 3,
  PinnedSnapshotExpiredError: 3,
  CommitConflictError: 4,
  LeaseHeldError: 4,
  LeaseLostError: 4,
  UnfinishedBatchError: 4,
  BatchOrderError: 4,
  ErrorBudgetExceededError: 5,
  PoisonInputError: 5,
  SourceChangedError: 5,
  IntegrityError: 6,
  DuplicateStoredKeyError: 6,
  AdoptionRefusedError: 6,
  CorruptStateError: 6,
  CommitStateUnknownError: 7,
  RootUnusableError: 8,
  StorageFullError: 8,
  NotSignedInError: 9,
  NotDeployedError: 9,
  StoreMissingError: 9,
  AccessDeniedError: 9,
  RunCancelledError: 130,
};

/** The exit code of an error, by its name; names that are not in the table are plain failures. */
export function exitCodeOf(errorName: string): ExitCode {
  return Object.hasOwn(byErrorName, errorName) ? (byErrorName[errorName] ?? 1) : 1;
}
