/**
 * Results of reading immutable objects, kept by this process: at most `limit` per owner (a store), the least recently
 * used go first. Askers at the same time share one read. What fails is not kept.
 */
export interface Kept<T> {
  get(owner: object, key: string, load: () => Promise<T>): Promise<T>;
}

export function keep<T>(limit: number): Kept<T> {
  const byOwner = new WeakMap<object, Map<string, Promise<T>>>();
  return {
    get: (owner, key, load) => {
      const entries = byOwner.get(owner) ?? new Map<string, Promise<T>>();
      byOwner.set(owner, entries);
      const found = entries.get(key) ?? load();
      entries.delete(key);
      entries.set(key, found);
      for (const oldest of entries.keys()) {
        if (entries.size <= limit) break;
        entries.delete(oldest);
      }
      found.catch(() => {
        if (entries.get(key) === found) entries.delete(key);
      });
      return found;
    },
  };
}
