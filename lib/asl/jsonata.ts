/** A JSON value whose `{% … %}` strings are compiled JSONata. */
export type JsonataValue = { readonly kind: 'literal'; readonly value: unknown } | { readonly kind: 'expression'; readonly source: string };
