import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPython, probe, run } from '../support/tools.ts';

/** The stand-ins of the AWS services, pinned. Kept in a folder that git ignores; set up once. */
export const versions = {
  go: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0',
  maven: { group: 'software.amazon.dynamodb', artifact: 'DynamoDBLocal', version: '3.1.0' },
  python: ['moto[server,glue]==5.2.5', 'pyiceberg[glue,pyarrow]==0.11.1'],
} as const;

const folder = resolve(import.meta.dirname, '../../.cache/aws');
const stampPath = join(folder, 'stamp.json');
const stamp = JSON.stringify(versions);

export const paths = {
  versitygw: join(folder, 'bin/versitygw'),
  dynamodb: join(folder, 'dynamodb'),
  python: join(folder, 'venv/bin/python'),
  motoServer: join(folder, 'venv/bin/moto_server'),
} as const;

export function isSetUp(): boolean {
  return (
    existsSync(stampPath) &&
    readFileSync(stampPath, 'utf8') === stamp &&
    [paths.versitygw, paths.dynamodb, paths.motoServer].every(existsSync)
  );
}

/** @throws when a component is missing; the message says how to get it */
function setUp(): void {
  probe('java', ['-version'], 'a Java 17 runtime (Debian: apt-get install openjdk-17-jdk-headless)');
  if (isSetUp()) return;
  probe('go', ['version'], 'Go 1.24 or later (https://go.dev/dl, or Debian: apt-get install golang-go)');
  probe('mvn', ['--version'], 'Maven (Debian: apt-get install maven)');
  const python = findPython();
  mkdirSync(folder, { recursive: true });
  rmSync(stampPath, { force: true });
  run('build the S3 gateway', 'env', [`GOBIN=${join(folder, 'bin')}`, 'go', 'install', versions.go]);
  fetchDynamoDb();
  if (!existsSync(paths.python))
    run('make a virtual environment', python, ['-m', 'venv', join(folder, 'venv')]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  run('install the Python packages', paths.python, [...pip, ...versions.python]);
  writeFileSync(stampPath, stamp);
}

/** DynamoDB Local with all that it needs, native libraries included. */
function fetchDynamoDb(): void {
  const { group, artifact, version } = versions.maven;
  const pom = join(folder, 'pom.xml');
  writeFileSync(
    pom,
    `<project><modelVersion>4.0.0</modelVersion><groupId>partwise</groupId><artifactId>stand-ins</artifactId><version>1</version>
<dependencies><dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency></dependencies></project>`,
  );
  rmSync(paths.dynamodb, { recursive: true, force: true });
  run('fetch DynamoDB Local', 'mvn', [
    '-q',
    '-B',
    '-f',
    pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${paths.dynamodb}`,
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
