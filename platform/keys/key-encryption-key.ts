/**
 * What wraps data keys: the port to a key file or a key service. Everything a ledger keeps is safe with it and lost without it.
 *
 * 1. A wrapped key opens for its context (the data key's id) only.
 * 2. `rewrap` gives the same key under what wraps now, without showing it where the service can do that.
 */
export type KeyEncryptionKey = {
  /** Names what wraps now, never the key itself; stands beside what it wrapped. */
  id(): string;
  /** Whether it opens what the named one wrapped. */
  opens(id: string): boolean;
  wrap(key: Buffer, context: string): Promise<string>;
  /** @throws NEB905 when it was changed, moved, or wrapped by another one. */
  unwrap(wrapped: string, context: string): Promise<Buffer>;
  rewrap(wrapped: string, context: string): Promise<string>;
};
