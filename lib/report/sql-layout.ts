/** Statements for people: one clause or column a line, subqueries indented. */

export interface SqlQuoting {
  /** Whether a backslash in a literal escapes what follows. */
  readonly backslashes: boolean;
}

interface Level {
  /** The parenthesis holds a query: its clauses and columns get lines of their own. */
  readonly isQuery: boolean;
  readonly indent: number;
}

const clause =
  /^(?:WITH|SELECT|FROM|WHERE|HAVING|GROUP BY|ORDER BY|UNION ALL|UNION|(?:LEFT |CROSS |SEMI |ANTI )?JOIN)$/;
const words = /[A-Za-z_][A-Za-z_0-9]*(?: (?=(?:BY|ALL|JOIN)\b)(?:BY|ALL|JOIN))?|\s+|[\s\S]/;

/**
 * Only white space between tokens changes, never a token.
 * @example layOut('SELECT a, b FROM t', { backslashes: false }) // 'SELECT\n  a,\n  b\nFROM t'
 */
export function layOut(sql: string, { backslashes }: SqlQuoting): string {
  const literal = backslashes ? /'(?:[^'\\]|\\[\s\S])*'/ : /'(?:[^']|'')*'/;
  const token = new RegExp(`${literal.source}|"(?:[^"]|"")*"|\`(?:[^\`]|\`\`)*\`|${words.source}`, 'g');
  const tokens = sql.match(token) ?? [];
  const levels: Level[] = [{ isQuery: true, indent: 0 }];
  let text = '';
  const top = (): Level => levels.at(-1) ?? { isQuery: true, indent: 0 };
  const line = (indent: number) => {
    text = `${text.trimEnd()}${text === '' ? '' : '\n'}${' '.repeat(indent)}`;
  };
  for (const [at, one] of tokens.entries()) {
    if (/^\s+$/.test(one)) {
      if (text !== '' && !/\s$/.test(text)) text += ' ';
      continue;
    }
    if (one === '(') {
      const isQuery = /^(?:SELECT|WITH)$/.test(following(tokens, at));
      levels.push({ isQuery, indent: top().indent + (isQuery ? 4 : 0) });
      text += one;
    } else if (one === ')') {
      const closed = levels.length > 1 ? levels.pop() : undefined;
      if (closed?.isQuery === true) line(Math.max(0, closed.indent - 2));
      text += one;
    } else if (top().isQuery && clause.test(one)) {
      line(top().indent);
      text += one;
      if (one === 'SELECT') line(top().indent + 2);
    } else if (top().isQuery && one === ',') {
      text = `${text.trimEnd()},`;
      line(top().indent + 2);
    } else text += one;
  }
  return text.trimEnd();
}

function following(tokens: readonly string[], at: number): string {
  return tokens.slice(at + 1, at + 3).find((one) => !/^\s+$/.test(one)) ?? '';
}
