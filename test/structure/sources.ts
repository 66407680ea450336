import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  /** Project files as relative paths, packages by name. */
  readonly imports: readonly {
    readonly target: string;
    readonly names: readonly string[];
    readonly all: boolean;
  }[];
  readonly exports: readonly string[];
}

/** Every TypeScript file of the given folders with its imports and exports, read as text. */
export function sources(...folders: readonly string[]): readonly SourceFile[] {
  return globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  ).map(read);
}

function read(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const imports: { target: string; names: string[]; all: boolean }[] = [];
  const statement =
    /(?:import|export)\s+(?:type\s+)?(\*(?:\s+as\s+\w+)?|\{[^}]*\}|\w+)(?:\s*,\s*(\{[^}]*\}))?\s+from\s+'([^']+)'/g;
  for (const match of text.matchAll(statement))
    imports.push(imported(path, match[3] ?? '', `${match[1] ?? ''} ${match[2] ?? ''}`));
  for (const match of text.matchAll(/import\(\s*'([^']+)'\s*\)/g))
    imports.push({ ...imported(path, match[1] ?? '', '*') });
  for (const match of text.matchAll(/^import\s+'([^']+)'/gm))
    imports.push(imported(path, match[1] ?? '', '*'));
  return { path, text, imports, exports: exported(text) };
}

function imported(path: string, specifier: string, clause: string) {
  const target = specifier.startsWith('.')
    ? relative(root, resolve(root, dirname(path), specifier))
    : specifier;
  const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? '';
  const names = braces
    .split(',')
    .map(
      (name) =>
        name
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)[0] ?? '',
    )
    .filter((name) => name !== '');
  return { target, names, all: clause.includes('*') };
}

function exported(text: string): readonly string[] {
  const names = [
    ...text.matchAll(
      /^export\s+(?:declare\s+)?(?:async\s+)?(?:const|let|function\*?|class|interface|type)\s+(\w+)/gm,
    ),
  ].map((match) => match[1] ?? '');
  const lists = [...text.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}(?!\s*from)/gm)].flatMap((match) =>
    (match[1] ?? '').split(',').map(
      (name) =>
        name
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)
          .at(-1) ?? '',
    ),
  );
  return [...names, ...lists].filter((name) => name !== '');
}
