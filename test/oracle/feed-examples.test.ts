import { describe, expect, it } from 'vitest';
import { type FeedExampleEvent, feedExampleRules, feedExamples } from './feed-examples.ts';
import { rebuild } from './summary-oracle.ts';
import { monthText } from './worked-examples.ts';

describe('the oracle on the worked examples of the deletions feed', () => {
  for (const example of feedExamples) {
    it(example.name, () => {
      const { records, feed } = split(example.events);
      const tables = rebuild(feedExampleRules, [], [records], feed);
      expect(
        tables.summary.map(({ month, values, arrays }) => ({
          month: monthText(month),
          closed: values.closed,
          code: values.del_code,
          balance: arrays.balance?.slice(0, (arrays.balance.findLastIndex((one) => one !== null) ?? 0) + 1),
        })),
      ).toEqual(
        example.rows.map((row) => ({ ...row, balance: row.balance.map((one) => one?.toString() ?? null) })),
      );
      expect(tables.latest.map(({ month }) => monthText(month))).toEqual([example.latest]);
      expect(tables.tombstones.map(({ month }) => monthText(month))).toEqual(example.tombstones ?? []);
      for (const { alive, values } of tables.summary)
        expect(alive).toBe(!feedExampleRules.deleteCodes.includes(values.del_code ?? ''));
    });
  }
});

function split(events: readonly FeedExampleEvent[]) {
  return {
    records: events.flatMap((event) => (event.kind === 'record' ? [event.record] : [])),
    feed: events.flatMap((event) => (event.kind === 'feed' ? [event.record] : [])),
  };
}
