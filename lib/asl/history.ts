import type { HistoryEvent, HistorySink, Json } from './types.ts';

/** Events of one execution, numbered from 1. Details are made only when somebody listens. */
export interface History {
  /** Returns the event's id: the `previousEventId` of what follows. */
  record(previousEventId: number, type: string, details?: () => EventDetails): number;
}

export type EventDetails = { readonly [details: `${string}Details`]: { readonly [key: string]: Json } };

export interface HistoryOptions {
  readonly now: () => number;
  readonly sink: HistorySink | undefined;
  readonly executionName: string;
  readonly mapRun: string | undefined;
}

/** The service's own limit on the events of one execution. */
export const HISTORY_LIMIT = 25_000;

export function createHistory({ now, sink, executionName, mapRun }: HistoryOptions): History {
  let lastId = 0;
  return {
    record(previousEventId, type, details) {
      lastId += 1;
      if (sink !== undefined) {
        const event: HistoryEvent = {
          id: lastId,
          previousEventId,
          timestamp: new Date(now()).toISOString(),
          type,
          ...details?.(),
        };
        sink(event, { executionName, mapRun });
      }
      return lastId;
    },
  };
}

/** Collects the execution's own events, the first `limit` of them; those of Map children are left out. */
export function collectHistory(limit: number = HISTORY_LIMIT): {
  readonly events: HistoryEvent[];
  readonly sink: HistorySink;
} {
  const events: HistoryEvent[] = [];
  return {
    events,
    sink: (event, { mapRun }) => {
      if (mapRun === undefined && events.length < limit) events.push(event);
    },
  };
}

/** Error and cause as event details: absent ones are left out. */
export function failureDetails(failure: {
  readonly error: string | undefined;
  readonly causeText: string | undefined;
}) {
  return {
    ...(failure.error === undefined ? {} : { error: failure.error }),
    ...(failure.causeText === undefined ? {} : { cause: failure.causeText }),
  };
}
