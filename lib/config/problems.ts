import { type Document, isMap, isPair, isScalar, type LineCounter, type Node } from 'yaml';
import { ConfigError } from '../errors.ts';

export type Path = readonly (string | number)[];

/** One thing that is wrong, and where. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  /** Points at the key of the path's last entry rather than at its value. */
  readonly atKey?: boolean;
}

export interface ConfigText {
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** All problems in one error, each as `file:line path: what`, in the order of the file. */
export function configError(source: ConfigText, problems: readonly Problem[]): ConfigError {
  const placed = problems
    .map((problem) => ({ ...problem, line: lineOf(source, problem) }))
    .sort((a, b) => a.line - b.line);
  const lines = placed.map(
    ({ line, path, message }) => `${source.name}:${line} ${pathText(path)}: ${message}`,
  );
  const heading = lines.length === 1 ? '' : `${lines.length} problems in ${source.name}\n  `;
  return new ConfigError(heading + lines.join('\n  '), {
    details: {
      file: source.name,
      problems: placed.map(({ line, path, message }) => ({ line, path: pathText(path), message })),
    },
    safe: 'Nothing was run.',
    next: `edit ${source.name}`,
  });
}

/** @example pathText(['columns', 2, 'type']) // 'columns[2].type' */
function pathText(path: Path): string {
  if (path.length === 0) return '(the whole file)';
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** Line (from 1) of the node at the path, or of the nearest one above it that exists. */
function lineOf({ document, lines }: ConfigText, { path, atKey }: Problem): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const part = path.slice(0, length);
    const node =
      atKey === true && length === path.length ? keyNode(document, part) : document.getIn(part, true);
    const start = (node as Node | undefined)?.range?.[0];
    if (start !== undefined) return lines.linePos(start).line;
  }
  return 1;
}

function keyNode(document: Document, path: Path): Node | undefined {
  const last = path.at(-1);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
  return pair?.key as Node | undefined;
}
