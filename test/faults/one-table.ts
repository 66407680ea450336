import type { CatalogPointer } from '../../lib/stores/ports.ts';

/** A catalog that can swap one table at a time only, like Glue. */
export function oneTableAtATime(catalog: CatalogPointer): CatalogPointer {
  return {
    name: catalog.name,
    multiTable: false,
    current: (identifier) => catalog.current(identifier),
    list: (namespace) => catalog.list(namespace),
    drop: (identifier) => catalog.drop(identifier),
    swap: async (swaps) => {
      if (swaps.length > 1) throw new TypeError('more than one table in a swap');
      await catalog.swap(swaps);
    },
  };
}
