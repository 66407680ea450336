/**
 * What a SQL expression of a pipeline may use: the functions and operators that DuckDB and Spark 3.5 share with the
 * same meaning, NULLs and errors included. Left out on purpose, although both have one of that name: `concat`
 * (NULL in Spark, skipped by DuckDB; write `||`), `round` on doubles, `regexp_replace` (all against first),
 * `dayofweek`, `datediff`, `date_trunc`, `//`, `^`, and everything that is random, reads a clock, a file or a setting.
 */
export const sharedFunctions: readonly string[] = [
  'abs',
  'ceil',
  'floor',
  'sign',
  'mod',
  'coalesce',
  'nullif',
  'ifnull',
  'greatest',
  'least',
  'if',
  'upper',
  'lower',
  'trim',
  'ltrim',
  'rtrim',
  'length',
  'substring',
  'substr',
  'left',
  'right',
  'replace',
  'lpad',
  'rpad',
  'reverse',
  'repeat',
  'instr',
  'concat_ws',
  'contains',
  'md5',
  'year',
  'quarter',
  'month',
  'day',
  'dayofmonth',
  'dayofyear',
  'hour',
  'minute',
  'second',
  'last_day',
];

/** Operators, by the names that the parser gives them. */
export const sharedOperators: Readonly<Record<string, string>> = {
  '+': '+',
  '-': '-',
  '*': '*',
  '/': '/',
  '%': '%',
  '||': '||',
  '~~': 'LIKE',
  '!~~': 'NOT LIKE',
  like_escape: 'LIKE … ESCAPE',
  not_like_escape: 'NOT LIKE … ESCAPE',
};

/** Operator expressions that the parser does not treat as functions. */
export const sharedOperatorTypes: ReadonlySet<string> = new Set([
  'OPERATOR_NOT',
  'OPERATOR_IS_NULL',
  'OPERATOR_IS_NOT_NULL',
  'OPERATOR_COALESCE',
  'OPERATOR_NULLIF',
  'COMPARE_IN',
  'COMPARE_NOT_IN',
]);

/** Types of CAST and TRY_CAST, by the parser's names. */
export const sharedCastTypes: ReadonlySet<string> = new Set([
  'BOOLEAN',
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL',
  'VARCHAR',
  'DATE',
  'TIMESTAMP',
]);
