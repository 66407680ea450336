import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { localContext, openLocally } from '../functions/runtime/local.ts';
import { openWith } from '../functions/runtime/world.ts';

/**
 * Runs a function's own code with a recorded event, on the embedded world:
 *
 *     npm run invoke -- trigger events/s3-object-created.json --root /tmp/somewhere
 */
const names = ['trigger', 'intake', 'plan', 'work', 'audit', 'publish', 'report', 'reap'];
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: '.partwise' },
    pipeline: { type: 'string', default: 'pipelines/accounts.yaml' },
    bucket: { type: 'string', default: 'partwise-staging' },
  },
});
const [name, file] = positionals;
if (name === undefined || file === undefined || !names.includes(name)) {
  console.error(`usage: npm run invoke -- FUNCTION EVENT [--root DIR] [--pipeline FILE] [--bucket NAME]
  FUNCTION  ${names.join(', ')}
  EVENT     a file such as those in events/`);
  process.exit(2);
}

const said = (what: string) => (detail: unknown) => console.error(`${what}: ${JSON.stringify(detail)}`);
process.env['PARTWISE_PIPELINE_FILE'] = resolve(values.pipeline);
process.env['POWERTOOLS_SERVICE_NAME'] ??= 'partwise-local';
process.env['POWERTOOLS_METRICS_NAMESPACE'] ??= 'Partwise';
process.env['POWERTOOLS_TRACE_ENABLED'] = 'false';
openWith(
  openLocally({
    root: values.root,
    stagingBucket: values.bucket,
    onStart: said('would start an execution'),
    onWake: said('would wake after seconds'),
    onEnd: said('would announce'),
  }),
);
const { handler } = await import(`../functions/${name}.ts`);
try {
  const answer: unknown = await handler(JSON.parse(await readFile(file, 'utf8')), localContext(name));
  console.log(JSON.stringify(answer, null, 2));
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
