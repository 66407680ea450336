import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';
import { canonicalJson, type PipelineConfig } from '../config/index.ts';

/** The functions' code: one zip for all of them, with DuckDB's library for Lambda's processor. */

const root = resolve(import.meta.dirname, '../..');
/** Packages with native code: they stay as they are, everything else is in the bundle. */
const nativePackage = '@duckdb/node-api';

/** The pipeline's configuration lies beside the code, so what is deployed is what was checked. One per stack. */
export function functionCode(config: PipelineConfig): Code {
  return Code.fromAsset(join(root, 'functions'), {
    assetHashType: AssetHashType.CUSTOM,
    assetHash: contentDigest(config),
    bundling: {
      // Never pulled: the local way either succeeds or throws.
      image: DockerImage.fromRegistry('scratch'),
      local: {
        tryBundle: (outputFolder) => {
          bundleFunctions(outputFolder, config);
          return true;
        },
      },
    },
  });
}

/** Writes the bundle: `<function>.mjs`, shared chunks, `pipeline.json`, `node_modules` for arm64 Linux. */
export function bundleFunctions(outputFolder: string, config: PipelineConfig): void {
  buildSync({
    absWorkingDir: root,
    entryPoints: globSync('functions/*.ts', { cwd: root }).sort(),
    outdir: outputFolder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    outExtension: { '.js': '.mjs' },
    external: [nativePackage],
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'error',
    // Some packages are CommonJS and call `require` for Node's own modules.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  writeFileSync(join(outputFolder, 'pipeline.json'), canonicalJson(config));
  cpSync(nativeModules(), join(outputFolder, 'node_modules'), { recursive: true });
}

/**
 * Folder with the native package for arm64 Linux, fetched once by npm at the version of the lock file and kept in
 * `.cache`; afterwards synthesis needs no network.
 */
function nativeModules(): string {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const version = manifest.dependencies[nativePackage] ?? '';
  const folder = join(root, '.cache', 'lambda-modules', version);
  if (existsSync(join(folder, 'node_modules'))) return join(folder, 'node_modules');
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  writeFileSync(
    join(making, 'package.json'),
    JSON.stringify({ private: true, dependencies: { [nativePackage]: version } }),
  );
  cpSync(join(root, '.npmrc'), join(making, '.npmrc'));
  const options = ['--cpu=arm64', '--os=linux', '--libc=glibc', '--ignore-scripts', '--prefer-offline'];
  execFileSync('npm', ['install', '--no-package-lock', ...options], { cwd: making, stdio: 'pipe' });
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another process was quicker.
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(join(folder, 'node_modules'))) throw error;
  }
  return join(folder, 'node_modules');
}

/** Equal for equal sources, configuration and packages: an unchanged project uploads nothing. */
function contentDigest(config: PipelineConfig): string {
  const digest = createHash('sha256').update(canonicalJson(config));
  for (const path of [
    'package-lock.json',
    ...globSync('{functions,lib}/**/*.{ts,json}', { cwd: root }).sort(),
  ])
    digest.update(path).update(readFileSync(join(root, path)));
  return digest.digest('hex');
}
