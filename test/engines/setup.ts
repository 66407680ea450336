import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPython, probe, run } from '../support/tools.ts';

/** The readers that our tables must open in, pinned. Kept in a folder that git ignores; set up once. */
export const versions = {
  python: [
    'pyiceberg[sql-sqlite,pyarrow]==0.11.1',
    'pyspark==3.5.7',
    'duckdb==1.5.5',
    'pytz==2025.2',
    'duckdb-extension-avro==1.5.5',
    'duckdb-extension-iceberg==1.5.5',
  ],
  maven: ['org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.1', 'org.xerial:sqlite-jdbc:3.46.1.3'],
} as const;

const folder = resolve(import.meta.dirname, '../../.cache/engines');
export const pythonPath = join(folder, 'venv/bin/python');
export const jarsFolder = join(folder, 'jars');
const stampPath = join(folder, 'stamp.json');
const stamp = JSON.stringify(versions);

export function isSetUp(): boolean {
  return existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp && existsSync(pythonPath);
}

/** @throws when a component is missing; the message says how to get it */
export function setUp(): void {
  const java = probe(
    'java',
    ['-version'],
    'a Java 17 runtime (Debian: apt-get install openjdk-17-jdk-headless)',
  );
  const major = Number(/version "(\d+)/.exec(java)?.[1]);
  if (major !== 11 && major !== 17)
    throw new Error(`Spark 3.5 needs Java 11 or 17, found ${major || java}: put a Java 17 first in PATH`);
  if (isSetUp()) return;
  probe('mvn', ['--version'], 'Maven (Debian: apt-get install maven)');
  const python = findPython();
  mkdirSync(folder, { recursive: true });
  rmSync(stampPath, { force: true });
  if (!existsSync(pythonPath))
    run('make a virtual environment', python, ['-m', 'venv', join(folder, 'venv')]);
  run('install the Python packages', pythonPath, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    ...versions.python,
  ]);
  rmSync(jarsFolder, { recursive: true, force: true });
  for (const artifact of versions.maven) {
    run(`fetch ${artifact}`, 'mvn', [
      '-q',
      '-B',
      'dependency:copy',
      `-Dartifact=${artifact}`,
      `-DoutputDirectory=${jarsFolder}`,
    ]);
  }
  if (readdirSync(jarsFolder).length < versions.maven.length)
    throw new Error(`Maven left jars out in ${jarsFolder}`);
  writeFileSync(stampPath, stamp);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
