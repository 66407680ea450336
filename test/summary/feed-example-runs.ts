import type { SourceFile } from '../generators/scenario.ts';
import type { Shape } from '../generators/shape.ts';
import {
  type FeedExample,
  type FeedExampleEvent,
  feedExampleRules,
  feedExamples,
} from '../oracle/feed-examples.ts';

/** The examples of the deletions feed side by side in one table, each course of each under a key of its own. */

export const feedShape: Shape = {
  keyType: 'string',
  tieTypes: [],
  columns: [
    { name: 'balance', type: 'bigint' },
    { name: 'closed', type: 'date' },
  ],
  history: feedExampleRules.history,
  grids: [],
  historyLength: feedExampleRules.historyLength,
  deletes: true,
  overrides: 'closed',
  onStale: 'ignore',
};

/** The events of an example one run after the other, the other way round, and all in one run. */
export const courses: Readonly<
  Record<string, (example: FeedExample) => readonly (readonly FeedExampleEvent[])[]>
> = {
  'one by one': ({ events }) => events.map((event) => [event]),
  reversed: ({ events }) => events.toReversed().map((event) => [event]),
  'all at once': ({ events }) => [events],
};

export const keyOf = (course: string, example: FeedExample) => `${course}: ${example.name}`;

/** Files of each run. */
export const feedExampleRuns: readonly (readonly SourceFile[])[] = Array.from(
  { length: Math.max(...feedExamples.map((example) => example.events.length)) },
  (_, run) => filesOf(run),
);

function filesOf(run: number): readonly SourceFile[] {
  const events = Object.entries(courses).flatMap(([course, order]) =>
    feedExamples.flatMap((example) =>
      (order(example)[run] ?? []).map((event) => ({ event, key: keyOf(course, example) })),
    ),
  );
  const records = events.flatMap(({ event, key }) =>
    event.kind === 'record' ? [{ ...event.record, key }] : [],
  );
  const feed = events.flatMap(({ event, key }) => (event.kind === 'feed' ? [{ ...event.record, key }] : []));
  const files: SourceFile[] = [];
  if (records.length > 0) files.push({ name: `${run}.csv`, format: 'csv', seed: run, records });
  if (feed.length > 0)
    files.push({ name: `${run}.parquet`, format: 'parquet', seed: run, records: [], feed });
  return files;
}
