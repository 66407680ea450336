import { text } from '../../engine/sql.ts';

/** A path as an argument of the engine's readers, which would take `*`, `?` and `[` in it for a pattern. */
export function literalPath(path: string): string {
  return text(path.replaceAll(/[[*?]/g, '[$&]'));
}
