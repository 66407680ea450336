import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadPipeline } from '../../lib/config/index.ts';
import { IntegrityError } from '../../lib/errors.ts';
import { first, header, late } from '../cli/warehouse.ts';
import { type Allowed, peoplePolicies } from '../stacks/people-policies.ts';
import { type DeployedSite, openDeployedSite, smallPipeline } from './deployed-site.ts';
import { isAllowed, type Recorder, recordRequests } from './requests.ts';

let site: DeployedSite;
let recorder: Recorder;
let policies: ReadonlyMap<string, readonly Allowed[]>;
beforeEach(async () => {
  // Of its own: the parameter and the catalog are one for all files of the suite.
  site = await openDeployedSite(
    smallPipeline
      .replace('pipeline: accounts', 'pipeline: rights')
      .replace('namespace: typed', 'namespace: rights'),
  );
  policies = peoplePolicies(await loadPipeline(`${site.home.path}/pipelines/accounts.yaml`));
  const services = ['s3', 'dynamodb', 'glue', 'sfn', 'sqs', 'ssm'];
  const variable = (service: string) => `AWS_ENDPOINT_URL_${service.toUpperCase()}`;
  recorder = await recordRequests(
    Object.fromEntries(services.map((service) => [service, site.variables[variable(service)] ?? ''])),
    {
      [site.names.STAGING]: '<Staging>',
      [site.names.WAREHOUSE]: '<Warehouse>',
      [site.names.RESULTS]: '<Results>',
    },
    'partwise-rights',
  );
  for (const [service, url] of Object.entries(recorder.endpoints)) site.variables[variable(service)] = url;
  await site.write('first.csv', first);
  await site.write('late.csv', late);
});
afterEach(async () => {
  await recorder[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

/** Types a command and expects every request of it to be allowed by the policies. */
async function typed(code: number, names: readonly string[], ...argv: readonly string[]): Promise<string> {
  recorder.take();
  const ran = await site.home.run(...argv, '--aws');
  expect(ran.code, `${argv.join(' ')}\n${ran.stdout}\n${ran.stderr}`).toBe(code);
  const asked = recorder.take();
  expect(asked.length).toBeGreaterThan(0);
  const statements = names.flatMap((name) => policies.get(name) ?? []);
  expect([argv, asked.filter((one) => !isAllowed(statements, one))]).toEqual([argv, []]);
  return ran.stdout;
}

it('the policies for people allow what the commands ask for, and starting a run takes the operator’s', async () => {
  const operator = (code: number, ...argv: readonly string[]) => typed(code, ['Reader', 'Operator'], ...argv);
  const reader = (...argv: readonly string[]) => typed(0, ['Reader'], ...argv);
  await operator(0, 'run', 'first.csv');
  await operator(0, 'run', 'late.csv', '--branch', 'check');
  await reader('runs');
  await reader('status');
  const [newest] = (await site.home.json('runs', '--aws'))['runs'] as readonly { readonly runId: string }[];
  await reader('status', newest?.runId.slice(-6) ?? '');
  await reader('diff', 'summary', 'main', newest?.runId ?? '');
  await reader('show', 'latest');
  for (const view of ['summary', 'latest', 'tombstones', 'runs', 'units', 'steps', 'cases'])
    await reader('sql', `SELECT count(*) FROM ${view === 'tombstones' ? 'summary' : view}`);
  await reader('diff', 'summary', 'main', 'check');
  await reader('verify');
  await reader('verify', '--full');
  // A file that went to a branch, one that was refused, and a run that failed.
  await operator(0, 'run', 'late.csv');
  await site.write('broken.parquet', 'PAR1');
  await operator(0, 'run', 'broken.parquet');
  await operator(0, 'run', 'broken.parquet');
  await site.write('next.csv', `${header}9,2026-03,1,2026-04-01 00:00:00\n`);
  await operator(0, 'plan', 'next.csv');
  const [planned] = (await site.home.json('runs', '--aws'))['runs'] as readonly { readonly runId: string }[];
  site.before = (name) => {
    if (name === 'audit') throw new IntegrityError('rows are missing');
  };
  await operator(6, 'run', '--plan', planned?.runId ?? '');
  await operator(6, 'resume');
  await operator(0, 'cancel', planned?.runId ?? '');
}, 300_000);

it('a reader could not start a run', async () => {
  const reader = policies.get('Reader') ?? [];
  await site.home.run('run', 'first.csv', '--aws');
  const refused = recorder.take().filter((one) => !isAllowed(reader, one));
  expect(new Set(refused.map(({ action }) => action))).toEqual(
    new Set([
      's3:PutObject',
      's3:ListBucket',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'states:ListExecutions',
      'states:StartExecution',
      'states:DescribeExecution',
    ]),
  );
});
