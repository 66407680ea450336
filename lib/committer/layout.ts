import { createHash } from 'node:crypto';
import { LocationEscapeError, UsageError } from '../errors.ts';
import { joinLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';

/**
 * Where a job keeps its records. Both folders begin with a sign that Spark, Hive and Athena skip, and no record ends as a
 * data file does.
 */
export const layout = {
  pending: (destination: Location) => joinLocation(destination, '.pending'),
  jobs: (destination: Location) => joinLocation(destination, '.pending', 'jobs'),
  claims: (destination: Location) => joinLocation(destination, '.pending', 'claims'),
  claim: (destination: Location, file: Location) =>
    joinLocation(destination, '.pending', 'claims', `${hash(file)}.json`),
  job: (destination: Location, runId: string) =>
    joinLocation(destination, '.pending', 'jobs', segment(runId)),
  epochs: (folder: Location) => joinLocation(folder, 'epochs'),
  epoch: (folder: Location, epoch: number) =>
    joinLocation(folder, 'epochs', `${String(epoch).padStart(16, '0')}.json`),
  files: (folder: Location) => joinLocation(folder, 'files'),
  file: (folder: Location, handle: string) => joinLocation(folder, 'files', `${hash(handle)}.pending`),
  tasks: (folder: Location) => joinLocation(folder, 'tasks'),
  task: (folder: Location, task: string) => joinLocation(folder, 'tasks', `${segment(task)}.pendingset`),
  decision: (folder: Location) => joinLocation(folder, 'job.pendingset'),
  committed: (destination: Location, runId: string) =>
    joinLocation(destination, '_committed', `${segment(runId)}.jsonl`),
} as const;

/** The run whose record this is; undefined for what is no record of a job. */
export function runOf(destination: Location, record: Location): string | undefined {
  const below = `${layout.jobs(destination)}/`;
  const [name, ...rest] = record.startsWith(below) ? record.slice(below.length).split('/') : [];
  return name === undefined || rest.length === 0 ? undefined : decodeURIComponent(name);
}

/**
 * Where a file of a job goes. No part of the name may be one that readers skip, or climb.
 * @throws LocationEscapeError
 */
export function fileAt(destination: Location, name: string): Location {
  if (name.split('/').some((part) => part === '' || /^[._]/.test(part)))
    throw new LocationEscapeError(`${JSON.stringify(name)} is no name of an output file`, {
      details: { name },
    });
  return joinLocation(destination, name);
}

function segment(name: string): string {
  if (name === '' || /^\.+$/.test(name))
    throw new UsageError(`${JSON.stringify(name)} is no name of a run or task`);
  return encodeURIComponent(name);
}

function hash(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 40);
}
