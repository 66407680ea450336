import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { LeaseHeldError, LeaseLostError } from '../../errors.ts';
import type { Lease, LeaseStore } from '../ports.ts';
import { ask, getItem, type Item, isConditionFailed, type StateTable } from './table.ts';

const keyOf = (name: string) => ({ pk: `lease#${name}`, sk: 'lease' });

/**
 * A lease item never goes away and has no TTL: its epoch must grow for ever. One conditional write decides:
 *
 *     nobody has it   = attribute_not_exists(pk) OR holder = ''
 *     it is ours      = holder = :holder          (also our own hidden retry: the epoch grows once more, and is returned)
 *     it has lapsed   = expiresMs <= :now
 */
export function dynamoLeases(table: StateTable): LeaseStore {
  return {
    acquire: async (name, holder, ttlMs) => {
      const now = table.clock.now();
      try {
        const { Attributes } = await ask(table, 'UpdateItem', () =>
          table.client.send(
            new UpdateCommand({
              TableName: table.name,
              Key: keyOf(name),
              UpdateExpression:
                'SET holder = :holder, expiresMs = :expires, epoch = if_not_exists(epoch, :zero) + :one',
              ConditionExpression:
                'attribute_not_exists(pk) OR holder = :nobody OR holder = :holder OR expiresMs <= :now',
              ExpressionAttributeValues: {
                ':holder': holder,
                ':expires': now + ttlMs,
                ':zero': 0,
                ':one': 1,
                ':nobody': '',
                ':now': now,
              },
              ReturnValues: 'ALL_NEW',
            }),
          ),
        );
        return leaseOf(name, Attributes ?? {});
      } catch (error) {
        if (!isConditionFailed(error)) throw error;
        const current = await getItem(table, keyOf(name));
        const by = String(current?.['holder'] ?? 'another run');
        throw new LeaseHeldError(`${name} is being written by ${by}`, {
          details: { holder: by, expiresMs: current?.['expiresMs'] },
          safe: 'nothing was changed; new files stay pending',
          next: 'partwise runs',
        });
      }
    },

    renew: async (lease, ttlMs) => {
      const expiresMs = table.clock.now() + ttlMs;
      if (await change(table, lease, 'SET expiresMs = :expires', { ':expires': expiresMs }))
        return { ...lease, expiresMs };
      const current = await getItem(table, keyOf(lease.name));
      throw new LeaseLostError(
        `the lease on ${lease.name} was taken over by ${String(current?.['holder'] ?? '') || 'another run'}`,
        {
          details: { lease, current },
          safe: 'nothing of this attempt was published; its checkpoints stand',
        },
      );
    },

    release: async (lease) => {
      await change(table, lease, 'SET holder = :nobody, expiresMs = :zero', { ':nobody': '', ':zero': 0 });
    },

    current: async (name) => {
      const item = await getItem(table, keyOf(name));
      return item === undefined || item['holder'] === '' ? undefined : leaseOf(name, item);
    },
  };
}

/** Changes the lease if it is still this one; false when it is not. */
async function change(
  table: StateTable,
  lease: Lease,
  expression: string,
  values: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  try {
    await ask(table, 'UpdateItem', () =>
      table.client.send(
        new UpdateCommand({
          TableName: table.name,
          Key: keyOf(lease.name),
          UpdateExpression: expression,
          ConditionExpression: 'holder = :holder AND epoch = :epoch',
          ExpressionAttributeValues: { ':holder': lease.holder, ':epoch': lease.epoch, ...values },
        }),
      ),
    );
    return true;
  } catch (error) {
    if (isConditionFailed(error)) return false;
    throw error;
  }
}

function leaseOf(name: string, item: Item): Lease {
  return {
    name,
    holder: String(item['holder'] ?? ''),
    epoch: Number(item['epoch']),
    expiresMs: Number(item['expiresMs']),
  };
}
