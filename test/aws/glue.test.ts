import { CreateTableCommand, GetTableCommand, UpdateTableCommand } from '@aws-sdk/client-glue';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  AccessDeniedError,
  CatalogBusyError,
  CommitConflictError,
  CommitStateUnknownError,
  ConfigError,
  UnsupportedFeatureError,
} from '../../lib/errors.ts';
import { commitStaged, loadTable } from '../../lib/iceberg/index.ts';
import { openGlueCatalog } from '../../lib/stores/catalogs/glue-catalog.ts';
import { catalogContract, type OpenedCatalog, stagedAppend, stagedTable } from '../contracts/catalog.ts';
import { type Fault, openFaultProxy, operationOf } from './faults.ts';
import { openTestStore, testClients, uniqueName } from './world.ts';

async function openGlue(endpoint?: string, maxAttempts?: number): Promise<OpenedCatalog> {
  const opened = await openTestStore();
  const clients = testClients(
    endpoint === undefined ? {} : { glue: endpoint },
    maxAttempts === undefined ? {} : { maxAttempts },
  );
  return {
    store: opened.store,
    catalog: openGlueCatalog({ client: clients.glue, store: opened.store }),
    [Symbol.asyncDispose]: async () => {
      clients[Symbol.dispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

catalogContract('Glue', () => openGlue());

async function faulty(maxAttempts = 2) {
  const proxy = await openFaultProxy(inject('endpoints').glue);
  const opened = await openGlue(proxy.url, maxAttempts);
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  const identifier = { namespace: uniqueName('db').replaceAll('-', '_'), name: 't' };
  const first = await stagedTable(opened.store, identifier);
  await opened.catalog.swap([first.swap]);
  const strike = (fault: Fault, operation: string, times: number) =>
    proxy.strike(fault, times, (asked) => operationOf(asked) === operation);
  return { ...opened, opened, identifier, first, proxy, strike };
}

const down = { kind: 'status', status: 500, code: 'InternalServiceException' } as const;

describe('a commit to Glue whose outcome is unclear', () => {
  it('is recognised behind the refusal that its own hidden retry meets', async () => {
    const { catalog, opened, identifier, strike, proxy } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'lost reply' }, 'UpdateTable', 1);
    await catalog.swap([staged.swap]);
    expect(await catalog.current(identifier)).toBe(staged.swap.next);
    expect(proxy.left()).toBe(0);
  });

  it('has succeeded when no answer came but the pointer is ours', async () => {
    const { catalog, opened, identifier, strike, proxy } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'lost reply' }, 'UpdateTable', 2);
    await catalog.swap([staged.swap]);
    expect(await catalog.current(identifier)).toBe(staged.swap.next);
    expect(proxy.left()).toBe(0);
  });

  it('is unknown when no answer came and the pointer is the old one, for it may still arrive', async () => {
    const { catalog, opened, identifier, first, strike } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'lost request' }, 'UpdateTable', 2);
    await expect(catalog.swap([staged.swap])).rejects.toThrow(CommitStateUnknownError);
    expect(await catalog.current(identifier)).toBe(first.swap.next);
    await catalog.swap([staged.swap]);
    expect(await catalog.current(identifier)).toBe(staged.swap.next);
  });

  it('is unknown when the pointer cannot be read either, and is found later below other writers’ commits', async () => {
    const { catalog, opened, store, identifier, strike, proxy } = await faulty();
    using clients = testClients();
    const direct = openGlueCatalog({ client: clients.glue, store });
    const staged = await stagedAppend(opened, identifier, 'mine');
    strike({ kind: 'lost reply' }, 'UpdateTable', 2);
    const isDeaf = { now: true };
    proxy.strike(down, 1_000, (asked) => {
      const reads = operationOf(asked) === 'GetTable' && proxy.seen.includes('UpdateTable');
      return isDeaf.now && reads;
    });
    await expect(commitStaged({ store, catalog, staged: [staged] })).rejects.toThrow(CommitStateUnknownError);
    for (const writer of ['theirs-1', 'theirs-2']) {
      const other = await stagedAppend({ ...opened, catalog: direct }, identifier, writer);
      await direct.swap([other.swap]);
    }
    isDeaf.now = false;
    await commitStaged({ store, catalog, staged: [staged] });
    const { metadata } = await loadTable({ store, catalog, identifier });
    expect(metadata.snapshots.map((snapshot) => snapshot.summary['writer'])).toEqual([
      'mine',
      'theirs-1',
      'theirs-2',
    ]);
  });

  it('was not done when the service says that it failed and the pointer is the old one', async () => {
    const { catalog, opened, identifier, first, strike } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike(down, 'UpdateTable', 2);
    await expect(catalog.swap([staged.swap])).rejects.toThrow(CatalogBusyError);
    expect(await catalog.current(identifier)).toBe(first.swap.next);
  });
});

describe('Glue that refuses', () => {
  it('answers a stale version as a conflict, with where the pointer is', async () => {
    const { catalog, opened, identifier } = await faulty();
    const [one, two] = [
      await stagedAppend(opened, identifier, 'one'),
      await stagedAppend(opened, identifier, 'two'),
    ];
    const outcomes = await Promise.allSettled([catalog.swap([one.swap]), catalog.swap([two.swap])]);
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(refused?.reason).toBeInstanceOf(CommitConflictError);
    expect(refused?.reason.details.current).toBe(await catalog.current(identifier));
  });

  it('says denied when it is denied, before the commit and at it', async () => {
    const { catalog, opened, identifier, first, strike } = await faulty();
    const denied = { kind: 'status', status: 400, code: 'AccessDeniedException' } as const;
    const staged = await stagedAppend(opened, identifier, 'a');
    strike(denied, 'UpdateTable', 1);
    await expect(catalog.swap([staged.swap])).rejects.toThrow(AccessDeniedError);
    expect(await catalog.current(identifier)).toBe(first.swap.next);
    strike(denied, 'GetTable', 1);
    await expect(catalog.current(identifier)).rejects.toThrow(AccessDeniedError);
  });

  it('leaves tables of other kinds alone', async () => {
    const { catalog, identifier } = await faulty();
    using direct = testClients();
    await direct.glue.send(
      new CreateTableCommand({
        DatabaseName: identifier.namespace,
        TableInput: { Name: 'hive', TableType: 'EXTERNAL_TABLE', Parameters: { classification: 'csv' } },
      }),
    );
    const hive = { ...identifier, name: 'hive' };
    await expect(catalog.current(hive)).rejects.toThrow(UnsupportedFeatureError);
    expect(await catalog.list(identifier.namespace)).toEqual([identifier]);
  });

  it('is not given names that it would change', async () => {
    const { catalog, first } = await faulty();
    for (const name of ['Upper', 'with-dash', ''])
      await expect(
        catalog.swap([{ ...first.swap, identifier: { namespace: 'db', name }, expected: undefined }]),
      ).rejects.toThrow(ConfigError);
  });
});

describe('what Glue shows of a table', () => {
  it('is what Iceberg’s own catalog writes, and keeps what others added', async () => {
    const { catalog, opened, identifier, first } = await faulty();
    using direct = testClients();
    const shown = async () => {
      const request = { DatabaseName: identifier.namespace, Name: identifier.name };
      return (await direct.glue.send(new GetTableCommand(request))).Table;
    };
    const before = await shown();
    await direct.glue.send(
      new UpdateTableCommand({
        DatabaseName: identifier.namespace,
        TableInput: {
          Name: identifier.name,
          TableType: 'EXTERNAL_TABLE',
          Description: 'for people',
          Owner: 'someone',
          Parameters: { ...before?.Parameters, 'their.key': 'kept' },
          StorageDescriptor: before?.StorageDescriptor,
        },
      }),
    );
    const staged = await stagedAppend(opened, identifier, 'a');
    await catalog.swap([staged.swap]);
    const after = await shown();
    expect(after).toMatchObject({
      TableType: 'EXTERNAL_TABLE',
      Description: 'for people',
      Owner: 'someone',
      Parameters: {
        table_type: 'ICEBERG',
        metadata_location: staged.swap.next,
        previous_metadata_location: first.swap.next,
        'their.key': 'kept',
      },
      StorageDescriptor: { Location: staged.metadata.location },
    });
    expect(after?.StorageDescriptor?.Columns?.map(({ Name, Type }) => [Name, Type])).toEqual([
      ['key', 'string'],
      ['month', 'string'],
      ['value', 'bigint'],
    ]);
    expect(after?.StorageDescriptor?.Columns?.[0]?.Parameters).toEqual({
      'iceberg.field.id': '1',
      'iceberg.field.optional': 'false',
      'iceberg.field.current': 'true',
    });
  });
});
