import { readFileSync } from 'node:fs';
import type { PipelineConfig } from '../../lib/config/index.ts';
import { ObjectNotFoundError } from '../../lib/errors.ts';
import type { IntakeItem, ObjectStore, StateStore } from '../../lib/stores/ports.ts';
import { openSqliteCatalog } from '../../lib/stores/sqlite/catalog.ts';
import { openSqliteState } from '../../lib/stores/sqlite/state.ts';
import type { ExecutionStart, ListedObject } from '../../lib/stores/trigger-ports.ts';
import type { Message, TriggerOptions } from '../../lib/triggers/handle.ts';
import { loadSummary } from '../support/pipelines.ts';

export const accounts = await loadSummary('pipelines/accounts.yaml');

export interface Site {
  readonly options: TriggerOptions & { readonly state: StateStore };
  readonly started: ExecutionStart[];
  readonly wakes: number[];
  readonly inventories: Map<string, Uint8Array>;
  readonly listed: ListedObject[];
  /** Turns the clock and says whether an execution runs. */
  readonly world: { nowMs: number; running: boolean; failStart: boolean };
  items(): Promise<readonly IntakeItem[]>;
}

/** The trigger on an embedded state store, with executions and messages written down instead of sent. */
export async function openSite(
  config: PipelineConfig = accounts,
  staged: Partial<Pick<TriggerOptions, 'catalog' | 'staging' | 'stagingRoot'>> = {},
): Promise<Site> {
  const world = { nowMs: Date.parse('2025-11-25T12:00:10Z'), running: false, failStart: false };
  const clock = { now: () => world.nowMs };
  const state = await openSqliteState({ path: ':memory:', clock });
  const started: ExecutionStart[] = [];
  const wakes: number[] = [];
  const listed: ListedObject[] = [];
  const inventories = new Map<string, Uint8Array>();
  return {
    started,
    wakes,
    inventories,
    listed,
    world,
    options: {
      config,
      state,
      clock,
      stagingBucket: 'partwise-staging',
      stagingRoot: 's3://partwise-staging',
      executions: {
        isAnyRunning: async () => world.running,
        start: async (start) => {
          if (world.failStart) throw new Error('Step Functions does not answer');
          if (started.some(({ name }) => name === start.name)) return 'exists';
          started.push(start);
          return 'started';
        },
      },
      wakes: { later: async (_, delaySeconds) => void wakes.push(delaySeconds) },
      listing: {
        async *list(prefix) {
          yield* listed.filter(({ key }) => key.startsWith(prefix));
        },
      },
      inventories: memoryStore('s3://partwise-inventories', inventories),
      catalog: await openSqliteCatalog({ path: ':memory:', name: 'local' }),
      staging: memoryStore('s3://partwise-staging', new Map()),
      ...staged,
    },
    items: async () => {
      const items: IntakeItem[] = [];
      for await (const item of state.intake.list(config.pipeline)) items.push(item);
      return items;
    },
  };
}

/** The messages of a recorded event. */
export function messagesOf(file: string): readonly Message[] {
  const event: { Records: readonly { messageId: string; body: string }[] } = JSON.parse(
    readFileSync(`events/${file}.json`, 'utf8'),
  );
  return event.Records.map(({ messageId, body }) => ({ id: messageId, body }));
}

function memoryStore(root: string, objects: ReadonlyMap<string, Uint8Array>): ObjectStore {
  const refuse = () => {
    throw new Error('inventories are only read');
  };
  return {
    root,
    read: async (location) => {
      const bytes = objects.get(location.slice(root.length + 1));
      if (bytes === undefined) throw new ObjectNotFoundError(location);
      return bytes;
    },
    readRange: refuse,
    readLines: refuse,
    write: refuse,
    adopt: refuse,
    head: refuse,
    list: refuse,
    delete: refuse,
    localPath: refuse,
    localPart: refuse,
  };
}
