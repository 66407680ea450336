import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  AccessDeniedError,
  CatalogBusyError,
  CommitConflictError,
  CommitStateUnknownError,
} from '../../lib/errors.ts';
import {
  addColumns,
  commitStaged,
  currentSchema,
  currentSnapshot,
  dropRef,
  expireSnapshots,
  loadTable,
  setProperties,
  setRef,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { openRestCatalog, type RestCatalogOptions } from '../../lib/stores/catalogs/rest-catalog.ts';
import { openRestClient } from '../../lib/stores/catalogs/rest-client.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { catalogContract, type OpenedCatalog, stagedAppend, stagedTable } from '../contracts/catalog.ts';
import { type Fault, openFaultProxy } from './faults.ts';
import { openProxy } from './proxy.ts';
import { credentials, region } from './stand-ins.ts';
import { uniqueName } from './world.ts';

async function openRest(options: Partial<RestCatalogOptions> = {}): Promise<OpenedCatalog> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-rest-'));
  const store = await openDirectoryStore({ path: folder });
  return {
    store,
    ownFiles: true,
    catalog: openRestCatalog({ uri: inject('endpoints').rest, store, ...options }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

catalogContract('REST', () => openRest());

/** The server's own clock is that of this machine. */
const clock = { now: () => Date.now() };

async function faulty(options: Partial<RestCatalogOptions> = {}) {
  const proxy = await openFaultProxy(inject('endpoints').rest);
  const opened = await openRest({ uri: proxy.url, ...options });
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  const identifier = { namespace: uniqueName('ns'), name: 't' };
  await opened.catalog.swap([(await stagedTable(opened.store, identifier)).swap]);
  const load = () => loadTable({ store: opened.store, catalog: opened.catalog, identifier });
  const strike = (fault: Fault, method: string, times = 1) =>
    proxy.strike(
      fault,
      times,
      (asked) => asked.method === method && asked.path.includes(identifier.namespace),
    );
  return { ...opened, opened, identifier, proxy, load, strike };
}

describe('what the REST protocol has to carry', () => {
  it('is every change that is made to tables: snapshots, branches, columns, properties, expiry', async () => {
    const { catalog, store, opened, identifier, load } = await faulty();
    const commit = async (staged: Parameters<typeof commitStaged>[0]['staged'][number]) => {
      await commitStaged({ catalog, store, staged: [staged] });
      const table = await load();
      const { lastUpdatedMs, metadataLog, snapshotLog, extra, ...is } = table.metadata;
      const { lastUpdatedMs: _1, metadataLog: _2, snapshotLog: _3, extra: _4, ...wanted } = staged.metadata;
      expect(is).toEqual(wanted);
      return table;
    };
    await commit(await stagedAppend(opened, identifier, 'a'));
    const onMain = await commit(await stagedAppend(opened, identifier, 'b'));
    const head = currentSnapshot(onMain);
    if (head === undefined) throw new Error('no snapshot');
    const branched = await commit(
      await stageCommit({
        store,
        clock,
        table: onMain,
        branch: 'check',
        operation: 'append',
        changes: {},
        properties: { 'partwise.run-id': 'r' },
      }),
    );
    const tag = { type: 'tag', snapshotId: head.snapshotId, maxRefAgeMs: 86_400_000 } as const;
    const tagged = await commit(await setRef({ store, clock, table: branched, name: 'kept', ref: tag }));
    const wider = await commit(
      await addColumns({ store, clock, table: tagged, columns: [{ name: 'more', type: 'double' }] }),
    );
    expect(currentSchema(wider).fields.map((field) => field.name)).toContain('more');
    const set = await commit(
      await setProperties({ store, clock, table: wider, set: { a: '1' }, remove: ['partwise.run-id'] }),
    );
    const dropped = await commit(await dropRef({ store, clock, table: set, name: 'check' }));
    const untagged = await commit(await dropRef({ store, clock, table: dropped, name: 'kept' }));
    const expired = await expireSnapshots({
      store,
      clock,
      table: untagged,
      olderThanMs: 0,
      keep: 1,
    });
    if (expired.staged === undefined) throw new Error('nothing to expire');
    expect((await commit(expired.staged)).metadata.snapshots).toHaveLength(1);
  });

  it('is refused as a conflict when a branch moved after the table was looked at', async () => {
    let between: (() => Promise<unknown>) | undefined;
    await using direct = await openRest();
    await using proxy = await openProxy(inject('endpoints').rest, async (asked, forward) => {
      if (asked.method === 'POST') await between?.();
      return forward(asked);
    });
    const { store } = direct;
    const catalog = openRestCatalog({ uri: proxy.url, store });
    const identifier = { namespace: uniqueName('ns'), name: 't' };
    await catalog.swap([(await stagedTable(store, identifier)).swap]);
    const mine = await stagedAppend(direct, identifier, 'mine');
    const theirs = await stagedAppend(direct, identifier, 'theirs');
    between = () => {
      between = undefined;
      return direct.catalog.swap([theirs.swap]);
    };
    await expect(catalog.swap([mine.swap])).rejects.toThrow(CommitConflictError);
    const { metadata } = await loadTable({ store, catalog, identifier });
    expect(metadata.snapshots.map((snapshot) => snapshot.summary['writer'])).toEqual(['theirs']);
  });
});

describe('a commit to a REST catalog whose outcome is unclear', () => {
  it('has succeeded when no answer came but our snapshot is there', async () => {
    const { catalog, opened, identifier, strike, proxy, load } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'lost reply' }, 'POST');
    await catalog.swap([staged.swap]);
    expect(proxy.left()).toBe(0);
    expect(currentSnapshot(await load())?.snapshotId).toBe(staged.snapshotId);
    const properties = await setProperties({
      store: opened.store,
      clock,
      table: await load(),
      set: { a: '1' },
    });
    strike({ kind: 'lost reply' }, 'POST');
    await catalog.swap([properties.swap]);
    expect((await load()).metadata.properties['a']).toBe('1');
  });

  it('is unknown when it did not arrive and nobody said so, or when the table cannot be looked at', async () => {
    const { catalog, opened, identifier, strike, load, proxy } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'lost request' }, 'POST');
    await expect(catalog.swap([staged.swap])).rejects.toThrow(CommitStateUnknownError);
    expect(currentSnapshot(await load())).toBeUndefined();
    strike({ kind: 'lost reply' }, 'POST');
    const posts = () => proxy.seen.filter((one) => one === 'POST').length;
    const before = posts();
    proxy.strike({ kind: 'lost request' }, 1, (asked) => asked.method === 'GET' && posts() > before);
    await expect(catalog.swap([staged.swap])).rejects.toThrow(CommitStateUnknownError);
    await commitStaged({ catalog, store: opened.store, staged: [staged] });
    expect((await load()).metadata.snapshots).toHaveLength(1);
  });

  it('was not done when the server says that it is too busy', async () => {
    const { catalog, opened, identifier, strike, load } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'status', status: 503, code: 'SlowDown' }, 'POST');
    await expect(catalog.swap([staged.swap])).rejects.toThrow(CatalogBusyError);
    expect(currentSnapshot(await load())).toBeUndefined();
  });

  it('says denied when it is denied', async () => {
    const { catalog, opened, identifier, strike } = await faulty();
    const staged = await stagedAppend(opened, identifier, 'a');
    strike({ kind: 'status', status: 403, code: 'Forbidden' }, 'POST');
    await expect(catalog.swap([staged.swap])).rejects.toThrow(AccessDeniedError);
    strike({ kind: 'status', status: 403, code: 'Forbidden' }, 'GET');
    await expect(catalog.current(identifier)).rejects.toThrow(AccessDeniedError);
  });
});

describe('requests to a REST catalog', () => {
  it('are below the prefix that the server names for the warehouse, with the token of the moment', async () => {
    const asked: string[] = [];
    await using proxy = await openProxy('http://127.0.0.1:1', async ({ method, path, headers }) => {
      asked.push(`${method} ${path} ${headers['authorization']}`);
      const body = path.includes('config') ? { overrides: { prefix: 'catalogs/mine' } } : { identifiers: [] };
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(body)) };
    });
    let tokens = 0;
    const client = openRestClient({
      uri: `${proxy.url}/api/`,
      warehouse: 'a b',
      auth: {
        kind: 'bearer',
        token: async () => {
          tokens += 1;
          return `token-${tokens}`;
        },
      },
    });
    await client.send('GET', '/namespaces/a%1Fb/tables');
    await client.send('GET', '/namespaces');
    expect(asked).toEqual([
      'GET /api/v1/config?warehouse=a+b Bearer token-1',
      'GET /api/v1/catalogs/mine/namespaces/a%1Fb/tables Bearer token-2',
      'GET /api/v1/catalogs/mine/namespaces Bearer token-3',
    ]);
  });

  it('are signed as AWS services check it', async () => {
    // versitygw checks signatures of service s3; the paths mean nothing to it, so 404 is a good signature and 403 a bad one.
    const statusWith = async (secretAccessKey: string): Promise<unknown> => {
      const auth = {
        kind: 'sigv4',
        region,
        service: 's3',
        credentials: { ...credentials, secretAccessKey },
      } as const;
      const client = openRestClient({
        uri: `${inject('endpoints').s3}/no-such-bucket`,
        warehouse: 'x',
        auth,
      });
      return client.send('GET', '/namespaces').then(
        () => 200,
        (error: { $metadata: { httpStatusCode?: number } }) => error.$metadata.httpStatusCode,
      );
    };
    expect(await statusWith(credentials.secretAccessKey)).toBe(404);
    expect(await statusWith('another secret')).toBe(403);
  });
});
