import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uploadOnce } from '../../lib/cli/aws/upload.ts';
import { checkRoom } from '../../lib/cli/room.ts';
import { commands } from '../../lib/cli/specs/index.ts';
import { SourceChangedError } from '../../lib/errors.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { newHome, runOnce } from './harness.ts';

/** A person's home: profiles as `aws configure` and `aws configure sso` write them, and a sign-in of years ago. */
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'partwise-home-'));
  const profiles = [
    '[profile regionless]\naws_access_key_id = A\naws_secret_access_key = s',
    '[profile keys]\nregion = eu-west-1\naws_access_key_id = A\naws_secret_access_key = s',
    '[profile bare]\nregion = eu-west-1',
    '[profile sso]\nregion = eu-west-1\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\n' +
      'sso_account_id = 111122223333\nsso_role_name = Reader',
  ];
  const cache = join(home, '.aws', 'sso', 'cache');
  await mkdir(cache, { recursive: true });
  await writeFile(join(home, '.aws', 'config'), `${profiles.join('\n\n')}\n`);
  // The name is the SHA-1 of the start URL.
  await writeFile(
    join(cache, 'e8be5486177c5b5392bd9aa76563515b29358e6e.json'),
    JSON.stringify({ accessToken: 'x', expiresAt: '2020-01-01T00:00:00Z' }),
  );
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, { HOME: home, AWS_EC2_METADATA_DISABLED: 'true' });
});
afterAll(() => rm(home, { recursive: true, force: true }));

const pipeline = `
pipeline: accounts
kind: summary
columns:
  - { name: account_id, type: bigint }
  - { name: month, type: month }
  - { name: balance, type: bigint }
  - { name: updated_at, type: timestamp }
key: account_id
month: month
version: updated_at
history: [{ name: balance }]
`;

async function clone(variables: Readonly<Record<string, string>> = {}) {
  const made = await newHome({ variables });
  await mkdir(join(made.path, 'pipelines'));
  await writeFile(join(made.path, 'pipelines', 'accounts.yaml'), pipeline);
  return made;
}

describe('a command for AWS', () => {
  const able = commands.filter((one) => one.aws === 'works').map((one) => one.name);

  it('is one of those that say so', () => {
    expect(able.sort()).toEqual(
      [
        'cancel',
        'compact',
        'diff',
        'plan',
        'rebucket',
        'resume',
        'run',
        'runs',
        'show',
        'sql',
        'status',
        'verify',
      ].sort(),
    );
  });

  it.each(['watch', 'switch', 'maintain', 'doctor'])(
    'is not %s, which says so before it does anything',
    async (name) => {
      const words = name === 'switch' ? [name, 'check'] : [name];
      for (const where of [['--aws'], ['--profile', 'keys'], ['--region', 'eu-west-1']]) {
        const { code, stderr } = await runOnce(...words, ...where);
        expect([code, stderr]).toEqual([2, expect.stringContaining(`${name} does not work on AWS yet`)]);
      }
      await using shell = await clone({ PARTWISE_AWS: '1' });
      expect((await shell.run(...words)).stderr).toContain('does not work on AWS yet');
    },
  );

  it('takes no --root, and --detach is for it alone', async () => {
    expect(await runOnce('runs', '--aws', '--root', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--root is a folder of this machine'),
    });
    expect(await runOnce('run', '--detach')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--detach is for pipelines on AWS'),
    });
  });

  it('gives up no branch', async () => {
    await using shell = await clone();
    expect(await shell.run('cancel', '--branch', 'check', '--aws')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be given up on AWS yet'),
    });
  });
});

describe('without an answer from AWS', () => {
  it.each([
    [
      ['--aws'],
      2,
      'which region of AWS? Neither --region nor AWS_REGION says',
      'the same with --region REGION',
    ],
    [['--profile', 'regionless'], 2, 'Profile regionless has none', 'the same with --region REGION'],
    [['--profile', 'nobody'], 2, 'or there is no such profile', 'aws configure list-profiles'],
    [['--region', 'eu-west-1'], 9, '(NotSignedInError)', 'the same with --profile PROFILE'],
    [['--profile', 'bare'], 9, '(NotSignedInError)', 'aws sts get-caller-identity --profile bare'],
    [['--profile', 'sso'], 9, '(NotSignedInError)', 'aws sso login --profile sso'],
  ])('%j ends with what is missing and what to type', async (flags, exitCode, message, next) => {
    await using shell = await clone();
    for (const words of [['runs'], ['run', 'x.csv'], ['sql', 'SELECT 1'], ['cancel', 'r']]) {
      const { code, stderr } = await shell.run(...words, ...flags);
      expect(code).toBe(exitCode);
      expect(stderr).toContain(message);
      expect(stderr).toMatch(/^safe {3}nothing was done$/m);
      expect(stderr).toMatch(/^next {3}/m);
      expect(stderr).toContain(next);
    }
    expect(await readdir(shell.path)).toEqual(['pipelines']);
  });

  it('says that the service cannot be reached, and is not the same as not deployed', async () => {
    await using shell = await clone({ AWS_ENDPOINT_URL_SSM: 'http://127.0.0.1:1' });
    const { code, stderr } = await shell.run('runs', '--profile', 'keys');
    expect(code).toBe(1);
    expect(stderr).toContain('ssm:GetParameter on /partwise/accounts did not succeed');
  });
});

describe('an answer that refuses', () => {
  it.each([
    ['AccessDeniedException', 400, '(AccessDeniedError)', 'ask for the rights of docs/aws/iam.md'],
    ['ExpiredTokenException', 400, '(NotSignedInError)', 'aws sts get-caller-identity --profile keys'],
    ['UnrecognizedClientException', 400, '(NotSignedInError)', 'aws sts get-caller-identity --profile keys'],
    [
      'ParameterNotFound',
      400,
      'accounts is not deployed in eu-west-1 in the account of profile keys',
      'cdk deploy',
    ],
  ])('%s has a name and a next step', async (type, status, message, next) => {
    const server = createServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ __type: type, message: 'said the service' }));
    });
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    await using shell = await clone({ AWS_ENDPOINT_URL_SSM: `http://127.0.0.1:${port}` });
    const { code, stderr } = await shell.run('status', '--profile', 'keys');
    server.closeAllConnections();
    server.close();
    expect(code).toBe(9);
    expect(stderr).toContain(message);
    expect(stderr).toContain(next);
  });
});

it('advice names the commands for the same place', async () => {
  const { stderr } = await runOnce('runs', 'x', '--aws', '--profile', 'my profile', '--region=eu-west-1');
  expect(stderr).toContain("does not take the argument 'x'");
  await using shell = await clone();
  const document = await shell.json('run', '--plan', 'r', 'x.csv', '--profile', 'p', '--region', 'eu-west-1');
  expect(document).toMatchObject({ error: { next: 'partwise run --plan r' } });
  const told = await shell.run(
    'run',
    '--plan',
    'r',
    'x.csv',
    '--profile',
    'my profile',
    '--region',
    'eu-west-1',
  );
  expect(told.stderr).toContain("next   partwise run --plan r --profile 'my profile' --region eu-west-1\n");
});

describe('a file that is uploaded', () => {
  async function* chunks(...texts: readonly string[]) {
    for (const text of texts) yield new TextEncoder().encode(text);
  }
  const stores = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'partwise-upload-'));
    return { store: await openDirectoryStore({ path: folder }), folder };
  };

  it('lies under its content and name, once, and beside another content of that name', async () => {
    const { store, folder } = await stores();
    const put = (...texts: readonly string[]) =>
      uploadOnce({ store, prefix: 'accounts', name: 'a.csv', read: () => chunks(...texts) });
    const key = await put('1,', '2');
    expect(key).toMatch(/^accounts\/[0-9a-f]{16}\/a\.csv$/);
    expect(await put('1,2')).toBe(key);
    expect(await put('1,3')).not.toBe(key);
    expect(await readdir(join(folder, 'accounts'))).toHaveLength(2);
    expect(new TextDecoder().decode(await store.read(`${store.root}/${key}`))).toBe('1,2');
    await rm(folder, { recursive: true });
  });

  it('that changes meanwhile is not there at all', async () => {
    const { store, folder } = await stores();
    const contents = ['as it was', 'as it is now'];
    const changing = { store, prefix: 'accounts', name: 'a.csv', read: () => chunks(contents.shift() ?? '') };
    await expect(uploadOnce(changing)).rejects.toThrow(SourceChangedError);
    const left = [];
    for await (const object of store.list(store.root)) left.push(object);
    expect(left).toEqual([]);
    await rm(folder, { recursive: true });
  });
});

describe('tables that are read from elsewhere', () => {
  const table = { workRoot: tmpdir(), table: 'partwise.accounts_summary', sizes: [1e18, 2e18] };

  it('are refused when they do not fit the folder that they would be fetched to', async () => {
    await expect(checkRoom({ ...table, root: 's3://lake' })).rejects.toThrow(
      /accounts_summary has .* in 2 files, which would be fetched; .* free in /,
    );
    await checkRoom({ ...table, root: 's3://lake', sizes: [1] });
  });

  it('are not fetched, and so not refused, where they lie here', async () => {
    await checkRoom({ ...table, root: 'file:///lake' });
  });
});
