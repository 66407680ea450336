import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { App } from 'aws-cdk-lib';
import { loadPipeline } from '../lib/config/index.ts';
import { FEATURE_FLAGS } from '../lib/stacks/feature-flags.ts';
import { addStacks } from '../lib/stacks/partwise-app.ts';

const app = new App({ context: FEATURE_FLAGS });
const folder = resolve(String(app.node.tryGetContext('partwise:pipelines') ?? 'pipelines'));
const files = globSync('*.{yaml,yml}', { cwd: folder }).sort();
addStacks(app, await Promise.all(files.map((file) => loadPipeline(resolve(folder, file)))));
app.synth();
