import type { Allowed } from '../stacks/people-policies.ts';
import { openProxy, type ProxiedRequest } from './proxy.ts';

/** What a request asks for, in the words of IAM. */
export interface AskedFor {
  readonly action: string;
  readonly resource: string;
  /** Partition keys, of the state table. */
  readonly keys: readonly string[];
}

export interface Recorder extends AsyncDisposable {
  /** The addresses to give to a client instead of the services' own. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** What was asked for since the last time. */
  take(): readonly AskedFor[];
}

/** Stands in front of services and notes what they are asked for. `buckets`: names as policies have them, by bucket. */
export async function recordRequests(
  services: Readonly<Record<string, string>>,
  buckets: Readonly<Record<string, string>>,
  /** The state machine's name in the policies; the stand-in's has one of its own. */
  machine: string,
): Promise<Recorder> {
  await using opened = new AsyncDisposableStack();
  let asked: AskedFor[] = [];
  const endpoints: Record<string, string> = {};
  for (const [service, url] of Object.entries(services)) {
    const proxy = opened.use(
      await openProxy(url, (request, forward) => {
        asked.push(...(service === 's3' ? fromS3(request, buckets) : fromJson(request, machine)));
        return forward(request);
      }),
    );
    endpoints[service] = proxy.url;
  }
  const kept = opened.move();
  return {
    endpoints,
    take: () => {
      const taken = asked;
      asked = [];
      return taken;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Whether one of the statements allows it. Conditions: only that on partition keys. */
export function isAllowed(statements: readonly Allowed[], { action, resource, keys }: AskedFor): boolean {
  return statements.some(
    ({ actions, resources, leadingKeys }) =>
      actions.includes(action) &&
      resources.some((pattern) => isLike(pattern, resource)) &&
      (leadingKeys === undefined ||
        (keys.length > 0 && keys.every((key) => leadingKeys.some((pattern) => isLike(pattern, key))))),
  );
}

function isLike(pattern: string, text: string): boolean {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 's').test(text);
}

function fromS3(
  { method, path, body }: ProxiedRequest,
  buckets: Readonly<Record<string, string>>,
): AskedFor[] {
  const url = new URL(path, 'http://s3');
  const [, bucket = '', ...rest] = url.pathname.split('/');
  const name = buckets[bucket] ?? bucket;
  const key = rest.map(decodeURIComponent).join('/');
  if (method === 'POST' && url.searchParams.has('delete'))
    return [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, one]) => ({
      action: 's3:DeleteObject',
      resource: `${name}/${one}`,
      keys: [],
    }));
  if (key === '') return [{ action: 's3:ListBucket', resource: name, keys: [] }];
  const actions: Readonly<Record<string, string>> = {
    GET: 's3:GetObject',
    HEAD: 's3:GetObject',
    DELETE: url.searchParams.has('uploadId') ? 's3:AbortMultipartUpload' : 's3:DeleteObject',
  };
  return [{ action: actions[method] ?? 's3:PutObject', resource: `${name}/${key}`, keys: [] }];
}

type Body = Readonly<Record<string, unknown>>;
const places = { region: '<Region>', account: '<AccountId>' };
const arn = (service: string, rest: string) =>
  `arn:aws:${service}:${places.region}:${places.account}:${rest}`;

function fromJson({ headers, body }: ProxiedRequest, machine: string): AskedFor[] {
  const [service = '', operation = ''] = String(headers['x-amz-target']).split('.');
  const said: Body = JSON.parse(body.toString());
  const one = (action: string, resource: string): AskedFor => ({ action, resource, keys: [] });
  if (service.startsWith('DynamoDB')) return fromDynamo(operation, said);
  if (service === 'AWSGlue') {
    const { DatabaseName: database, Name: table = '*' } = said;
    return ['catalog', `database/${database}`, `table/${database}/${table}`].map((what) =>
      one(`glue:${operation}`, arn('glue', what)),
    );
  }
  if (service === 'AmazonSSM') return [one(`ssm:${operation}`, arn('ssm', `parameter${said['Name']}`))];
  if (service === 'AmazonSQS') return [one(`sqs:${operation}`, '<Queue>')];
  const execution = String(said['executionArn'] ?? '')
    .split(':')
    .at(-1);
  const resource = execution === '' ? `stateMachine:${machine}` : `execution:${machine}:${execution}`;
  return [one(`states:${operation}`, arn('states', resource))];
}

/** A transaction is allowed by what its parts are. */
const partActions: Readonly<Record<string, string>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
};

function fromDynamo(operation: string, said: Body): AskedFor[] {
  const asked = (action: string, ...keys: readonly unknown[]): AskedFor => ({
    action: `dynamodb:${action}`,
    resource: '<State>',
    keys: keys.map((key) => String((key as { pk?: { S?: string } } | undefined)?.pk?.S)),
  });
  const {
    Key,
    Item,
    ExpressionAttributeValues: values,
    RequestItems,
    TransactItems,
  } = said as Record<string, Body>;
  if (operation === 'TransactWriteItems')
    return (TransactItems as unknown as Readonly<Record<string, Body>>[]).flatMap((part) =>
      Object.entries(part).map(([kind, item]) =>
        asked(partActions[kind] ?? kind, item['Key'] ?? item['Item']),
      ),
    );
  if (operation === 'BatchGetItem') {
    const keys = Object.values(RequestItems ?? {}).flatMap(
      (one) => (one as { Keys: readonly unknown[] }).Keys,
    );
    return [asked(operation, ...keys)];
  }
  if (operation === 'Query') return [asked(operation, { pk: values?.[':pk'] })];
  return [asked(operation, Key ?? Item)];
}
