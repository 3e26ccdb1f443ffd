import { stateUnreadable } from "./errors.ts";

/** Pulumi's state of a stack, as far as we read it. */
type Checkpoint = {
  readonly checkpoint?: {
    readonly latest?: {
      readonly secrets_providers?: { readonly type?: string; readonly state?: { readonly salt?: string } };
      readonly pending_operations?: readonly {
        readonly type?: string;
        readonly resource?: { readonly urn?: string };
      }[];
    } | null;
  };
};

/** What the first `up` of a stack begins with; Pulumi itself makes it so. */
export const emptyCheckpoint = (stack: string): string =>
  JSON.stringify({ version: 0, checkpoint: { stack: `organization/nebuladb/${stack}` } });

export type CheckpointFacts = {
  /** Of the passphrase under which something in it is sealed. None of ours is: only a stranger's `pulumi` could have done it. */
  readonly salt: string | null;
  /** What a killed run had begun and not noted the end of. */
  readonly pending: readonly string[];
};

export function readFacts(text: string): CheckpointFacts {
  const latest = parse(text).checkpoint?.latest;
  const manager = latest?.secrets_providers;
  const pending = (latest?.pending_operations ?? []).map(
    ({ type, resource }) => `${type ?? "?"} ${resource?.urn?.split("::").at(-1) ?? "?"}`,
  );
  const isNeeded = manager?.type === "passphrase" && text.includes(sealedMark);
  return { salt: isNeeded ? (manager.state?.salt ?? null) : null, pending };
}

/**
 * The checkpoint without what a killed run left open. Sound because every verb of our provider is idempotent: what was begun is
 * done again or found done, and what was made without being noted stands in the ledger.
 */
export function withoutPending(text: string): string {
  const parsed = parse(text);
  const { latest } = parsed.checkpoint ?? {};
  if (latest === undefined || latest === null) return text;
  const { pending_operations: _, ...rest } = latest;
  return JSON.stringify({ ...parsed, checkpoint: { ...parsed.checkpoint, latest: rest } });
}

/** Pulumi's mark of a value that is a secret. */
const sealedMark = "4dabf18193072939515e22adb298388d";

/** The checkpoint without the name of a key that nothing in it is sealed with: the next run chooses its own. */
export function withoutManager(text: string): string {
  const parsed = parse(text);
  const { latest } = parsed.checkpoint ?? {};
  if (latest?.secrets_providers === undefined || text.includes(sealedMark)) return text;
  const { secrets_providers: _, ...rest } = latest;
  return JSON.stringify({ ...parsed, checkpoint: { ...parsed.checkpoint, latest: rest } });
}

function parse(text: string): Checkpoint {
  try {
    return JSON.parse(text) as Checkpoint;
  } catch (cause) {
    throw stateUnreadable("the checkpoint is not JSON", { cause });
  }
}
