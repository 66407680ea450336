import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPython, probe, run } from '../support/tools.ts';

/** The stand-ins of the AWS services, pinned. Kept in a folder that git ignores; set up once. */
export const versions = {
  go: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0',
  dynamodb: ['software.amazon.dynamodb:DynamoDBLocal:3.1.0'],
  rest: [
    'org.apache.iceberg:iceberg-open-api:1.10.0:test-fixtures',
    'org.apache.iceberg:iceberg-core:1.10.0',
    'org.apache.iceberg:iceberg-core:1.10.0:tests',
    'org.eclipse.jetty:jetty-servlet:11.0.26',
    'org.apache.hadoop:hadoop-client-api:3.4.1',
    'org.apache.hadoop:hadoop-client-runtime:3.4.1',
    'org.xerial:sqlite-jdbc:3.46.1.3',
    'org.slf4j:slf4j-simple:2.0.17',
  ],
  python: [
    'moto[server,glue,stepfunctions]==5.2.5',
    'jsonata-python==0.7.1',
    'pyiceberg[glue,pyarrow]==0.11.1',
  ],
} as const;

const folder = resolve(import.meta.dirname, '../../.cache/aws');
const stampPath = join(folder, 'stamp.json');
const stamp = JSON.stringify(versions);

export const paths = {
  versitygw: join(folder, 'bin/versitygw'),
  dynamodb: join(folder, 'dynamodb'),
  rest: join(folder, 'rest'),
  python: join(folder, 'venv/bin/python'),
  motoServer: join(folder, 'venv/bin/moto_server'),
} as const;

export function isSetUp(): boolean {
  return (
    existsSync(stampPath) &&
    readFileSync(stampPath, 'utf8') === stamp &&
    [paths.versitygw, paths.dynamodb, paths.rest, paths.motoServer].every(existsSync)
  );
}

/** @throws when a component is missing; the message says how to get it */
function setUp(): void {
  probe('java', ['-version'], 'Java 17 with its compiler (Debian: apt-get install openjdk-17-jdk-headless)');
  if (isSetUp()) return;
  probe('go', ['version'], 'Go 1.24 or later (https://go.dev/dl, or Debian: apt-get install golang-go)');
  probe('mvn', ['--version'], 'Maven (Debian: apt-get install maven)');
  const python = findPython();
  mkdirSync(folder, { recursive: true });
  rmSync(stampPath, { force: true });
  run('build the S3 gateway', 'env', [`GOBIN=${join(folder, 'bin')}`, 'go', 'install', versions.go]);
  fetchJars('DynamoDB Local', versions.dynamodb, paths.dynamodb);
  fetchJars('the REST catalog', versions.rest, paths.rest);
  if (!existsSync(paths.python))
    run('make a virtual environment', python, ['-m', 'venv', join(folder, 'venv')]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  run('install the Python packages', paths.python, [...pip, ...versions.python]);
  writeFileSync(stampPath, stamp);
}

/** Artifacts with all that they need, native libraries included. */
function fetchJars(what: string, artifacts: readonly string[], target: string): void {
  const pom = join(folder, 'pom.xml');
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version, classifier] = artifact.split(':');
    const kind = classifier === undefined ? '' : `<classifier>${classifier}</classifier>`;
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>${kind}</dependency>`;
  });
  writeFileSync(
    pom,
    `<project><modelVersion>4.0.0</modelVersion><groupId>partwise</groupId><artifactId>stand-ins</artifactId><version>1</version>
<dependencies>${dependencies.join('')}</dependencies></project>`,
  );
  rmSync(target, { recursive: true, force: true });
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`];
  run(`fetch ${what}`, 'mvn', ['-q', '-B', '-f', pom, ...copy]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
