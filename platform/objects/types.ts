import type { Readable } from "node:stream";

export type ObjectInfo = { readonly key: string; readonly sizeBytes: number };

/**
 * Names are slash-separated parts of `A-Z a-z 0-9 . _ -`, none of them empty, `.` or `..`. One conformance suite in
 * tests/conformance/objects.test.ts.
 *
 * 1. `put` is atomic and replaces; when it throws, the object is what it was before.
 * 2. `list` is sorted by name, and shows what was put before it was asked.
 */
export type ObjectStore = {
  /** For people: where this is, without credentials. */
  readonly address: string;
  /** How many bytes were stored. @throws NEB411 */
  put(key: string, body: Readable | Buffer): Promise<number>;
  /** @throws NEB410 when it is not there; a broken connection is an error of the stream. */
  get(key: string): Promise<Readable>;
  stat(key: string): Promise<ObjectInfo | undefined>;
  /** Everything whose name begins so. */
  list(prefix: string): Promise<readonly ObjectInfo[]>;
  /** Also of what is not there. */
  delete(keys: readonly string[]): Promise<void>;
};

/** The part of a store below a name. */
export function under(store: ObjectStore, prefix: string): ObjectStore {
  const inner = (key: string) => `${prefix}/${key}`;
  const outer = (info: ObjectInfo): ObjectInfo => ({ ...info, key: info.key.slice(prefix.length + 1) });
  return {
    address: `${store.address}/${prefix}`,
    put: (key, body) => store.put(inner(key), body),
    get: (key) => store.get(inner(key)),
    stat: async (key) => {
      const found = await store.stat(inner(key));
      return found === undefined ? undefined : outer(found);
    },
    list: async (start) => (await store.list(inner(start))).map(outer),
    delete: (keys) => store.delete(keys.map(inner)),
  };
}

const part = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

/** @throws RangeError: names are ours, so another one is a defect. */
export function mustBeKey(key: string): void {
  if (key.length > 900 || !key.split("/").every((one) => part.test(one)))
    throw new RangeError(`"${key}" cannot name an object`);
}
