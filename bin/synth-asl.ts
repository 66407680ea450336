import { writeFile } from 'node:fs/promises';
import { synthesiseDefinition } from '../lib/stacks/synthesise-definition.ts';

/** Writes the definition that the local runner executes. A test holds the file equal to this synthesis. */
const target = new URL('../lib/asl/pipeline.asl.json', import.meta.url);
await writeFile(target, synthesiseDefinition());
