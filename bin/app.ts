import { App } from 'aws-cdk-lib';
import { FEATURE_FLAGS } from '../lib/stacks/feature-flags.ts';
import { PipelineStack } from '../lib/stacks/pipeline-stack.ts';

const app = new App({ context: FEATURE_FLAGS });
new PipelineStack(app, 'Partwise');
app.synth();
