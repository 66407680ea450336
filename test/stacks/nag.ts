import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FEATURE_FLAGS } from '../../lib/stacks/feature-flags.ts';

/** An app that bundles nothing: templates are the same without the functions' code. */
export function testApp(context: Readonly<Record<string, unknown>> = {}): App {
  return new App({ context: { ...FEATURE_FLAGS, 'aws:cdk:bundling-stacks': [], ...context } });
}

/** Findings of cdk-nag that nothing acknowledges, by their ids; the whole report when synthesis fails otherwise. */
export function nagFindings(app: App): readonly string[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  try {
    app.synth();
    return [];
  } catch (error) {
    const report = error instanceof Error ? error.message : String(error);
    const found = [...report.matchAll(/Acknowledge with 'AwsSolutions::([^']+)'/g)].map(
      (match) => match[1] ?? '',
    );
    return found.length > 0 ? found : [report];
  }
}
