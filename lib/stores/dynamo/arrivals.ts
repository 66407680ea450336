import { StoreUnavailableError } from '../../errors.ts';
import type { IntakeItem, IntakeStore } from '../ports.ts';
import { isNewerSequencer } from '../sequencer.ts';
import { identityOf, intakeItem, intakeKey, pendingKey } from './intake-items.ts';
import { getItem, optimistic, queryItems, type StateTable, type TransactItems, transact } from './table.ts';

/** Older pending versions that one arrival supersedes; there is more than one only after a release. */
const mostSuperseded = 40;

type Arrival = Parameters<IntakeStore['record']>[0];

interface Known {
  /** Arrivals of the location so far. */
  readonly counter: number;
  readonly versions: readonly IntakeItem[];
  /** Set when this version is recorded: by which write. */
  readonly recordedBy: string | undefined;
}

/**
 * One transaction decides: the version is new (attribute_not_exists) and nothing else arrived at this location since it
 * was looked at (the counter). Of two arrivals at once the second is decided again on what the first has left.
 */
export function recordArrival(table: StateTable, arrival: Arrival): Promise<boolean> {
  const writeId = table.newId();
  return optimistic(table, arrival.location, async (lost) => {
    const known = await knownOf(table, arrival);
    if (known.recordedBy !== undefined) return known.recordedBy === writeId;
    try {
      return (await transact(table, writes(table, arrival, known, writeId))) || lost();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      if ((await getItem(table, intakeKey(arrival)))?.['writeId'] === writeId) return true;
      throw error;
    }
  });
}

async function knownOf(table: StateTable, arrival: Arrival): Promise<Known> {
  const { pk, sk } = intakeKey({ ...arrival, version: undefined });
  let counter = 0;
  let recordedBy: string | undefined;
  const versions: IntakeItem[] = [];
  for await (const item of queryItems(table, { pk, prefix: sk })) {
    if (item['version'] === undefined) counter = Number(item['arrivals']);
    else if (item['version'] === arrival.version) recordedBy = String(item['writeId']);
    else versions.push(intakeItem(item));
  }
  return { counter, versions, recordedBy };
}

function writes(table: StateTable, arrival: Arrival, known: Known, writeId: string): TransactItems {
  const TableName = table.name;
  const rivals = known.versions.filter((one) => ['pending', 'claimed', 'done'].includes(one.status));
  const outdated = rivals.some((one) => isNewerSequencer(one.sequencer, arrival.sequencer));
  const older = outdated ? [] : rivals.filter((one) => one.status === 'pending');
  const first = known.counter === 0;
  return [
    {
      Put: {
        TableName,
        Item: {
          ...intakeKey(arrival),
          ...arrival,
          status: outdated ? 'superseded' : 'pending',
          ...(outdated ? { reason: 'a newer version of this object arrived before it' } : {}),
          writeId,
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    },
    {
      Update: {
        TableName,
        Key: { ...intakeKey({ ...arrival, version: undefined }) },
        UpdateExpression: 'SET arrivals = :next',
        ConditionExpression: first ? 'attribute_not_exists(pk)' : 'arrivals = :seen',
        ExpressionAttributeValues: {
          ':next': known.counter + 1,
          ...(first ? {} : { ':seen': known.counter }),
        },
      },
    },
    ...(outdated ? [] : [putPending(table, arrival)]),
    ...older.slice(0, mostSuperseded).flatMap((one) => supersede(table, one, arrival.version)),
  ];
}

export function putPending(table: StateTable, item: Parameters<typeof pendingKey>[0]) {
  return { Put: { TableName: table.name, Item: { ...pendingKey(item), ...identityOf(item) } } };
}

/** A version that a run claims in the meantime fails the transaction: then it is no longer pending, and stays the run's. */
function supersede(table: StateTable, item: IntakeItem, byVersion: string): TransactItems {
  return [
    {
      Update: {
        TableName: table.name,
        Key: { ...intakeKey(item) },
        UpdateExpression: 'SET #status = :superseded, reason = :reason',
        ConditionExpression: '#status = :pending',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':superseded': 'superseded',
          ':pending': 'pending',
          ':reason': `superseded by version ${byVersion}`,
        },
      },
    },
    { Delete: { TableName: table.name, Key: { ...pendingKey(item) } } },
  ];
}
