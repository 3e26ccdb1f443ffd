/**
 * A scope that always lets go: acquire pushes its release; `close` runs the releases in reverse order, all of them, even
 * when one throws, and then throws what it collected. Closing twice is harmless.
 */
export type Scope = {
  /** Registers a release and hands the resource back. */
  add<T>(resource: T, release: (resource: T) => unknown): T;
  close(): Promise<void>;
};

export function openScope(): Scope {
  const releases: Array<() => unknown> = [];
  return {
    add(resource, release) {
      releases.push(() => release(resource));
      return resource;
    },
    async close() {
      const failures: unknown[] = [];
      for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
        try {
          await release();
        } catch (failure) {
          failures.push(failure);
        }
      }
      if (failures.length === 1) throw failures[0];
      if (failures.length > 1) throw new AggregateError(failures, "several resources could not be released");
    },
  };
}

/** Lends a scope to `body` and closes it afterwards, whatever happened. */
export async function withScope<T>(body: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = openScope();
  try {
    return await body(scope);
  } finally {
    await scope.close();
  }
}
