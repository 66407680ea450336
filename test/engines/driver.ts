import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { localCatalogName } from '../../lib/run/local/local.ts';
import { isSetUp, jarsFolder, pythonPath } from './setup.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The other engines on one warehouse. */
export interface Engines {
  spark(sql: string): Promise<readonly Row[]>;
  pyiceberg(
    table: string,
    options?: { readonly filter?: string; readonly ref?: string },
  ): Promise<readonly Row[]>;
  pyicebergAppend(table: string, filter: string): Promise<void>;
  pyicebergTables(namespace: string): Promise<readonly unknown[]>;
  duckdb(sql: string): Promise<readonly Row[]>;
}

/** The engines on a root folder of the product. @throws when they have not been set up */
export function enginesOn(root: string): Engines {
  return enginesOf({
    catalogPath: join(root, 'catalog.db'),
    warehousePath: join(root, 'warehouse'),
    catalogName: localCatalogName,
  });
}

/**
 * The engines on a catalog. They run in one process for all files of a worker, which begins with the first question and ends
 * with the worker; what one catalog's Spark is told, another's does not know.
 * @throws when the engines have not been set up
 */
export function enginesOf(options: {
  readonly catalogPath: string;
  readonly warehousePath: string;
  /** Name of the catalog in its own rows; default `local`. */
  readonly catalogName?: string;
}): Engines {
  if (!isSetUp()) throw new Error('the engines are not set up: run `npm run test:engines`, which does it');
  const catalog = {
    name: options.catalogName ?? 'local',
    path: options.catalogPath,
    warehouse: `file://${options.warehousePath}`,
  };
  const ask = (request: Row) => {
    if (running === undefined || running.hasEnded()) running = converse();
    return running.ask({ ...request, catalog });
  };
  return {
    spark: (sql) => ask({ engine: 'spark', sql }),
    pyiceberg: (table, scan = {}) => ask({ engine: 'pyiceberg', table, ...scan }),
    pyicebergAppend: async (table, filter) => {
      await ask({ engine: 'pyiceberg-append', table, filter });
    },
    pyicebergTables: (namespace) => ask({ engine: 'pyiceberg-tables', namespace }),
    duckdb: (sql) => ask({ engine: 'duckdb', sql }),
  };
}

interface Conversation {
  /** One question at a time: answers come back in the order of the questions. */
  ask(request: Row): Promise<readonly Row[]>;
  hasEnded(): boolean;
}

let running: Conversation | undefined;

function converse(): Conversation {
  const child = spawn(pythonPath, [join(import.meta.dirname, 'driver.py')], {
    env: {
      ...process.env,
      TZ: 'UTC',
      ENGINE_JARS: jarsFolder,
      SPARK_LOCAL_IP: '127.0.0.1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk.toString()}`.slice(-8_000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();

  async function exchange(request: Row): Promise<readonly Row[]> {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the engine process ended: ${stderr}`);
    const reply = JSON.parse(value) as { readonly rows?: readonly Row[]; readonly error?: string };
    if (reply.rows === undefined)
      throw new Error(`${String(request['engine'])}: ${reply.error}\nfor ${JSON.stringify(request)}`);
    return reply.rows;
  }

  return {
    ask: (request) => {
      const answer = turn.then(() => exchange(request));
      turn = answer.catch(() => undefined);
      return answer;
    },
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
  };
}
