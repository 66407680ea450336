import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  isSetUp as areEnginesSetUp,
  jarsFolder,
  pythonPath,
  setUp as setUpEngines,
} from '../engines/setup.ts';
import { run } from '../support/tools.ts';

/** What PySpark needs besides the engines' own setup to read S3, pinned: of the Hadoop version that PySpark 3.5 brings. */
const versions = [
  'org.apache.hadoop:hadoop-aws:3.3.4',
  'com.amazonaws:aws-java-sdk-bundle:1.12.262',
] as const;

const folder = resolve(import.meta.dirname, '../../.cache/aws-spark');
const stampPath = join(folder, 'stamp.json');
const stamp = JSON.stringify(versions);

export const sparkPython = pythonPath;

/** @throws when Spark has not been set up */
export function sparkJars(): readonly string[] {
  if (!isSetUp()) throw new Error('Spark for S3 is not set up: npm run test:aws does it');
  return [folder, jarsFolder].flatMap((one) =>
    readdirSync(one)
      .filter((name) => name.endsWith('.jar'))
      .map((name) => join(one, name)),
  );
}

function isSetUp(): boolean {
  return areEnginesSetUp() && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp;
}

/** @throws when a component is missing; the message says how to get it */
function setUp(): void {
  setUpEngines();
  if (isSetUp()) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const artifact of versions)
    run(`fetch ${artifact}`, 'mvn', [
      '-q',
      '-B',
      'dependency:copy',
      `-Dartifact=${artifact}`,
      `-DoutputDirectory=${folder}`,
    ]);
  writeFileSync(stampPath, stamp);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
